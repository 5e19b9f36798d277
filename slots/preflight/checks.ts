/** Judges what was seen of a host: one check a subject, each with what to do when it is not good. Pure. */

import type { Fault } from '../../runner/fault.ts'
import { table } from '../../runner/output/table.ts'
import { bytes } from '../../runner/units.ts'
import { PORT_ADVICE, slotFaults } from '../faults.ts'
import { pluralize } from '../format.ts'
import { answerWords } from '../health/format.ts'
import { holderWords } from '../lifecycle/sockets.ts'
import type { Check, Health } from '../model.ts'
import type { SetupPlan } from '../setup/plan.ts'
import type { Slots } from '../slot.ts'
import { refusalOf } from '../sudo/refusal.ts'
import type { Room } from '../upload/contents.ts'
import type { HostInspection } from './inspect.ts'
import { mountCheck } from './mounts.ts'

export interface Evidence {
  /** Its name. */
  readonly host: string
  readonly user: string
  /** The application's folder. */
  readonly root: string
  readonly slots: Slots<string>
  readonly health: Pick<Health, 'path'>
  readonly sudo: readonly (readonly string[])[]
  readonly seen: HostInspection
  readonly setup: Pick<SetupPlan, 'folders' | 'files' | 'cut'>
  /** Files of the releases in use that are not as they were uploaded; undefined when that was not looked at. */
  readonly changed?: readonly string[] | undefined
  /** What the router's own check threw. */
  readonly router: Fault | undefined
  /** What it found that does not keep the traffic from moving. */
  readonly warned?: readonly Fault[]
  /** What it says of other sites, where that was asked. */
  readonly conflicts?: readonly Fault[]
  readonly live: { readonly fault: Fault | undefined; readonly name: string | undefined }
  readonly environment: Fault | undefined
  /** Our clock before and after the host's was read, in milliseconds since 1970. */
  readonly clock: { readonly began: number; readonly ended: number }
  /** Our own deploy. */
  readonly deploy: string
  /** What a deploy wants to put there; undefined when the host is only looked at. */
  readonly load?: { readonly room: Room | undefined } | undefined
}

/** Seconds that the clocks may differ: journal and records of two people would else be in the wrong order. */
const SKEW = 30
/** Free bytes and inodes below which `doctor` warns, when it does not know what will be sent. */
const LOW = { bytes: 200e6, inodes: 5_000 }

const ok = (name: string, message: string): Check => ({ name, result: 'ok', message, hint: null })
const bad = (result: 'warn' | 'fail', name: string, said: string, next: string): Check => ({
  name,
  result,
  message: said,
  hint: next,
})
const failed = (name: string, { message, hint: next }: Fault): Check =>
  bad('fail', name, message.replace(/\.$/, ''), next)

export function evaluateChecks(evidence: Evidence): readonly Check[] {
  const { seen, router, live, environment, deploy } = evidence
  const busy = seen.busy && seen.busy.deploy !== deploy ? seen.busy : undefined
  const sudo = sudoCheck(evidence)
  // It names every command that sudo refuses, and the line for all of them; the router's own check knows but its own.
  const refused = sudo.result === 'fail' && router !== undefined && /SUDO_REFUSED$/.test(router.code)
  const checks = [
    mountCheck(seen.mounts),
    ...(refused ? [sudo] : []),
    // A router that is down is why nobody can tell which slot is live: the cause comes before what follows from it.
    ...routerChecks(evidence),
    ...(evidence.conflicts ?? []).map(conflict => failed('other sites', conflict)),
    live.fault ? failed('live slot', live.fault) : liveCheck(evidence),
    setupCheck(evidence),
    ...account(evidence),
    ...(refused ? [] : [sudo]),
    ...room(evidence),
    ...releasesCheck(evidence),
    ...evidence.slots.all.map((_, i) => portCheck(evidence, i)),
    loopback(evidence),
    environment ? failed('environment', environment) : files(seen),
    clock(evidence),
    ...measuring(seen),
    ...maintenance(evidence),
  ]
  if (!busy) return checks
  // What somebody changes right now may look wrong for a moment.
  const calm = checks.map(check =>
    check.result === 'fail' && /^(?:live slot|port )/.test(check.name) ? { ...check, result: 'warn' as const } : check,
  )
  const said = `${busy.by} is busy since ${busy.since}: ${busy.doing} (${busy.deploy})`
  return [...calm, bad('warn', 'lock', said, 'Wait until that has ended, or use --lock-wait.')]
}

function routerChecks({ router, warned = [] }: Evidence): Check[] {
  if (router) return [failed('router', router)]
  if (warned.length === 0) return [ok('router', 'it runs, and accepts its configuration')]
  return warned.map(fault => ({ ...failed('router', fault), result: 'warn' }))
}

/** In the words that a run hears as well which asked before its build. */
const maintenance = ({ host, seen: { closed } }: Evidence): Check[] =>
  closed ? [failed('maintenance', slotFaults.CLOSED({ host, ...closed }))] : []

/** A live slot that is ill is no reason to refuse the deploy that mends it. */
function liveCheck({ seen, slots, live: { name }, health, load }: Evidence): Check {
  if (name === undefined) return ok('live slot', 'none yet: the first deploy')
  const { status, body } = seen.answers[slots.names.indexOf(name)] ?? { status: 0, body: '' }
  if (status === 200) return ok('live slot', name)
  const said = status === 0 ? 'it gave no answer' : answerWords(status, body)
  return bad(
    load ? 'warn' : 'fail',
    'live slot',
    `${name} is live, but asked for ${health.path} ${said}`,
    `Look at the application in ${name}. \`npx task rollback\` goes back to the release before; \`npx task deploy --promote\` brings another one.`,
  )
}

function account({ user, root }: Evidence): Check[] {
  if (user !== 'root') return []
  const next = `For an account of its own, as root there: \`chown -R deploy: ${root}\`, then \`npx task setup --login root --user deploy\`, and deploy as deploy.`
  return [bad('warn', 'account', 'the application runs as root', next)]
}

/** A slot's port that only our version of a file names: the site sends its traffic elsewhere. */
const movedPort = ({ slots, setup: { files } }: Evidence) =>
  files.flatMap(({ file, diff }) => {
    const names = (sign: string, port: number) => new RegExp(`^\\${sign}(?!\\${sign}).*\\b${port}\\b`, 'm').test(diff)
    const slot = slots.all.find(({ port }) => names('+', port) && !names('-', port) && /^@@ -[1-9]/m.test(diff))
    return slot ? [`${file.path} does not send the traffic of ${slot.name} to its port ${slot.port}`] : []
  })

function setupCheck(evidence: Evidence): Check {
  const { folders, files, cut } = evidence.setup
  // The sudoers file is root's alone to read; what it says is tried instead.
  const seen = files.filter(({ file }) => !file.path.startsWith('/etc/sudoers.d/'))
  const missing = [...folders, ...seen.filter(({ diff }) => /^@@ -0,0 /m.test(diff)).map(({ file }) => file.path)]
  const next = 'Run `npx task setup`; `npx task setup --dry-run` shows the difference.'
  if (cut)
    return bad('fail', 'setup', 'a setup was cut before its end, or is at work just now', 'Run `npx task setup`.')
  if (missing.length > 0) return bad('fail', 'setup', `missing, or of another mode: ${missing.join(', ')}`, next)
  const [moved] = movedPort(evidence)
  if (moved) return bad('fail', 'setup', moved, next)
  if (seen.length > 0) return bad('warn', 'setup', `changed: ${seen.map(({ file }) => file.path).join(', ')}`, next)
  return ok('setup', 'folders and files are as setup made them')
}

function releasesCheck({ changed }: Evidence): Check[] {
  if (changed === undefined) return []
  if (changed.length === 0) return [ok('releases', 'those in use are as they were uploaded')]
  const next =
    'Deploy again for a clean one; what the application writes belongs into a path of `shared` in the Taskfile, or outside of the release.'
  return [bad('warn', 'releases', `not as they were uploaded: ${changed.join(', ')}`, next)]
}

function sudoCheck({ user, sudo, seen }: Evidence): Check {
  if (seen.sudo.listing === undefined) return ok('sudo', 'not needed: this is root')
  const refusal = refusalOf(user, sudo, seen.sudo)
  if (refusal === undefined) return ok('sudo', `${pluralize(sudo.length, 'command')} allowed without a password`)
  const { command, others, next } = refusal
  return bad(
    'fail',
    'sudo',
    `\`sudo -n ${command}\` is refused to ${user}${others > 0 ? `, and ${others} more` : ''}`,
    next,
  )
}

function room({ seen: { disk, there }, load }: Evidence): Check[] {
  const wanted = there ? undefined : load?.room
  const need = wanted ? wanted.packed + wanted.unpacked : 0
  const free = `${bytes(disk.free)} free on ${disk.mount}`
  const space = 'Make room there: old releases, logs, other applications.'
  const checks = [
    disk.free < need
      ? bad('fail', 'disk', `${free}, ${bytes(need)} needed for the artifact and what it holds`, space)
      : disk.free < LOW.bytes
        ? bad('warn', 'disk', free, space)
        : ok('disk', wanted ? `${free}, ${bytes(need)} needed` : free),
  ]
  if (disk.inodes === undefined) return checks
  const inodes = `${disk.inodes} inodes free on ${disk.mount}`
  const few = 'Remove files there: many small ones use them up.'
  if (wanted && disk.inodes < wanted.entries + 2)
    return [...checks, bad('fail', 'inodes', `${inodes}, ${wanted.entries + 2} needed`, few)]
  return [...checks, disk.inodes < LOW.inodes ? bad('warn', 'inodes', inodes, few) : ok('inodes', inodes)]
}

function portCheck({ seen, slots }: Evidence, i: number): Check {
  const { name: slot, port } = slots.all[i] ?? {}
  const name = `port ${port}`
  const there = seen.sockets.filter(socket => socket.port === port)
  const strangers = there.filter(({ owner }) => owner !== i)
  if (strangers.length === 0) return ok(name, there.length > 0 ? `held by ${slot}` : `free for ${slot}`)
  const holder = strangers.map(holderWords).join('; ')
  return bad(
    'fail',
    name,
    `the port ${port} of ${slot} is held by ${holder}, which is not the slot's application`,
    PORT_ADVICE,
  )
}

const LOOPBACK = /^(?:127\.|\[::1\]|\[::ffff:127\.)/

function loopback({ seen, slots }: Evidence): Check {
  const open = seen.sockets
    .filter(({ owner, address }) => owner !== undefined && !LOOPBACK.test(address))
    .map(({ owner = 0, address, port }) => `${slots.all[owner]?.name} listens on ${address}:${port}`)
  if (open.length === 0) return ok('loopback', 'no slot listens to the world')
  const next = "Bind the application, and the BEAM's distribution, to 127.0.0.1: else the world gets past the router."
  return bad('warn', 'loopback', [...new Set(open)].join(', '), next)
}

function files({ environments }: HostInspection): Check {
  if (environments.length === 0) return ok('environment', 'valid, and closed to others')
  const said = `not readable, or not 0600: ${environments.join(', ')}`
  return bad('warn', 'environment', said, 'The next deploy to that slot writes it anew; or `chmod 600` it.')
}

function clock({ seen, clock: { began, ended } }: Evidence): Check {
  const skew = Math.max(began - seen.clock, seen.clock - ended, 0) / 1000
  if (skew <= SKEW) return ok('clock', `within ${SKEW} s of ours`)
  return bad(
    'warn',
    'clock',
    `${Math.round(skew)} s from ours`,
    'Set both clocks by NTP: the journal is in their order.',
  )
}

function measuring({ unmeasured }: HostInspection): Check[] {
  if (unmeasured === undefined) return []
  const next = 'A promote is proven there, but not measured. A newer curl (7.84) and bash (5) can do both.'
  return [bad('warn', 'measuring', unmeasured, next)]
}

/** All checks as a table. */
export const checkTable = (checks: readonly Check[], columns?: number): string =>
  table(
    checks.map(({ result, name, message, hint }) => [result, name, hint === null ? message : `${message}. ${hint}`]),
    { columns },
  )
