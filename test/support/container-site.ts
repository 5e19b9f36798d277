/** A project with `container()` on a real host, run by the built program. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { type Ended, runTask } from '../../dev/site.ts'
import type { EngineName } from '../../plugins/runtime/container/scripts.ts'
import { writeContainerApp } from './container-app.ts'

export interface ContainerSite extends AsyncDisposable {
  readonly host: TestHost
  readonly folder: string
  /** The folder of the image. */
  readonly app: string
  /** Makes the project one of this version. */
  version(version: string): Promise<void>
  task(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended>
  /** Runs `task`, expects this exit code, and resolves to all output. */
  exits(code: number, ...args: readonly string[]): Promise<string>
  asRoot(command: string): Promise<string>
  /** Runs the engine on the host, as the deploying user. */
  engine(command: string): Promise<string>
  /** The version that the live slot answers with. */
  live(): Promise<string>
}

interface SiteSetting {
  readonly engine: EngineName
  /** TypeScript text: the build source, and further options of `container()`. */
  readonly build: string
  readonly runtime: string
  readonly env?: Readonly<Record<string, string>>
  prepare?(host: TestHost): Promise<void>
}

const taskfile = ({ engine, build, runtime }: SiteSetting) => `
import { readFileSync } from 'node:fs'
import { container, env, image, nginx, project, ssh } from 'switchyard-deploy'
const version = () => readFileSync(new URL('app/version', import.meta.url), 'utf8').trim()
const { tasks } = project({
  app: 'life',
  host: ssh(env.HOST ?? '', { configFile: env.SSH_CONFIG }),
  build: ${build},
  runtime: container({ engine: '${engine}', volumes: { data: '/data' }, stopLimit: 5, ${runtime} }),
  router: nginx({ site: 'life.example' }),
  shared: ['data'],
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, rollback, restart, retire, repair, status, logs, exec, prune, remove, history } = tasks
`

/** Boots the host and sets the project up. */
export async function startContainerSite(setting: SiteSetting): Promise<ContainerSite> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-containers-'))
  const app = join(folder, 'app')
  await writeFile(join(folder, 'Taskfile.ts'), taskfile(setting))
  const host = await startHost({ engines: true })
  const site: ContainerSite = {
    host,
    folder,
    app,
    version: version => writeContainerApp(app, version),
    task: (more, ...args) =>
      runTask(
        folder,
        { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile, ...setting.env, ...more },
        args,
      ).ended,
    async exits(expected, ...args) {
      const { code, stdout, stderr } = await site.task({}, ...args)
      expect(code, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(expected)
      return stdout + stderr
    },
    async asRoot(command) {
      const { code, stdout, stderr } = await host.exec(`set -e -o pipefail\n${command}`)
      expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
      return stdout.trim()
    },
    engine: command =>
      site.asRoot(`cd / && runuser -u vagrant -- env XDG_RUNTIME_DIR=/run/user/1000 ${setting.engine} ${command}`),
    live: async () =>
      JSON.parse(await site.asRoot("curl -sSf -H 'Host: life.example' http://127.0.0.1/health")).version,
    async [Symbol.asyncDispose]() {
      await host.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  if (setting.engine === 'docker') await site.asRoot('usermod -aG docker vagrant && systemctl enable --now docker')
  await setting.prepare?.(host)
  await site.version('1.0.0')
  await site.exits(0, 'setup')
  return site
}
