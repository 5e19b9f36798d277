/** The checks of a balancer: what `setup` made there, sudo, and whether it reaches the slots. */
import { isIPv6 } from 'node:net'
import { capture } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotAt } from '../address.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { Check } from '../model.ts'
import type { Balancer } from '../place.ts'
import { probeTrouble } from '../promote/probe.ts'
import { connect, connectProblem } from '../promote/reach.ts'
import { facts } from '../setup/facts.ts'
import { assertSetUp } from '../setup/owner.ts'
import { type PlanDeps, plan, type SetupPlan } from '../setup/plan.ts'
import { checkSudo, type SudoAnswer, sudoAnswer } from '../sudo/refusal.ts'
import { accountChecks, bad, measuring, ok, setupCheck, sudoCheck } from './checks.ts'
import type { HostInspection } from './inspect.ts'
import { type Mount, mountCheck, mountLines, parseMounts } from './mounts.ts'
import { sectionsOf } from './sections.ts'

export interface BalancerInspection {
  readonly mounts: readonly Mount[]
  readonly sudo: SudoAnswer
  /** The address from which it connects to the slots; undefined if there is no route to them. */
  readonly source: string | undefined
  /** Why there is no connection to a slot, by the order of the slots; undefined if there is one. */
  readonly problems: readonly (string | undefined)[]
  /** Why a promote cannot be measured there; undefined if it can. */
  readonly unmeasured: string | undefined
}

export function inspectBalancer(
  { layout, upstream }: Pick<Balancer, 'layout' | 'upstream'>,
  slots: readonly Slot[],
  sudo: readonly (readonly string[])[],
): Script {
  // In parallel: a firewall may drop what is sent to a port, and each connection then waits for its timeout.
  const connects = slots.map((slot, i) => sh.read`echo ${i} "$(${connect(slot)})" &`)
  return sh.read`
export LC_ALL=C
echo '@@ mounts'; ${mountLines(layout)}
${checkSudo(sudo)}
echo '@@ source'; ip -o route get ${upstream} 2>/dev/null | sed -n 's/.* src \\([^ ]*\\).*/\\1/p' || :
echo '@@ slots'
${sh.lines(...connects)}
wait
echo '@@ unmeasured'; ${probeTrouble}`
}

export function parseBalancer(text: string): BalancerInspection {
  const lines = sectionsOf(text)
  const problems: (string | undefined)[] = []
  for (const line of lines('slots')) {
    const [slot, code] = line.split(' ').map(Number)
    if (slot !== undefined && code !== undefined) problems[slot] = connectProblem(code)
  }
  return {
    mounts: parseMounts(lines('mounts')),
    sudo: sudoAnswer(lines('sudo'), lines('denied')),
    source: lines('source')[0] || undefined,
    problems,
    unmeasured: lines('unmeasured').join(', ') || undefined,
  }
}

interface Inspected {
  readonly user: string
  readonly sudo: readonly (readonly string[])[]
  readonly setup: Pick<SetupPlan, 'folders' | 'files' | 'removed' | 'cut'>
  readonly found: BalancerInspection
}

/** @throws `NOT_SET_UP`, `NOT_OURS`, `TOOLS_MISSING` */
export async function readBalancer(deps: PlanDeps & Pick<Deps, 'slots'>, balancer: Balancer): Promise<Inspected> {
  const { host, layout, provisions } = balancer
  const account = await host.query(facts(provisions, host.name))
  const wanted = provisions(account)
  const sudo = wanted.flatMap(provision => provision.sudo)
  const [, setup, found] = await host.all([
    assertSetUp(layout),
    plan({ ...deps, host: host.name, layout, provisions: wanted, facts: account, has: 'router' }),
    capture(inspectBalancer(balancer, deps.slots.all, sudo), parseBalancer),
  ])
  return { user: account.user, sudo, setup, found }
}

interface Evidence extends Pick<Deps, 'slots'> {
  readonly balancer: Pick<Balancer, 'host' | 'layout' | 'upstream'>
  /** The name of the application's host. */
  readonly host: string
  /** All listening sockets of that host; the owner is the index of the slot. */
  readonly sockets: HostInspection['sockets']
  /** A deploy may give a slot its address, so a slot that cannot be reached is only a warning before it. */
  readonly deploying: boolean
}

export function balancerChecks(evidence: Evidence, { user, sudo, setup, found }: Inspected): readonly Check[] {
  const { balancer, slots, deploying } = evidence
  const mounts = mountCheck(found.mounts)
  const checks = [
    mounts.result === 'ok' ? ok(mounts.name, "the application's folder can be written") : mounts,
    setupCheck({ setup, slots }),
    ...accountChecks({ user, root: balancer.layout.root }),
    sudoCheck({ user, sudo, inspection: found }),
    ...slots.all.map((_, i) => reachCheck(evidence, found, i)),
    ...(deploying ? [] : [firewall(evidence, found), ...measuring(found)]),
  ]
  return checks.map(check => ({
    ...check,
    name: `balancer ${check.name}`,
    message: `${balancer.host.name}: ${check.message}`,
  }))
}

function reachCheck({ slots, sockets, deploying }: Evidence, { problems }: BalancerInspection, i: number): Check {
  const slot = slots.all[i]
  if (!slot) throw new RangeError(`there is no slot ${i}`)
  const name = `port ${slot.port}`
  const problem = problems[i]
  if (problem === undefined) return ok(name, `reaches ${slot.name} at ${slotAt(slot)}`)
  const runs = sockets.some(({ owner, port }) => owner === i && port === slot.port)
  const message = `does not reach ${slot.name} at ${slotAt(slot)}: ${problem}`
  const refused = problem.includes('refused')
  if (!runs && refused) return ok(name, `nothing listens at ${slotAt(slot)} yet, for ${slot.name}`)
  const hint = refused
    ? `Have the application listen on the address in LISTEN_ADDRESS, and deploy to ${slot.name} again.`
    : `Let the balancer in: \`npx task doctor\` prints the firewall lines for the application's host.`
  return bad(runs && !deploying ? 'fail' : 'warn', name, message, hint)
}

/** Only root can read the rules of a firewall, so it only tells which are needed. */
function firewall({ host, balancer, slots }: Evidence, { source }: BalancerInspection): Check {
  const name = 'firewall'
  const { upstream } = balancer
  if (source === undefined)
    return bad('fail', name, `it has no route to ${upstream}`, `Check the address of ${host} in \`upstream\`.`)
  const lines = firewallLines(upstream, source, slots.all)
  const how = `lines for ${host} that let nobody but ${source} in, with ufw: ${lines.ufw.join('; ')}; or with nftables: ${lines.nft}`
  if (isPrivate(upstream)) return ok(name, how)
  const hint = 'Use a private network between the two hosts, or make sure that these lines are in force.'
  return bad('warn', name, `${upstream} is a public address, and the requests are not encrypted. ${how}`, hint)
}

/** The commands, for root, that keep the ports of the slots closed to all others. */
export function firewallLines(
  upstream: string,
  source: string,
  slots: readonly Pick<Slot, 'port'>[],
): { readonly ufw: readonly string[]; readonly nft: string } {
  const ports = slots.map(({ port }) => port)
  const to = `to ${upstream} port ${ports.join(',')} proto tcp`
  const family = isIPv6(upstream) ? 'ip6' : 'ip'
  return {
    // The first rule that matches wins.
    ufw: [`ufw allow from ${source} ${to}`, `ufw deny from any ${to}`],
    nft: `nft add rule inet filter input ${family} daddr ${upstream} tcp dport { ${ports.join(', ')} } ${family} saddr != { ${source}, ${upstream} } drop`,
  }
}

/** RFC 1918, RFC 6598, loopback, and their counterparts in IPv6. */
const PRIVATE =
  /^(?:10\.|127\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)/i

export const isPrivate = (address: string): boolean => PRIVATE.test(address)
