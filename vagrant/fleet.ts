/** The hosts of a rehearsal with several of them: containers as in the tests, each with an nginx of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHost, type TestHost } from '../dev/host.ts'
import { joinConfigs } from '../dev/ssh-configs.ts'
import type { RehearsalHost } from './machine.ts'

interface FleetOptions {
  /** How many hosts. */
  readonly count: number
  readonly keep: boolean
  /** The name of the application, whose live processes the control ends, and its site. */
  readonly app: string
  readonly site: string
}

/** Creates the hosts. If that fails, everything that was created is removed. */
export async function openRehearsalFleet({ count, keep, app, site }: FleetOptions): Promise<RehearsalHost> {
  const names = Array.from({ length: count }, (_, i) => `web-${i + 1}`)
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-rehearsal-fleet-'))
  const started = await Promise.allSettled(names.map(() => startHost({ keep })))
  const hosts = started.flatMap(result => (result.status === 'fulfilled' ? result.value : []))
  const dispose = async () => {
    await Promise.all(hosts.map(host => host.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason
    const sshConfigFile = join(folder, 'ssh_config')
    const files = hosts.map(host => host.sshConfigFile)
    await joinConfigs(sshConfigFile, files, names)
    const [about = ''] = await Promise.all(
      hosts.map(host => onHost(host, '/usr/sbin/nginx -v 2>&1; . /etc/os-release; echo "$PRETTY_NAME"; nproc')),
    )
    const [nginx, system, cores] = about.split('\n')
    return {
      description: `${count} containers: ${system}, ${nginx?.replace('nginx version: ', '')}, ${cores} cores for all of them`,
      alias: names.join(','),
      sshConfigFile,
      url: `http://127.0.0.1:${hosts[0]?.httpPort}`,
      nodes: Object.fromEntries(hosts.map(({ httpPort }, i) => [names[i], `http://127.0.0.1:${httpPort}`])),
      environment: { HOSTS: names.join(',') },
      control: {
        title: 'the processes of blue stopped and started again',
        lose: async () => void (await Promise.all(hosts.map(host => onHost(host, restarted(`${app}@blue`, site))))),
      },
      enter: `ssh -F ${sshConfigFile} ${names[0]}`,
      remove: `docker rm --force --volumes ${hosts.map(({ id }) => id.slice(0, 12)).join(' ')} && rm -r ${folder}`,
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Stops a unit, and starts it once the site does not answer with 200 any more; at most a minute each. */
const restarted = (unit: string, site: string) => `
answers() {
  end=$((SECONDS + 60))
  until [ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${site}' http://127.0.0.1/)" = "$1" ]; do
    [ $SECONDS -lt $end ] || exit 1
    sleep 0.1
  done
}
systemctl stop ${unit}; answers 502; systemctl start ${unit}; answers 200`

async function onHost(host: TestHost, command: string): Promise<string> {
  const { code, stdout, stderr } = await host.exec(command)
  if (code !== 0) throw new Error(`On ${host.id.slice(0, 12)}: exit code ${code}. ${stderr}`)
  return stdout.trim()
}
