/** `task init`: writes what a folder needs to be deployed, and installs this package in it. Needs no Taskfile. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { arg } from '../runner/cli/args.ts'
import { manifest } from '../runner/package.ts'
import { definer } from '../runner/task.ts'
import { answersFor, type Flags, madeUp } from './answers.ts'
import { ENV_FILE, toFillIn } from './environment.ts'
import { planFor } from './files.ts'
import { folderAt } from './folder.ts'
import { install, installCommand } from './install.ts'
import { ROUTERS } from './stack.ts'
import { STACKS, stackOf } from './stacks.ts'
import { summaryText } from './summary.ts'
import { writeAll } from './write.ts'

const { task, flow } = definer()
const text = (placeholder: string, description: string) => arg.text(description, { placeholder }).optional()

const look = task('Look at the folder', {
  args: {
    stack: arg
      .choice(
        STACKS.map(({ name }) => name),
        'The kind of application, if the likeliest is wrong',
      )
      .optional(),
  },
  run({ stack: named, note }) {
    const folder = folderAt(process.cwd())
    const found = stackOf(folder, named)
    note(`${found.stack.title} (${found.by})`)
    return { folder, found }
  },
})

const answer = task('Settle host, site and ports', {
  needs: [look],
  args: {
    app: text('name', 'The name of the application on the host; by default what its own files say'),
    host: text('host', 'The host, as for ssh, such as deploy@web-1'),
    site: text('name', 'The host name of the site'),
    ports: text('ports', 'The two ports on which the slots listen, such as 4000,5000'),
    router: arg.choice(ROUTERS, 'The server in front of the slots; by default nginx').optional(),
    yes: arg.flag('Ask nothing, and take what is proposed'),
  },
  async run({ folder, found, app, host, site, ports, router, yes, note, ask }) {
    const flags: Flags = { app, host, site, ports, router, yes }
    const answers = await answersFor(folder, found.stack, flags, ask)
    note(`${answers.app} on ${answers.host}, ${answers.site}, ports ${answers.ports.join(' and ')}`)
    return { answers, corrections: madeUp(folder, flags, answers) }
  },
})

const write = task('Write the files', {
  needs: [answer],
  args: {
    ci: arg
      .choice(['github', 'gitlab', 'none'], 'Which CI to write a deploy for; by default the one of the repository')
      .optional(),
  },
  async run({ folder, found, answers, corrections, ci, dryRun, log, note }) {
    const from = manifest().name
    const parts = found.stack.parts(folder, answers)
    const plan = planFor(folder, {
      from,
      stack: found.stack,
      parts,
      answers,
      ci,
      repository: repositoryOf(process.cwd()),
    })
    const files = await writeAll(process.cwd(), plan.files, { dryRun, log })
    const count = files.filter(({ state }) => state === 'written' || state === 'completed').length
    note(`${count} written, ${files.length - count} kept`)
    const fill = toFillIn(parts.env ?? [])
    const notes = [
      ...(found.others.length === 0
        ? []
        : [`The folder could also be: ${found.others.join(', ')}. \`--stack\` chooses.`]),
      ...corrections,
      ...(fill.length === 0 ? [] : [`Fill in ${fill.join(', ')} in ${ENV_FILE}.`]),
      ...parts.notes,
      ...plan.notes,
    ]
    return { files, notes }
  },
})

const add = task('Install the package', {
  needs: [write],
  args: {
    noInstall: arg.flag('Install nothing'),
    package: text('package', 'What to install instead of the newest version, such as the path of a tarball'),
  },
  async run({ folder, found, answers, files, notes, noInstall, package: spec, $, note, show }) {
    const { name, version } = manifest()
    const command = installCommand(folder, name, spec ?? `${name}@^${version}`)
    const commits = ['git add --all', 'git commit']
    const repository = repositoryOf(process.cwd()) === undefined ? ['git init', ...commits] : commits
    const all = [
      ...notes,
      ...(answers.router === 'nginx'
        ? [
            "The site has no HTTPS yet: `nginx({ site, tls: 'certbot' })` and another `setup` add it, once its name leads to the host.",
          ]
        : []),
      `Commit, because a release is made from a commit: ${repository.map(line => `\`${line}\``).join(', ')}.`,
      'A server that was prepared before needs no bootstrap.',
    ]
    const next = [
      ...(command !== undefined && noInstall ? [command.join(' ')] : []),
      `npx task bootstrap root@${answers.host.replace(/^(?:ssh:\/\/)?(?:[^@]*@)?/, '')}`,
      'npx task setup',
      'npx task deploy',
      'npx task promote blue',
    ]
    const { app, host, site, ports, router } = answers
    show(columns => summaryText({ files, notes: all, next }, columns), {
      ...{ stack: found.stack.name, app, host, site, ports, router },
      ...{ files, notes: all, next },
    })
    if (command === undefined) note('installed already')
    else if (noInstall) note('not asked for')
    else {
      note(command.join(' '))
      await install($, command)
    }
  },
})

/** Where the repository of a folder begins. */
function repositoryOf(folder: string): 'here' | 'above' | undefined {
  if (existsSync(join(folder, '.git'))) return 'here'
  for (let at = dirname(resolve(folder)); ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return 'above'
    if (at === dirname(at)) return undefined
  }
}

export const init = flow('Set up this folder for deploys', [look, answer, write, add], {
  description:
    'Looks at the application in this folder, asks for the host, the site and the ports of the slots, and writes a Taskfile, an environment file with its\n' +
    'example, a tsconfig.json, lines for .gitignore and a deploy from CI. Then it installs this package. It overwrites no file: it says what it kept, and\n' +
    'which lines are missing there. A second run completes what the first has left.',
  examples: [
    'init',
    'init --yes',
    'init --host deploy@203.0.113.7 --site shop.example.com --ports 4000,5000',
    'init --router caddy',
    'init --dry-run',
  ],
})
