/** What others do for the same work: the old script, plain ssh, rsync and Capistrano, each on a host of its own. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startHost, type TestHost } from '../dev/host.ts'
import type { Artifact, Ground } from './ground.ts'
import { type Line, openLine } from './lines.ts'
import { type Ran, timed } from './process.ts'
import { available, giveRsync } from './tools.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export interface Rivals extends AsyncDisposable {
  readonly host: TestHost
  line(roundTrip: number): Promise<Line>
  /** The script's deploy and promote. */
  script(line: Line, artifact: Artifact): Promise<Ran>
  /** `rsync -az --link-dest` of the unpacked release beside the one that was sent last; undefined where there is no rsync. */
  readonly rsync: ((line: Line, artifact: Artifact) => Promise<Ran>) | undefined
  readonly capistrano: ((line: Line, artifact: Artifact) => Promise<Ran>) | undefined
}

export const NOT_INSTALLED = 'not installed'

export async function openRivals(ground: Ground): Promise<Rivals> {
  const host = await startHost()
  const folder = await mkdtemp(join(ground.folder, 'rivals-'))
  await host.copyIn(here('script/prepare.sh'), '/root/prepare.sh')
  const prepared = await host.exec('bash /root/prepare.sh')
  if (prepared.code !== 0) throw new Error(`the script's host could not be made: ${prepared.stderr}`)
  const lines = new Map<number, Promise<Line>>()
  let count = 0
  let synced = 0

  const sync = async (line: Line, { path }: Artifact): Promise<Ran> => {
    const source = await mkdtemp(join(folder, 'unpacked-'))
    await timed('tar', ['-xzf', path, '-C', source])
    synced += 1
    const before = synced > 1 ? [`--link-dest=../${synced - 1}`] : []
    const shell = `ssh -F ${line.sshConfigFile}`
    const ran = await timed('rsync', ['-az', '-e', shell, ...before, `${source}/`, `${host.alias}:rsync/${synced}/`])
    await rm(source, { recursive: true })
    return ran
  }
  const cap = async (line: Line, { path, version }: Artifact): Promise<Ran> =>
    timed('cap', ['bench', 'deploy'], {
      cwd: join(folder, 'cap'),
      env: {
        ...process.env,
        LIFE_TARBALL: path,
        LIFE_VERSION: version,
        SSH_CONFIG: line.sshConfigFile,
        SSH_KEY: host.keyFile,
        CAP_LOG: join(folder, 'cap.log'),
      },
    })
  const capistrano = await available('cap', ['capistrano', 'ruby-ed25519', 'ruby-bcrypt-pbkdf'])
  if (capistrano) {
    await mkdir(join(folder, 'cap', 'config', 'deploy'), { recursive: true })
    await copyFile(here('capistrano/Capfile'), join(folder, 'cap', 'Capfile'))
    await copyFile(here('capistrano/deploy.rb'), join(folder, 'cap', 'config', 'deploy.rb'))
    await copyFile(here('capistrano/bench.rb'), join(folder, 'cap', 'config', 'deploy', 'bench.rb'))
  }
  const rsync = await giveRsync(host)
  if (rsync) await host.exec('install -d -o vagrant /home/vagrant/rsync')
  return {
    host,
    line(roundTrip) {
      const line = lines.get(roundTrip) ?? openLine(host, folder, roundTrip)
      lines.set(roundTrip, line)
      return line
    },
    async script(line, { path, version }) {
      count += 1
      const env = { ...process.env, SSH_CONFIG: line.sshConfigFile }
      const deployed = await timed(here('script/deploy.sh'), [host.alias, path, `${version}-${count}`], { env })
      const promoted = await timed(here('script/promote.sh'), [host.alias, deployed.stdout.trim()], { env })
      return { ms: deployed.ms + promoted.ms, stdout: deployed.stdout + promoted.stdout }
    },
    rsync: rsync ? sync : undefined,
    capistrano: capistrano ? cap : undefined,
    async [Symbol.asyncDispose]() {
      for (const line of lines.values()) await (await line)[Symbol.asyncDispose]()
      await host.stop()
    },
  }
}
