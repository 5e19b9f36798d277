/** docs/reference-commands.md: every command with its steps, arguments, flags and examples, as `--help` prints them. */
import { beam, docker, nginx, project, ssh } from '../../index.ts'
import { init } from '../../init/command.ts'
import { EXPLAIN, INIT, kebab } from '../../runner/cli/commands-of.ts'
import { explain } from '../../runner/cli/explain.ts'
import { globalFlags, placesOf, placeText, restOf, restText, usage } from '../../runner/cli/flags.ts'
import { descriptionOf, examplesOf, flagText } from '../../runner/cli/help.ts'
import { type Plan, planOf } from '../../runner/engine/plan.ts'
import type { AnyTask } from '../../runner/task.ts'
import { markdown } from './markdown.ts'

/** Contacts nothing: the tasks are made as in a Taskfile. */
export const { tasks } = project({
  app: 'life',
  host: ssh('deploy@web-1'),
  build: docker(),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  env: '.env.production',
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})

export function commandsPage(): string {
  const standard = new Map(Object.entries(tasks).map(([name, task]) => [kebab(name), task as AnyTask]))
  const own = new Map<string, AnyTask>([
    [INIT, init],
    [EXPLAIN, explain],
  ])
  const plans = [...own, ...standard].map(([name, task]) => planOf(name, task, standard))
  return [
    '# All commands and flags',
    '',
    '<!-- Generated from the tasks by `npm run docs:generate`. -->',
    '',
    'What `npx task <command> --help` prints, for a Taskfile with the slots `blue` and `green` that exports every standard task.',
    '[Commands](commands.md) explains them with their output. `init`, `explain` and `completion` need no Taskfile.',
    '',
    '## Flags of every command',
    '',
    '| flag | what it does |',
    '| --- | --- |',
    ...Object.entries(globalFlags).map(([name, flag]) => row(flagText(name, flag), flag.description)),
    ...plans.flatMap(commandLines),
    '',
    '## completion',
    '',
    'Print the script that makes Tab complete `task` and `npx task`.',
    '',
    '    npx task completion bash',
    '    npx task completion zsh',
    '    npx task completion fish',
    '',
  ].join('\n')
}

function commandLines(plan: Plan): string[] {
  const { task } = plan
  const places = placesOf(plan)
  const rest = restOf(plan)
  const flags = [...plan.args].filter(([, arg]) => !arg.required && !arg.positional && arg.kind !== 'rest')
  const rows = [
    ...places.map(([name, arg]) => row(placeText([name, arg]), descriptionOf(arg))),
    ...(rest ? [row(restText(rest), descriptionOf(rest))] : []),
    ...flags.map(([name, arg]) => row(flagText(kebab(name), { ...arg, type: arg.kind }), descriptionOf(arg))),
  ]
  return [
    '',
    `## ${plan.command}`,
    '',
    `${markdown(task.title)}.`,
    ...(task.description === undefined ? [] : ['', ...task.description.split('\n').map(markdown)]),
    '',
    ...[`npx task ${usage(plan)}`, ...examplesOf(plan).map(example => `npx task ${example}`)]
      .filter((line, i, all) => all.indexOf(line) === i)
      .map(line => `    ${line}`),
    ...(plan.steps.length < 2 ? [] : ['', ...plan.steps.map(({ title }, i) => `${i + 1}. ${markdown(title)}`)]),
    ...(rows.length === 0 ? [] : ['', '| argument or flag | what it does |', '| --- | --- |', ...rows]),
  ]
}

const row = (left: string, right: string) => `| \`${left.replaceAll('|', '\\|')}\` | ${markdown(right)} |`
