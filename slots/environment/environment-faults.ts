/** Errors of a project's environment file. Messages never contain values. */
import { catalogue, fault } from '../../runner/fault.ts'

export const environmentFaults = catalogue({
  ENV_FILE_UNREADABLE: fault<{ file: string; why: string; missing: boolean }>({
    exitCode: 2,
    message: d => `The environment file ${d.file} cannot be read: ${d.why}.`,
    hint: d =>
      d.missing
        ? 'Write it, such as from the `.example` beside it, or name another file in the Taskfile. A fresh clone lacks what git ignores.'
        : `Make ${d.file} readable for your account, or name another file in the Taskfile.`,
  }),
  ENV_VARIABLES_MISSING: fault<{ names: readonly string[] }>({
    exitCode: 2,
    message: d => `The environment of this process lacks ${d.names.join(', ')}.`,
    hint: d =>
      `Set ${d.names.length === 1 ? 'it' : 'them'}, or take ${d.names.length === 1 ? 'it' : 'them'} out of \`fromProcess()\` in the Taskfile.`,
  }),
  ENV_NOT_READ: fault<{ sources: readonly string[] }>({
    exitCode: 2,
    message: d =>
      `A task uses the variables of the application without saying so: ${d.sources.join(', ')} was not asked.`,
    hint: () => 'Add `secrets: true` to the task in the Taskfile.',
  }),
  ENV_LINE_INVALID: fault<{ file: string; line: number; why: string; hint: string }>({
    exitCode: 2,
    message: d => `${d.file}, line ${d.line}: ${d.why}.`,
    hint: d => d.hint,
  }),
  ENV_VALUE_INVALID: fault<{ name: string; why: string; hint: string }>({
    exitCode: 2,
    message: d => `The environment variable ${d.name} cannot be passed to an application: ${d.why}.`,
    hint: d => d.hint,
  }),
})
