/** What a server has of what a bootstrap provides. */
import { program } from '../../host/program.ts'
import { capture, mapped, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { readAsRoot } from '../../host/sudo.ts'
import type { Server } from '../contracts.ts'
import { sectionsOf } from '../preflight/sections.ts'
import { missingTools, parseMissing, TOOLS } from '../tools.ts'

/** What a server has to have. */
export interface Wanted {
  /** The deploying account. */
  readonly user: string
  /** The keys that it logs in with. */
  readonly keys: readonly string[]
  /** Commands, each with its Debian package. */
  readonly tools: Readonly<Record<string, string>>
  readonly packages: readonly string[]
  readonly groups: readonly string[]
  /** Of the router; undefined for a host without one. */
  readonly server: Server | undefined
}

export interface ServerFacts {
  /** Such as `Debian GNU/Linux 12 (bookworm)`. */
  readonly system: string
  /** Debian, Ubuntu, or a system derived from one. */
  readonly debian: boolean
  readonly systemd: boolean
  /** The processes that listen on the ports of the router. */
  readonly listeners: readonly { readonly port: number; readonly program: string }[]
  /** The packages that are missing. */
  readonly missing: readonly string[]
  /** Whether dpkg was interrupted while it installed something. */
  readonly interrupted: boolean
  /** Whether the router's server runs, and after a boot too; true without one. */
  readonly serves: boolean
  readonly account: {
    readonly absent: boolean
    readonly group: string
    /** What it lacks. */
    readonly keys: readonly string[]
    readonly groups: readonly string[]
    /** Whether it can become root without a password. */
    readonly sudo: boolean
  }
  /** Settings of sshd: `passwordauthentication`, `permitrootlogin`. Empty if they could not be read. */
  readonly sshd: Readonly<Record<string, string>>
  readonly sshPorts: readonly number[]
  readonly clock: 'synchronized' | 'not synchronized' | 'unknown'
  /** The output of `ufw status`; undefined without ufw. */
  readonly ufw: string | undefined
}

/** Root has no use for sudo, but the deploying account does. */
const toolsOf = ({ user, tools }: Wanted): Readonly<Record<string, string>> => ({
  ...TOOLS,
  ...(user !== 'root' && { sudo: 'sudo', visudo: 'sudo' }),
  ...tools,
})

/** Its output is that of `parseServer`. Has to run as root. */
export const serverScript = (wanted: Wanted): Script => {
  const { user, keys, packages, groups, server } = wanted
  return program(new URL('./inspect-server.sh', import.meta.url), {
    parameters: {
      user,
      keys,
      packages,
      groups,
      ports: server?.ports ?? [],
      unit: server?.unit ?? '',
      missingTools: missingTools(Object.keys(toolsOf(wanted))),
    },
  })
}

const rootReader: Script = readAsRoot(['bash', '-c', 'set -eu -o pipefail; eval "$(cat)"'])

/** Looks at the server. The script is an input, because sudo logs arguments. */
export const inspectServer = (wanted: Wanted): Query<ServerFacts> =>
  mapped(
    capture(rootReader, text => text, { input: serverScript(wanted).text }),
    text => parseServer(text, wanted),
  )

export function parseServer(text: string, wanted: Wanted): ServerFacts {
  const section = sectionsOf(text)
  const first = (name: string) => section(name)[0] ?? ''
  const release = valuesIn(section('system'), '=')
  const machine = section('machine')
  const sshd = section('sshd').map(line => line.split(' '))
  const { tools = [], packages = [] } = parseMissing(section('tools').filter(Boolean), toolsOf(wanted)) ?? {}
  const [active, enabled] = section('unit')
  const [clock] = section('clock')
  const [group = '', memberships] = section('account')
  const [firewall = 'none'] = section('firewall')
  return {
    system: release.PRETTY_NAME ?? release.ID ?? 'a system without /etc/os-release',
    debian:
      machine.includes('apt') &&
      `${release.ID ?? ''} ${release.ID_LIKE ?? ''}`.split(' ').some(id => id === 'debian' || id === 'ubuntu'),
    systemd: machine.includes('systemd'),
    listeners: section('listeners')
      .filter(Boolean)
      .map(line => {
        const [port = '', ...name] = line.split(' ')
        return { port: Number(port), program: name.join(' ') }
      }),
    missing: [...new Set([...(tools.length > 0 ? packages : []), ...section('packages').filter(Boolean)])],
    interrupted: first('interrupted') !== '',
    serves: wanted.server === undefined || (active === 'active' && enabled === 'enabled'),
    account: {
      absent: memberships === undefined,
      group: memberships === undefined ? wanted.user : group,
      keys: section('keys').filter(Boolean),
      groups: section('groups').filter(Boolean),
      sudo: first('sudo') === 'root',
    },
    sshd: Object.fromEntries(sshd.filter(([name]) => name !== 'port').map(([name = '', value = '']) => [name, value])),
    sshPorts: [...new Set(sshd.filter(([name]) => name === 'port').map(([, port]) => Number(port)))],
    clock: clock === 'yes' ? 'synchronized' : clock === 'no' ? 'not synchronized' : 'unknown',
    ufw: firewall === 'none' ? undefined : section('firewall').join('\n'),
  }
}

/** The lines `NAME=value` of os-release(5), whose values may be quoted. */
const valuesIn = (lines: readonly string[], by: string): Readonly<Partial<Record<string, string>>> =>
  Object.fromEntries(
    lines
      .filter(line => line.includes(by))
      .map(line => {
        const at = line.indexOf(by)
        return [line.slice(0, at), line.slice(at + 1).replace(/^(["'])(.*)\1$/, '$2')]
      }),
  )

/** The keys that the account accepts which we are logged in as. */
export const authorizedKeys: Query<string> = capture(sh.read`cat ~/.ssh/authorized_keys 2>/dev/null || :`)
