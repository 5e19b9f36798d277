/** The quick starts: one page for each kind of application, with the files that `init` writes for it. */
import { exampleText } from '../../init/environment.ts'
import { planFor } from '../../init/files.ts'
import { stackOf } from '../../init/stacks.ts'
import { manifest } from '../../runner/package.ts'
import { markdown } from './markdown.ts'
import { folderWith, SAMPLES, type Sample } from './samples.ts'

const ANSWERS = {
  app: 'shop',
  host: 'deploy@203.0.113.7',
  site: 'shop.example',
  ports: [4000, 5000],
  router: 'nginx',
} as const

/** What `init` makes of a folder with these files. */
export function initialized(files: Readonly<Record<string, string>>) {
  const folder = folderWith(files)
  const { stack, by } = stackOf(folder, undefined)
  const parts = stack.parts(folder, ANSWERS)
  const setting = { from: manifest().name, stack, parts, answers: ANSWERS, repository: 'here', ci: 'github' } as const
  const taskfile = planFor(folder, setting).files.find(({ path }) => path === 'Taskfile.ts')?.text ?? ''
  return { by, parts, taskfile }
}

export const quickStarts = (): Readonly<Record<string, string>> =>
  Object.fromEntries(SAMPLES.map(sample => [`docs/quick-start-${sample.name}.md`, page(sample)]))

function page(sample: Sample): string {
  const { by, parts, taskfile } = initialized(sample.files)
  const promote = sample.migrates ? ['npx task deploy --migrate --promote'] : ['npx task deploy --promote']
  const install = `apt-get install -y ${['nginx curl sudo', sample.packages].filter(Boolean).join(' ')}`
  return [
    `# Quick start: ${sample.title}`,
    '',
    '<!-- Generated from what `init` writes, by `npm run docs:generate`. -->',
    '',
    'From an application and a bare Debian or Ubuntu server, on which you can log in as root, to a site. [The quick start](quick-start.md) says what',
    'both machines need, and how to begin before the first version is published.',
    '',
    '## The server',
    '',
    '[`npx task bootstrap`](hosts.md#a-bare-server), the third command below, makes it ready: nginx, what the application needs, and the account',
    '`deploy` with your key.',
    '',
    ...sample.host.map(text => `- ${text}`),
    '- The name of the site leads to the server. HTTPS is [one option more](routers.md#https-with-nginx).',
    '',
    '## The Taskfile',
    '',
    'In the folder of the application:',
    '',
    `    npx ${manifest().name}@latest init --host ${ANSWERS.host} --site ${ANSWERS.site} --ports ${ANSWERS.ports.join(',')}`,
    '',
    `\`init\` finds \`${by}\`, asks what no flag says, overwrites nothing, and writes \`Taskfile.ts\`:`,
    '',
    ...block('ts', taskfile),
    ...also(sample),
    ...(parts.env === undefined
      ? []
      : [
          '',
          'It also writes `.env.production`, which git ignores, with a random value for each secret that can be made, and its example:',
          '',
          ...block('sh', exampleText(parts.env)),
        ]),
    ...(parts.notes.length === 0
      ? []
      : ['', 'It says what to know before the first deploy:', '', ...parts.notes.map(note => `- ${markdown(note)}`)]),
    '',
    '## The first deploy',
    '',
    '    git add --all && git commit -m "Deploy with switchyard"',
    '    npx task bootstrap root@203.0.113.7    # says what it will do, and asks',
    '    npx task setup                         # the site, the units of both slots, a few sudo rules',
    `    ${promote[0]}`,
    '',
    `On a server that you prepare by hand, \`${install}\` and \`npx task setup --login root\` take the place of`,
    '`bootstrap` and `setup`: the latter creates the account `deploy`, with the keys of root.',
    '',
    'The site is live. From then on the last command is all that a new version needs; `npx task rollback` goes back at once, and `npx task status`',
    'shows both slots. `init` wrote [a deploy from CI](ci.md) too.',
    '',
    '## Then',
    '',
    ...sample.later.map(text => `- ${text}`),
    '- Before real users come: [the production checklist](production.md).',
    '',
  ].join('\n')
}

function also({ also }: Sample): string[] {
  if (!also) return []
  return ['', `For ${also.title} it is:`, '', ...block('ts', initialized(also.files).taskfile)]
}

const block = (language: string, text: string): string[] => [`\`\`\`${language}`, ...text.trimEnd().split('\n'), '```']
