/** The text of the Taskfile. Pure. */
import type { Answers } from './answers.ts'
import { indented, quoted, type Stack, type StackParts } from './stack.ts'

/** The standard tasks that every application has, one line of exports each. */
const TASKS = [
  ['bootstrap', 'setup', 'deploy', 'promote', 'rollback', 'restart', 'status', 'logs', 'exec'],
  ['retire', 'repair', 'doctor', 'history', 'releases', 'prune', 'pending', 'lock', 'unlock', 'maintenance'],
  ['config', 'envDiff', 'envPush', 'remove', 'watch', 'rehearse'],
]

export function taskfileText(from: string, { title }: Stack, parts: StackParts, answers: Answers): string {
  const { app, host, site, ports, router } = answers
  const imports = [...new Set([router, 'project', 'ssh', ...parts.imports])].sort()
  const [first = [], ...rest] = TASKS
  const exported = [[...first, ...(parts.tasks ?? [])], ...rest]
  const headers = Object.entries(parts.healthHeaders ?? {}).map(([name, value]) => `${quoted(name)}: ${quoted(value)}`)
  const health = [
    "path: '/'",
    'version: false',
    ...(headers.length === 0 ? [] : [`headers: { ${headers.join(', ')} }`]),
  ].join(', ')
  const options = [
    `app: ${quoted(app)},`,
    `host: ssh(${quoted(host)}),`,
    '// A release is made from the commit, in a checkout of its own: nothing that git ignores gets into it.',
    `build: ${parts.build},`,
    `runtime: ${parts.runtime},`,
    `router: ${router}({ site: ${quoted(site)} }),`,
    ...(parts.env === undefined ? [] : ["env: '.env.production',"]),
    ...(parts.packages === undefined ? [] : [`packages: [${parts.packages.map(quoted).join(', ')}],`]),
    ...(parts.options ?? []).map(option => `${option},`),
    ...(parts.answersHealth
      ? []
      : [
          '// Any answer of 200 will do. Safer: answer /health with {"version":"1.2.3"}, and remove this line.',
          `health: { ${health} },`,
        ]),
    `slots: { blue: { port: ${ports[0]} }, green: { port: ${ports[1]} } },`,
  ]
  return [
    `// Deploys ${title.replace(/^an? /, 'the ')}: \`npx task\` lists the commands.`,
    `import { ${imports.join(', ')} } from ${quoted(from)}`,
    '',
    'const { tasks } = project({',
    indented(options.join('\n')),
    '})',
    '',
    ...exported.map(names => `export const { ${names.join(', ')} } = tasks`),
    '',
  ].join('\n')
}
