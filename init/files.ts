/** The files that `init` writes. Pure, but for what it reads in the folder. */
import { TASKFILES } from '../runner/taskfile/load.ts'
import type { Answers } from './answers.ts'
import { type Forge, forgeOf, githubWorkflow, gitlabJob } from './ci.ts'
import { ENV_EXAMPLE, ENV_FILE, ENV_HEADER, ENV_REHEARSAL, environmentText, exampleText } from './environment.ts'
import { type Folder, jsonIn, objectIn } from './folder.ts'
import { missingRules } from './ignores.ts'
import { managerOf } from './package-manager.ts'
import type { Stack, StackParts } from './stack.ts'
import { taskfileText } from './taskfile.ts'

export interface PlannedFile {
  /** Relative to the folder. */
  readonly path: string
  /** The whole file, or the lines to append to one that exists. */
  readonly text: string
  /** @default 'create' */
  readonly how?: 'create' | 'append'
  /** As in `chmod`. @default by the umask */
  readonly mode?: number
  /** Its content is never printed. */
  readonly secret?: boolean
  /** Whether a file that exists can be anything: what it lacks of ours is not told. */
  readonly own?: boolean
}

export interface Plan {
  readonly files: readonly PlannedFile[]
  /** What is left to do by hand, or to know. One sentence each. */
  readonly notes: readonly string[]
}

export interface Setting {
  /** The name of this package. */
  readonly from: string
  readonly stack: Stack
  readonly parts: StackParts
  readonly answers: Answers
  /** Where the git repository begins; undefined outside of one. */
  readonly repository: 'here' | 'above' | undefined
  /** @default by the folder */
  readonly ci: Forge | 'none' | undefined
}

export function planFor(folder: Folder, setting: Setting): Plan {
  const { from, stack, parts, answers } = setting
  const ci = workflow(folder, setting)
  const existing = TASKFILES.find(name => folder.has(name))
  const files: PlannedFile[] = [
    { path: existing ?? 'Taskfile.ts', text: taskfileText(from, stack, parts, answers) },
    ...(parts.env === undefined
      ? []
      : [
          { path: ENV_EXAMPLE, text: exampleText(parts.env) },
          { path: ENV_FILE, text: environmentText(parts.env), mode: 0o600, secret: true },
        ]),
    ...(folder.has('package.json') ? [] : [{ path: 'package.json', text: '{\n  "private": true\n}\n' }]),
    ...(needsTsconfig(folder) ? [{ path: 'tsconfig.json', text: TSCONFIG, own: true }] : []),
    ...ignored(folder, parts),
    ...ci.files,
  ]
  const foreign = parts.env !== undefined && folder.has(ENV_FILE) && !folder.text(ENV_FILE).startsWith(ENV_HEADER)
  // Next.js and Vite have a file of this name in git, with values that are public.
  const notes = foreign ? [`${ENV_FILE} was there: if git tracks it, name another file in \`env\` for secrets.`] : []
  return { files, notes: [...notes, ...ci.notes] }
}

/** For editors and `tsc`: the Taskfile runs without it. Next.js takes a folder with a tsconfig.json for an application in TypeScript, and changes it. */
function needsTsconfig(folder: Folder): boolean {
  const { dependencies } = jsonIn(folder, 'package.json')
  return !Object.hasOwn(objectIn(dependencies), 'next')
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2023",
    "module": "esnext",
    "moduleResolution": "bundler",
    "types": ["node"],
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true
  },
  "include": ["Taskfile.ts"]
}
`

function ignored(folder: Folder, { env }: StackParts): PlannedFile[] {
  const rules = folder.text('.gitignore')
  const missing = env
    ? missingRules(rules, [ENV_FILE, ENV_REHEARSAL, 'node_modules/'], [ENV_EXAMPLE])
    : missingRules(rules, ['node_modules/'], [])
  return [{ path: '.gitignore', text: missing.map(line => `${line}\n`).join(''), how: 'append' }]
}

const GITLAB = '.gitlab-ci.yml'

function workflow(folder: Folder, { ci, parts, repository }: Setting): Plan {
  if (ci === 'none') return { files: [], notes: [] }
  const forge = ci ?? forgeOf(folder.has, folder.text('.git/config'))
  if (ci === undefined && repository === 'above')
    return {
      files: [],
      notes: [
        'The deploy from CI belongs to the root of the repository, above this folder: `--ci github` or `--ci gitlab` writes it here, to be moved.',
      ],
    }
  const setting = { branch: branchOf(folder), manager: managerOf(folder), parts }
  if (forge === 'github')
    return { files: [{ path: '.github/workflows/deploy.yml', text: githubWorkflow(setting) }], notes: [] }
  const job = gitlabJob(setting)
  // Without a pipeline, or with the one that an earlier `init` made.
  if (!folder.has(GITLAB) || /^\s*- npx task deploy\b/m.test(folder.text(GITLAB)))
    return { files: [{ path: GITLAB, text: job }], notes: [] }
  // The jobs of a pipeline are in one file, which somebody else wrote.
  const local = '.gitlab/deploy.yml'
  const included = folder.text(GITLAB).includes(local)
  return {
    files: [{ path: local, text: job }],
    notes: included ? [] : [`Add to ${GITLAB}: include: [{ local: ${local} }]`],
  }
}

const branchOf = (folder: Folder): string => {
  const branch = /^ref: refs\/heads\/(\S+)/.exec(folder.text('.git/HEAD'))?.[1]
  return branch === 'master' ? 'master' : 'main'
}
