/** A project for one test: a Taskfile in a temporary folder, a host, and the built program, run as by a user. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { startHost, type TestHost } from './host.ts'
import { lifeTarball } from './life.ts'
import { TASK } from './paths.ts'

export interface Ended {
  /** The exit code; 128 if a signal ended the program. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Site extends AsyncDisposable {
  readonly host: TestHost
  readonly folder: string
  /** The URL of nginx, from this machine. */
  readonly url: string
  /** Runs `task` with these arguments to its end. */
  task(...args: string[]): Promise<Ended>
  /** As `task`, with additional environment variables; LIFE_VERSION selects the version of the sample application. @default '0.1.0' */
  taskWith(environment: Record<string, string>, ...args: string[]): Promise<Ended>
  /** Starts `task` without waiting for its end, for signals. */
  start(environment: Record<string, string>, ...args: string[]): Running
  /** As `start`, in a terminal of 160 columns or as many as COLUMNS_OF_TERMINAL says. Both outputs are in `stdout`. */
  inTerminal(environment: Record<string, string>, ...args: string[]): Running
  /** The body of `/deployment_id`; '' if there is no response. */
  live(): Promise<string>
}

export interface Running {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Types into the terminal; does nothing without one. */
  type(keys: string): void
  readonly ended: Promise<Ended>
  /** Resolves when the output so far matches; rejects when the program ends without that. */
  says(pattern: RegExp): Promise<void>
}

/** Changes to the default Taskfile of a site; each is TypeScript text. */
export interface SiteOptions {
  readonly build?: string
  readonly router?: string
  readonly runtime?: string
  readonly more?: string
  readonly tasks?: string
  readonly ports?: readonly number[]
  /** A server on which only root can log in. @default false */
  readonly bare?: boolean
  /** A host that may change its own network, as `HostOptions.engines`. @default false */
  readonly engines?: boolean
  /** Changes the host before anything is set up there. */
  readonly prepare?: (host: TestHost) => Promise<void>
}

const taskfile = ({ build, router, runtime, more, tasks }: SiteOptions): string => `
import { beam, caddy, command, docker, env, haproxy, nginx, project, service, ssh, tarball } from 'switchyard-deploy'

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

/** Boots a host and writes a Taskfile for it. Sets up nothing on the host. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const [host, folder] = await Promise.all([
    startHost({ ports: options.ports ?? [], bare: options.bare ?? false, engines: options.engines ?? false }),
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
  const taskWith = async (more: Record<string, string>, ...args: string[]) =>
    runTask(folder, await environment(more), args).ended
  const prepared = await environment({})
  return {
    host,
    folder,
    url: `http://127.0.0.1:${host.httpPort}`,
    task: (...args) => taskWith({}, ...args),
    taskWith,
    start: (more, ...args) => runTask(folder, { ...prepared, ...more }, args),
    inTerminal: (more, ...args) => runTaskInTerminal(folder, { ...prepared, CI: '', ...more }, args),
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
export const runTask = (folder: string, env: NodeJS.ProcessEnv, args: readonly string[]): Running =>
  runProgram(folder, env, [TASK, ...args])

/** Runs the built program in a folder, in a terminal of 40 rows. `COLUMNS_OF_TERMINAL` has its columns, 160 by default. */
export function runTaskInTerminal(folder: string, env: NodeJS.ProcessEnv, args: readonly string[]): Running {
  const size = `stty cols ${env.COLUMNS_OF_TERMINAL ?? 160} rows 40;`
  const line = [size, 'exec', process.execPath, TASK, ...args].join(' ')
  const script = ['--quiet', '--return', '--echo', 'never', '--command', line, '/dev/null']
  const inTerminal = { ...env, TERM: 'xterm', SHELL: '/bin/bash' }
  return watch(spawn('script', script, { cwd: folder, env: inTerminal, stdio: ['pipe', 'pipe', 'pipe'] }))
}

/** Runs a Node program in a folder. */
export const runProgram = (
  folder: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  node = process.execPath,
): Running => watch(spawn(node, [...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }))

function watch(child: ChildProcessByStdio<Writable | null, Readable, Readable>): Running {
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  const checkAll = () => {
    for (const check of waiting) check()
  }
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
    checkAll()
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
    checkAll()
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
        const check = () => {
          if (!pattern.test(stdout + stderr)) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
        void ended.then(() => reject(new Error(`The program ended without printing ${pattern}:\n${stdout}${stderr}`)))
      }),
  }
}
