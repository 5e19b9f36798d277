/** The errors of the command line, of the Taskfile, and of a run itself. */
import { catalogue, fault } from './fault.ts'

/** A place in a file, as editors count. */
export interface Place {
  /** Path from the working folder. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

const at = ({ file, line, column }: Place) => `${file}:${line}:${column}`
const didYouMean = (near: string | undefined, otherwise: string) =>
  near === undefined ? otherwise : `Did you mean ${near}?`
const listed = (names: readonly string[]) => names.map(name => `\`${name}\``).join(' and ')

export const runnerFaults = catalogue({
  TASKFILE_MISSING: fault<{ from: string; named: boolean }>({
    exitCode: 2,
    message: d =>
      d.named ? `There is no Taskfile at ${d.from}.` : `No Taskfile.ts was found in ${d.from} or above it.`,
    hint: d =>
      d.named
        ? 'Check the path given to --taskfile.'
        : 'Write one with `npx switchyard-deploy init`, or give its path: `npx task --taskfile <path>`.',
  }),
  FOLDER_GONE: fault<undefined>({
    exitCode: 2,
    message: () => 'The working folder does not exist any more.',
    hint: () => 'Change to an existing folder, such as with `cd`, and run the command there.',
  }),
  PACKAGE_MISSING: fault<{ name: string; folder: string }>({
    exitCode: 2,
    message: d => `The package ${d.name}, which switchyard needs, is not installed.`,
    hint: d =>
      `Install the packages again: run \`npm install\` in the folder whose package.json names them (${d.folder}).`,
  }),
  /** `lacks`: the package that was not found, if that is the reason; `near`: the name of this one, if it was meant. */
  TASKFILE_BROKEN: fault<{
    place: Place
    reason: string
    frame: string
    lacks?: string | undefined
    near?: string | undefined
  }>({
    exitCode: 2,
    message: d => `${at(d.place)}  ${d.reason}`,
    hint: d =>
      didYouMean(
        d.near && `\`${d.near}\``,
        d.lacks === undefined
          ? `Correct line ${d.place.line} of ${d.place.file}.`
          : `Install the package ${d.lacks} in the folder of the Taskfile, or correct line ${d.place.line} of ${d.place.file}.`,
      ),
    detail: d => d.frame,
  }),
  TASKFILE_FAILED: fault<{
    file: string
    place?: Place | undefined
    reason: string
    frame?: string | undefined
    /** A name that this package exports and the Taskfile does not import. */
    unimported?: { name: string; from: string } | undefined
    near?: string | undefined
  }>({
    exitCode: 2,
    message: d => `${d.place ? at(d.place) : d.file}  ${d.reason}`,
    hint: d =>
      d.unimported
        ? `Import it: \`import { ${d.unimported.name} } from '${d.unimported.from}'\`.`
        : didYouMean(
            d.near && `\`${d.near}\``,
            `Correct this first: ${d.file} failed while it was loaded, before any task ran.`,
          ),
    detail: d => d.frame,
  }),
  OPTION_UNKNOWN: fault<{ factory: string; field: string; near: string | undefined; known: readonly string[] }>({
    exitCode: 2,
    message: d => `${d.factory} has no option \`${d.field}\`.`,
    hint: d =>
      didYouMean(d.near && `\`${d.near}\``, `It takes ${d.known.map(name => `\`${name}\``).join(', ') || 'none'}.`),
  }),
  OPTION_MISSING: fault<{ factory: string; field: string; expected: string }>({
    exitCode: 2,
    message: d => `${d.factory} needs \`${d.field}\`, which is missing.`,
    hint: d => `Write \`${d.field}\` in the Taskfile: ${d.expected}.`,
  }),
  OPTION_INVALID: fault<{ factory: string; field: string; got: string; expected: string }>({
    exitCode: 2,
    message: d =>
      `${d.field === '' ? `The argument of ${d.factory}` : `\`${d.field}\` of ${d.factory}`} cannot be ${d.got}.`,
    hint: d => `Change it: it must be ${d.expected}.`,
  }),
  TASKFILE_EMPTY: fault<{ file: string }>({
    exitCode: 2,
    message: d => `${d.file} exports no task.`,
    hint: () => "Export one: `export const hello = task('Say hello', { run: ({ log }) => log('hello') })`.",
  }),
  EXPORT_UNDEFINED: fault<{ name: string; near: string | undefined }>({
    exitCode: 2,
    message: d => `The Taskfile exports \`${d.name}\`, which is undefined.`,
    hint: d => didYouMean(d.near && `\`${d.near}\``, 'Define it, or remove it from the exports.'),
  }),
  UNKNOWN_TASK: fault<{ name: string; near: string | undefined; line?: string | undefined }>({
    exitCode: 2,
    message: d => `There is no task \`${d.name}\`${d.line === undefined ? '' : ': the Taskfile does not export it'}.`,
    hint: d =>
      d.line === undefined
        ? didYouMean(d.near && `\`npx task ${d.near}\``, 'Run `npx task` to see them all.')
        : `Add this line to the Taskfile: \`${d.line}\`.`,
  }),
  UNKNOWN_CODE: fault<{ code: string; near: string | undefined }>({
    exitCode: 2,
    message: d => `switchyard has no error ${d.code}.`,
    hint: d =>
      didYouMean(
        d.near,
        'Give the code in brackets behind an error. The codes of a plugin are explained by the package that it is from.',
      ),
  }),
  UNKNOWN_FLAG: fault<{ flag: string; near: string | undefined; command: string | undefined }>({
    exitCode: 2,
    message: d => (d.command === undefined ? `There is no flag ${d.flag}.` : `\`${d.command}\` has no flag ${d.flag}.`),
    hint: d =>
      didYouMean(d.near, `Run \`npx task ${d.command === undefined ? '' : `${d.command} `}--help\` to see its flags.`),
  }),
  FLAG_WITHOUT_VALUE: fault<{ flag: string; placeholder: string; got: string | undefined }>({
    exitCode: 2,
    message: d => `${d.flag} needs a value${d.got === undefined ? '' : `, and ${d.got} looks like another flag`}.`,
    hint: d =>
      `Write ${d.flag} <${d.placeholder}>${d.got === undefined ? '' : `, or ${d.flag}=${d.got} if that is the value`}.`,
  }),
  FLAG_WITH_VALUE: fault<{ flag: string; value: string }>({
    exitCode: 2,
    message: d => `${d.flag} is a switch and takes no value, but got \`${d.value}\`.`,
    hint: d => `Write ${d.flag} alone, or leave it out.`,
  }),
  ARGUMENT_MISSING: fault<{ command: string; argument: string; allowed: string; usage: string }>({
    exitCode: 2,
    message: d => `\`${d.command}\` needs <${d.argument}>: ${d.allowed}.`,
    hint: d => `Write: \`npx task ${d.usage}\`.`,
  }),
  ARGUMENT_UNEXPECTED: fault<{ command: string; value: string; usage: string }>({
    exitCode: 2,
    message: d => `\`${d.command}\` has no argument for \`${d.value}\`.`,
    hint: d => `Write: \`npx task ${d.usage}\`.`,
  }),
  ARGUMENT_TWICE: fault<{ argument: string; first: string; second: string }>({
    exitCode: 2,
    message: d => `<${d.argument}> was given twice: \`${d.first}\` and \`${d.second}\`.`,
    hint: () => 'Give it once.',
  }),
  /** `argument`: as it is typed: `<slot>` or `--lines`. */
  ARGUMENT_INVALID: fault<{
    argument: string
    value: string
    reason: string
    near: string | undefined
    command: string | undefined
  }>({
    exitCode: 2,
    message: d => `${d.argument} cannot be \`${d.value}\`: ${d.reason}.`,
    hint: d =>
      didYouMean(
        d.near && `\`${d.near}\``,
        `Correct it; \`npx task ${d.command === undefined ? '' : `${d.command} `}--help\` shows what it is.`,
      ),
  }),
  ARGUMENT_CLASH: fault<{ argument: string; titles: readonly string[]; command: string }>({
    exitCode: 2,
    message: d =>
      `Two tasks of \`${d.command}\` use the argument name \`${d.argument}\` for different things: ${listed(d.titles)}.`,
    hint: () => 'Give both the same argument object, or rename one.',
  }),
  ARGUMENT_RESERVED: fault<{ argument: string; title: string }>({
    exitCode: 2,
    message: d => `The argument \`${d.argument}\` of \`${d.title}\` has the name of a flag that every command has.`,
    hint: () => 'Rename it.',
  }),
  SHORT_FLAG_TAKEN: fault<{ short: string; argument: string; title: string; other: string }>({
    exitCode: 2,
    message: d => `The short flag -${d.short} of \`${d.argument}\` in \`${d.title}\` is already that of --${d.other}.`,
    hint: () => 'Give it another letter, or leave it out.',
  }),
  DESTINATION_MISSING: fault<{ command: string; names: readonly string[] }>({
    exitCode: 2,
    message: d => `\`${d.command}\` needs a destination: ${d.names.join(' or ')}.`,
    hint: d =>
      `Add \`-d ${d.names[0]}\`, set TASK_DESTINATION, or name a default in the Taskfile: \`default: '${d.names[0]}'\`.`,
  }),
  DESTINATION_UNKNOWN: fault<{ name: string; by: string; names: readonly string[]; near: string | undefined }>({
    exitCode: 2,
    message: d => `${d.by} cannot be \`${d.name}\`: the destinations of the Taskfile are ${listed(d.names)}.`,
    hint: d => didYouMean(d.near && `\`${d.near}\``, 'Give one of them.'),
  }),
  DESTINATIONS_NONE: fault<{ name: string; by: string }>({
    exitCode: 2,
    message: d => `${d.by} is \`${d.name}\`, but the Taskfile has no destinations.`,
    hint: d =>
      `${d.by === '--destination' ? 'Leave it out' : `Unset ${d.by}`}, or define them: \`destinations: { ${d.name}: { ... } }\` in \`project()\`.`,
  }),
  DESTINATION_TWICE: fault<{ first: string; second: string }>({
    exitCode: 2,
    message: d => `--destination was given twice: \`${d.first}\` and \`${d.second}\`.`,
    hint: () => 'Give it once.',
  }),
  DESTINATION_NOT_CONFIRMED: fault<{ command: string; name: string; host: string }>({
    exitCode: 3,
    message: d => `\`${d.command}\` would change ${d.name} (${d.host}), and was not confirmed; nothing was contacted.`,
    hint: () => 'Answer `y` in a terminal, or add `--yes`. `--dry-run` shows what would change.',
  }),
  HOST_UNKNOWN: fault<{ flag: string; name: string; names: readonly string[]; near: string | undefined }>({
    exitCode: 2,
    message: d =>
      `${d.flag} names \`${d.name}\`, which is no host of the Taskfile: ${d.names.length > 0 ? listed(d.names) : 'it has none'}.`,
    hint: d => didYouMean(d.near && `\`${d.near}\``, 'Give one of them, or several with commas between them.'),
  }),
  HOSTS_NONE_LEFT: fault<{ flag: string }>({
    exitCode: 2,
    message: d => `${d.flag} leaves no host to work on.`,
    hint: () => 'Leave at least one host.',
  }),
  LIMIT_TWICE: fault<{ limit: string }>({
    exitCode: 2,
    message: d => `\`--serial\` and \`--limit ${d.limit}\` both say how many hosts work at once.`,
    hint: () => 'Give one of the two.',
  }),
  ROLE_UNKNOWN: fault<{ name: string; names: readonly string[]; near: string | undefined }>({
    exitCode: 2,
    message: d =>
      `--role names \`${d.name}\`, which is no role of the Taskfile's hosts: ${d.names.length > 0 ? listed(d.names) : 'they have none'}.`,
    hint: d => didYouMean(d.near && `\`${d.near}\``, 'Give one of them, or several with commas between them.'),
  }),
  HOSTS_CHOSEN_TWICE: fault<{ host: string; flag: string; names: string }>({
    exitCode: 2,
    message: d => `\`--host ${d.host}\` and \`${d.flag} ${d.names}\` both choose the hosts.`,
    hint: () => 'Give one of the two.',
  }),
  TASKS_OF_ONE_NAME: fault<{ name: string; exports: readonly string[] }>({
    exitCode: 2,
    message: d => `The exports ${listed(d.exports)} would both be the command \`${d.name}\`.`,
    hint: () => 'Rename one of them.',
  }),
  TASK_RESERVED: fault<{ name: string; from: string }>({
    exitCode: 2,
    message: d => `The export \`${d.from}\` would be the command \`${d.name}\`, which every Taskfile has already.`,
    hint: () => 'Rename it.',
  }),
  CYCLE: fault<{ titles: readonly string[] }>({
    exitCode: 2,
    message: d => `Tasks need each other in a circle: ${d.titles.join(' -> ')}.`,
    hint: () => 'Remove one of these needs.',
  }),
  NEED_UNDEFINED: fault<{ title: string; position: number }>({
    exitCode: 2,
    message: d => `Need number ${d.position} of \`${d.title}\` is not a task.`,
    hint: () => 'Move it to a file of its own: it is used before it is defined, as when two files import each other.',
  }),
  STEP_NOT_IN_FLOW: fault<{ flow: string; step: string; title: string }>({
    exitCode: 2,
    message: d => `\`${d.title}\` cannot be beside \`${d.step}\`, which is no step of \`${d.flow}\`.`,
    hint: () => 'Name a step that the flow has; `--help` lists them.',
  }),
  INTERACTIVE_NOT_LAST: fault<{ title: string; command: string }>({
    exitCode: 2,
    message: d => `\`${d.title}\` takes the terminal, so nothing can come after it in \`${d.command}\`.`,
    hint: () => 'Put it last in its flow, and let no task need it.',
  }),
  INTERACTIVE_JSON: fault<{ title: string }>({
    exitCode: 2,
    message: d => `\`${d.title}\` takes the terminal, which --json needs for its events.`,
    hint: () => 'Leave out --json.',
  }),
  WAITS_FOR_NOTHING: fault<{ doing: string }>({
    exitCode: 1,
    message: d =>
      `${d.doing} is waiting for a promise that can never settle, because nothing is pending in the event loop.`,
    hint: () => 'Look for a promise that nothing resolves or rejects.',
  }),
  NO_RESULT: fault<undefined>({
    exitCode: 1,
    message: () => 'The program ended before the command had a result.',
    hint: () =>
      'Look for a `process.exit()` in the Taskfile and in what it imports, and for a promise that nothing settles.',
  }),
  OUTPUT_LOST: fault<{ why: string }>({
    exitCode: 1,
    message: d => `The command itself succeeded, but its result could not be written to standard output: ${d.why}.`,
    hint: () =>
      'Do not repeat a command that changes something. Read the result by another command, with an output that can be written.',
  }),
  INTERRUPTED: fault<{ signal: string }>({
    exitCode: 130,
    message: d => `Interrupted by ${d.signal}.`,
    hint: () => 'Run it again when you are ready.',
  }),
})
