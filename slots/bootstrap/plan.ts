/** Plans a bootstrap: what is there, what is done, and what is only offered. Pure. */

import type { Fault } from '../../runner/fault.ts'
import { listed } from '../../runner/units.ts'
import type { Account } from '../setup/account.ts'
import { bootstrapFaults as faults } from './bootstrap-faults.ts'
import type { ServerFacts, Wanted } from './inspect-server.ts'
import { shortKey } from './keys.ts'

export interface Request extends Wanted {
  /** The name of the host, for messages. */
  readonly host: string
  /** Whether the deploying account may become root, as `setup` needs it. */
  readonly sudo: boolean
  /** Whether to restrict the logins of sshd. */
  readonly harden: boolean
  /** Whether to put the firewall in force. */
  readonly firewall: boolean
}

export interface BootstrapPlan {
  /** What is there already. One sentence each, as the other lists. */
  readonly there: readonly string[]
  /** What is done; empty if nothing is. */
  readonly done: readonly string[]
  /** What is left to the user. */
  readonly offered: readonly string[]
  readonly packages: readonly string[]
  /** Whether dpkg has to complete what was interrupted. */
  readonly interrupted: boolean
  /** The unit to start and to enable. */
  readonly start: string | undefined
  readonly account: Account | undefined
  readonly groups: readonly string[]
  readonly sudo: boolean
  /** The arguments of `ufw`, one list for each call. */
  readonly firewall: readonly (readonly string[])[]
  readonly harden: boolean
}

/** Why the server must be left as it is; undefined if it can be prepared. */
export function refusal({ host, server }: Request, facts: ServerFacts): Fault | undefined {
  if (!facts.debian) return faults.BOOTSTRAP_NOT_DEBIAN({ host, system: facts.system })
  if (!facts.systemd) return faults.BOOTSTRAP_NO_SYSTEMD({ host })
  if (!server) return undefined
  // In a container root may not see whose a socket is: while the router's server runs, it is taken for that.
  const ours = (program: string) => server.processes.includes(program) || (program === '?' && facts.serves)
  const other = facts.listeners.find(({ program }) => !ours(program))
  if (!other) return undefined
  const program = other.program === '?' ? 'another program' : other.program
  return faults.BOOTSTRAP_PORT_TAKEN({ host, port: other.port, program, unit: server.unit })
}

export function planBootstrap(request: Request, facts: ServerFacts): BootstrapPlan {
  const { user, server, host } = request
  const { account } = facts
  const packages = [...facts.missing, ...(request.firewall && facts.ufw === undefined ? ['ufw'] : [])]
  const start = facts.serves ? undefined : server?.unit
  const changed = account.absent || account.keys.length > 0
  const sudo = request.sudo && !account.sudo
  const lacking = firewallCommands(request, facts)
  const firewall = request.firewall ? lacking : []
  const hard = isHardened(facts, request.sudo)
  const harden = request.harden && !hard
  const there = [
    ...(packages.length === 0 ? ['Every package is installed.'] : []),
    ...(server && !start ? [`${server.unit} runs.`] : []),
    ...(account.absent ? [] : [`${user} exists${account.keys.length === 0 ? ', with the key' : ''}.`]),
    ...(account.sudo && user !== 'root' ? [`${user} may use sudo without a password.`] : []),
    ...(hard ? ['sshd accepts keys alone.'] : []),
    CLOCKS[facts.clock],
  ]
  const done = [
    ...(facts.interrupted ? ['Complete the installation of packages that was interrupted.'] : []),
    ...(packages.length > 0 ? [`Install ${listed(packages)} with apt-get.`] : []),
    ...(start ? [`Start ${start}, also after a boot.`] : []),
    ...(account.absent ? [`Create the account ${user}, without a password.`] : []),
    ...account.keys.map(key => `Let ${user} log in with ${shortKey(key)}.`),
    ...(account.groups.length > 0 ? [`Add ${user} to ${listed(account.groups)}.`] : []),
    ...(sudo
      ? [`Let ${user} use sudo without a password, which \`npx task setup\` needs; --no-sudo leaves it out.`]
      : []),
    ...firewall.map(command => `Run \`ufw ${command.join(' ')}\`.`),
    ...(harden
      ? [`Let sshd accept keys alone${request.sudo ? ', and nobody as root' : ''}, once ${user} has logged in.`]
      : []),
  ]
  const offered = [
    ...(lacking.length > 0 && !request.firewall
      ? [
          `The firewall is left as it is. --firewall runs: ${lacking.map(command => `\`ufw ${command.join(' ')}\``).join(', ')}.`,
        ]
      : []),
    ...(hard || harden || Object.keys(facts.sshd).length === 0
      ? []
      : [`sshd accepts ${weakness(facts)}. --harden-sshd ends that, once ${user} has logged in to ${host}.`]),
  ]
  return {
    there,
    done,
    offered,
    packages,
    interrupted: facts.interrupted,
    start,
    account: changed ? { user, ...account } : undefined,
    groups: account.groups,
    sudo,
    firewall,
    harden,
  }
}

const CLOCKS: Readonly<Record<ServerFacts['clock'], string>> = {
  synchronized: 'The clock is synchronized.',
  'not synchronized': 'The clock is not synchronized: `timedatectl set-ntp true`, with the package systemd-timesyncd.',
  unknown: 'Whether the clock is synchronized is not known.',
}

/** Without sudo for the deploying account root has to be able to log in, with a key. */
export const isHardened = ({ sshd }: ServerFacts, sudo: boolean): boolean =>
  sshd.passwordauthentication === 'no' &&
  (sshd.permitrootlogin === 'no' || (!sudo && sshd.permitrootlogin === 'without-password'))

const weakness = ({ sshd }: ServerFacts): string =>
  [
    ...(sshd.passwordauthentication === 'no' ? [] : ['passwords']),
    ...(sshd.permitrootlogin === 'no' ? [] : ['logins of root']),
  ].join(' and ')

/** Calls of ufw that are missing for the logins and for the site. */
function firewallCommands({ server }: Request, { ufw, sshPorts }: ServerFacts): readonly (readonly string[])[] {
  // Behind a balancer the slots are reached too, whose lines `doctor` tells.
  if (!server) return []
  const open = [...new Set([...(sshPorts.length > 0 ? sshPorts : [22]), ...server.ports])]
  const allowed = (port: number) => new RegExp(`^${port}(?:/tcp)? +ALLOW`, 'm').test(ufw ?? '')
  const active = /^Status: active$/m.test(ufw ?? '')
  return [
    ...open.filter(port => !active || !allowed(port)).map(port => ['allow', `${port}/tcp`]),
    ...(active ? [] : [['--force', 'enable']]),
  ]
}

/** A plan as it is shown. */
export interface ShownPlan extends Pick<BootstrapPlan, 'there' | 'done' | 'offered'> {
  readonly host: string
  readonly system: string
}

/** @param title of what is done */
export function planText({ host, system, there, done, offered }: ShownPlan, title = 'To do:'): string {
  const block = (title: string, lines: readonly string[], mark: (i: number) => string) =>
    lines.length === 0 ? [] : [title, ...lines.map((line, i) => `  ${mark(i)} ${line}`)]
  return [
    `${host}: ${system}`,
    ...block('There:', there, () => '-'),
    ...(done.length === 0 ? ['Nothing to do.'] : block(title, done, i => `${i + 1}.`)),
    ...block('Left to you:', offered, () => '-'),
  ].join('\n')
}
