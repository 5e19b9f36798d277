/** A project of its own for one test: a Taskfile in a temporary folder, a host, and the program run as a user runs it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { startHost, type TestHost } from './host.ts'
import { lifeTarball } from './life.ts'

const BIN = fileURLToPath(new URL('../bin/task.mjs', import.meta.url))

export interface Ended {
  /** 128 + n when it was ended by signal n. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Site extends AsyncDisposable {
  readonly host: TestHost
  readonly folder: string
  /** Where nginx answers, from this machine. */
  readonly url: string
  /** Runs `task` with these words to its end. */
  task(...words: string[]): Promise<Ended>
  /** As `task`, but with a version of the sample application, and further environment. */
  taskWith(environment: Record<string, string>, ...words: string[]): Promise<Ended>
  /** Starts `task` and leaves it running, for signals. */
  start(environment: Record<string, string>, ...words: string[]): Running
  /** As `start`, in a terminal of 160 columns, or as many as COLUMNS_OF_TERMINAL says, in which a person may type. What is printed is all its `stdout`. */
  inTerminal(environment: Record<string, string>, ...words: string[]): Running
  /** What `/deployment_id` says now; '' when it says nothing. */
  live(): Promise<string>
}

export interface Running {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Only a terminal hears it. */
  type(keys: string): void
  readonly ended: Promise<Ended>
  /** Resolves when a line of its output has matched. */
  says(pattern: RegExp): Promise<void>
}

/** How the Taskfile of a site differs from the plain one; each is TypeScript text. */
export interface SiteOptions {
  readonly build?: string
  readonly router?: string
  readonly runtime?: string
  readonly more?: string
  readonly tasks?: string
  readonly ports?: readonly number[]
  /** Makes another host of it before anything is set up there. */
  readonly prepare?: (host: TestHost) => Promise<void>
}

const taskfile = ({ build, router, runtime, more, tasks }: SiteOptions): string => `
import { beam, command, docker, env, haproxy, nginx, project, ssh, tarball } from 'switchyard'

const { tasks, task, flow, slot } = project({
  app: 'life',
  host: ssh('life-test', { configFile: env.SSH_CONFIG }),
  build: ${build ?? "tarball({ path: env.LIFE_TARBALL ?? '', version: env.LIFE_VERSION ?? '' })"},
  runtime: ${runtime ?? 'beam()'},
  router: ${router ?? "nginx({ site: 'life.example' })"},
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
  ${more ?? ''}
})

export const { setup, build, upload, detectLive, stopIdle, startIdle, checkIdle } = tasks
export const { deploy, promote, rollback, migrate, console, status } = tasks
${tasks ?? ''}
`

/** Boots a host and writes a Taskfile for it. Nothing is set up on the host yet. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const [host, folder] = await Promise.all([
    startHost({ ports: options.ports ?? [] }),
    mkdtemp(join(tmpdir(), 'switchyard-site-')),
  ])
  await writeFile(join(folder, 'Taskfile.ts'), taskfile(options))
  await options.prepare?.(host)
  const environment = async (more: Record<string, string>) => {
    const version = more.LIFE_VERSION ?? '0.1.0'
    return {
      ...process.env,
      CI: '1',
      SSH_CONFIG: host.sshConfigFile,
      LIFE_VERSION: version,
      LIFE_TARBALL: await lifeTarball(version),
      ...more,
    }
  }
  const taskWith = async (more: Record<string, string>, ...words: string[]) =>
    runTask(folder, await environment(more), words).ended
  const prepared = await environment({})
  return {
    host,
    folder,
    url: `http://127.0.0.1:${host.httpPort}`,
    task: (...words) => taskWith({}, ...words),
    taskWith,
    start: (more, ...words) => runTask(folder, { ...prepared, ...more }, words),
    inTerminal(more, ...words) {
      const line = [
        `stty cols ${more.COLUMNS_OF_TERMINAL ?? 160} rows 40;`,
        'exec',
        process.execPath,
        BIN,
        ...words,
      ].join(' ')
      const script = ['--quiet', '--return', '--echo', 'never', '--command', line, '/dev/null']
      const env = { ...prepared, ...more, CI: more.CI ?? '', TERM: 'xterm', SHELL: '/bin/bash' }
      return watch(spawn('script', script, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] }))
    },
    async live() {
      const answer = await host.exec('curl -s --max-time 5 http://127.0.0.1/deployment_id')
      return answer.stdout.trim()
    },
    async [Symbol.asyncDispose]() {
      await host.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Runs the built program in a folder. */
export const runTask = (folder: string, env: NodeJS.ProcessEnv, words: readonly string[]): Running =>
  runProgram(folder, env, [BIN, ...words])

/** Runs a program of Node's in a folder; by this Node unless another one is named. */
export const runProgram = (
  folder: string,
  env: NodeJS.ProcessEnv,
  words: readonly string[],
  node = process.execPath,
): Running => watch(spawn(node, [...words], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }))

function watch(child: ChildProcessByStdio<Writable | null, Readable, Readable>): Running {
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  const heard = () => {
    for (const look of waiting) look()
  }
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
    heard()
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
    heard()
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : -1), stdout, stderr }))
  })
  return {
    pid: child.pid ?? -1,
    kill: signal => void child.kill(signal),
    type: keys => void child.stdin?.write(keys),
    ended,
    says: pattern =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(stdout + stderr)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        void ended.then(() => reject(new Error(`it ended without saying ${pattern}:\n${stdout}${stderr}`)))
      }),
  }
}
