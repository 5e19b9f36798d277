/** The tools that the program is compared with: the old script, rsync and Capistrano, on a host of their own. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startHost, type TestHost } from '../dev/host.ts'
import { type Link, openLink } from '../dev/links.ts'
import type { Artifact, BenchContext } from './context.ts'
import { type Ran, timed } from './process.ts'
import { available, giveRsync } from './tools.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export interface Rivals extends AsyncDisposable {
  readonly host: TestHost
  link(roundTrip: number): Promise<Link>
  /** Runs deploy and promote of the script. */
  script(link: Link, artifact: Artifact): Promise<Ran>
  /** Runs `rsync -az --link-dest` of the unpacked release against the previous one; undefined if rsync is not installed. */
  readonly rsync: ((link: Link, artifact: Artifact) => Promise<Ran>) | undefined
  readonly capistrano: ((link: Link, artifact: Artifact) => Promise<Ran>) | undefined
}

export const NOT_INSTALLED = 'not installed'

export async function openRivals(bench: BenchContext): Promise<Rivals> {
  const host = await startHost()
  const folder = await mkdtemp(join(bench.folder, 'rivals-'))
  await host.copyIn(here('script/prepare.sh'), '/root/prepare.sh')
  const prepared = await host.exec('bash /root/prepare.sh')
  if (prepared.code !== 0) throw new Error(`The script's host could not be prepared: ${prepared.stderr}`)
  const links = new Map<number, Promise<Link>>()
  let count = 0
  let synced = 0

  const sync = async (link: Link, { path }: Artifact): Promise<Ran> => {
    const source = await mkdtemp(join(folder, 'unpacked-'))
    await timed('tar', ['-xzf', path, '-C', source])
    synced += 1
    const before = synced > 1 ? [`--link-dest=../${synced - 1}`] : []
    const shell = `ssh -F ${link.sshConfigFile}`
    const ran = await timed('rsync', ['-az', '-e', shell, ...before, `${source}/`, `${host.alias}:rsync/${synced}/`])
    await rm(source, { recursive: true })
    return ran
  }
  const cap = async (link: Link, { path, version }: Artifact): Promise<Ran> =>
    timed('cap', ['bench', 'deploy'], {
      cwd: join(folder, 'cap'),
      env: {
        ...process.env,
        LIFE_TARBALL: path,
        LIFE_VERSION: version,
        SSH_CONFIG: link.sshConfigFile,
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
    link(roundTrip) {
      const link = links.get(roundTrip) ?? openLink(host, folder, roundTrip)
      links.set(roundTrip, link)
      return link
    },
    async script(link, { path, version }) {
      count += 1
      const env = { ...process.env, SSH_CONFIG: link.sshConfigFile }
      const deployed = await timed(here('script/deploy.sh'), [host.alias, path, `${version}-${count}`], { env })
      const promoted = await timed(here('script/promote.sh'), [host.alias, deployed.stdout.trim()], { env })
      return { ms: deployed.ms + promoted.ms, stdout: deployed.stdout + promoted.stdout }
    },
    rsync: rsync ? sync : undefined,
    capistrano: capistrano ? cap : undefined,
    async [Symbol.asyncDispose]() {
      for (const link of links.values()) await (await link)[Symbol.asyncDispose]()
      await host.stop()
    },
  }
}
