/** Builds the program in the layout of the package (bin/ and dist/), with the index of these tests, and runs it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Program extends AsyncDisposable {
  /** Path of bin/task.mjs. */
  readonly bin: string
}

/**
 * Builds inside the repository's node_modules, so that the program finds its dependencies.
 *
 * @param index what a Taskfile imports as `switchyard-deploy`
 */
export async function buildProgram(index = 'test/unit/runner/index.ts'): Promise<Program> {
  const cache = join(root, 'node_modules', '.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'runner-test-'))
  await build({
    entryPoints: { cli: join(root, 'cli.ts'), index: join(root, index) },
    outdir: join(folder, 'dist'),
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'silent',
  })
  for (const part of ['bin', 'nginx']) await cp(join(root, part), join(folder, part), { recursive: true })
  await cp(join(root, 'docs/errors.md'), join(folder, 'docs/errors.md'))
  await writeFile(
    join(folder, 'package.json'),
    '{ "name": "switchyard-deploy", "version": "0.0.0-test", "type": "module" }',
  )
  return { bin: join(folder, 'bin/task.mjs'), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

export interface Project extends AsyncDisposable {
  readonly folder: string
  /** Environment of its runs. Only `PATH` is inherited from this process. */
  readonly env: Readonly<Record<string, string>>
  write(path: string, text: string): Promise<void>
}

/** A temporary folder with these files and its own cache. */
export async function projectWith(files: Readonly<Record<string, string>>): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'runner-test-'))
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(files)) await write(path, text)
  const env = { PATH: process.env.PATH ?? '', HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), TERM: 'xterm' }
  return { folder, env, write, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when this text has been printed on either stream; rejects if the program exits without printing it. */
  printed(text: string): Promise<void>
}

export function start(
  program: Program,
  project: Project,
  args: readonly string[],
  more: {
    readonly cwd?: string
    readonly env?: Readonly<Record<string, string>>
    readonly node?: readonly string[]
  } = {},
): Running {
  return watch(
    spawn(process.execPath, [...(more.node ?? []), program.bin, ...args], {
      cwd: join(project.folder, more.cwd ?? ''),
      env: { ...project.env, ...more.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
}

export const runTask = (...args: Parameters<typeof start>): Promise<Ended> => start(...args).ended

/** Like `start`, in a pseudo-terminal of 100 columns. Write input to `child.stdin`. */
export function startInTerminal(
  program: Program,
  project: Project,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  return startLineInTerminal([process.execPath, program.bin, ...args].join(' '), project, env)
}

/** Runs a shell command line in such a terminal. */
export function startLineInTerminal(
  line: string,
  project: Project,
  env: Readonly<Record<string, string>> = {},
): Running {
  const command = `stty cols 100 rows 40; exec ${line}`
  return watch(
    spawn('script', ['--quiet', '--return', '--echo', 'never', '--command', command, '/dev/null'], {
      cwd: project.folder,
      env: { ...project.env, ...env, SHELL: '/bin/bash' },
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  )
}

function watch(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  const waiting = new Map<string, () => void>()
  const resolveSeen = () => {
    for (const [text, resolve] of waiting) if (stdout.includes(text) || stderr.includes(text)) resolve()
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    resolveSeen()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    resolveSeen()
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return {
    child,
    ended,
    printed: text =>
      Promise.race([
        new Promise<void>(resolve => {
          waiting.set(text, resolve)
          resolveSeen()
        }),
        ended.then(() => {
          throw new Error(`the program exited without printing ${JSON.stringify(text)}:\n${stdout}\n${stderr}`)
        }),
      ]),
  }
}
