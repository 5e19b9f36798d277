/** Evaluates the inspection of a host: one check per subject, each with a hint if it fails. */

import type { Fault } from '../../runner/fault.ts'
import { table } from '../../runner/output/table.ts'
import { bytes } from '../../runner/units.ts'
import { hostPart } from '../address.ts'
import type { Slot } from '../contracts.ts'
import { PORT_ADVICE, slotFaults } from '../faults.ts'
import { pluralize } from '../format.ts'
import { describeAnswer } from '../health/format.ts'
import { describeHolder } from '../lifecycle/sockets.ts'
import type { Check, Health } from '../model.ts'
import { foreignHint, foreignText } from '../setup/application-user.ts'
import type { SetupPlan } from '../setup/plan.ts'
import type { Slots } from '../slot.ts'
import { refusalOf } from '../sudo/refusal.ts'
import type { DiskUsage } from '../upload/contents.ts'
import type { HostInspection } from './inspect.ts'
import { mountCheck } from './mounts.ts'

export interface Evidence {
  /** The host's name. */
  readonly host: string
  readonly user: string
  /** The application's folder. */
  readonly root: string
  readonly slots: Slots<string>
  /** The unit of the server that listens on the ports of all slots, for a runtime that has one. */
  readonly server?: string | undefined
  /** False on a host whose slots have no process that serves requests, so that it needs no router and no port. @default true */
  readonly serves?: boolean | undefined
  readonly health: Pick<Health, 'path'>
  readonly sudo: readonly (readonly string[])[]
  readonly inspection: HostInspection
  readonly setup: Pick<SetupPlan, 'folders' | 'files' | 'removed' | 'cut' | 'user' | 'foreign'>
  /** The user that the application runs as, if that is not the deploying one. */
  readonly application?: string | undefined
  /** Files of the releases in use that differ from the upload; undefined if that was not checked. */
  readonly changed?: readonly string[] | undefined
  /** The error of the router's check. */
  readonly router: Fault | undefined
  /** The warnings of the router's check. */
  readonly warned?: readonly Fault[]
  /** Conflicts with other sites, if that was checked. */
  readonly conflicts?: readonly Fault[]
  readonly live: { readonly fault: Fault | undefined; readonly name: string | undefined }
  readonly environment: Fault | undefined
  /** This machine's clock before and after the host's clock was read, in milliseconds since 1970. */
  readonly clock: { readonly began: number; readonly ended: number }
  /** The id of this run. */
  readonly deploy: string
  /** Of this run, and the lock file that names that of the last run. */
  readonly destination?: { readonly name: string; readonly lock: string } | undefined
  /** What will be uploaded; undefined for `doctor`. */
  readonly load?: { readonly space: DiskUsage | undefined } | undefined
}

/** Seconds that the clocks may differ. With a larger skew, journal entries and records of two people would be in the wrong order. */
const SKEW = 30
/** Free bytes and inodes below which `doctor` warns; it does not know the size of the next upload. */
const LOW = { bytes: 200e6, inodes: 5_000 }

export const ok = (name: string, message: string): Check => ({ name, result: 'ok', message, hint: null })
export const bad = (result: 'warn' | 'fail', name: string, message: string, hint: string): Check => ({
  name,
  result,
  message,
  hint,
})
const failed = (name: string, { message, hint }: Fault): Check => bad('fail', name, message.replace(/\.$/, ''), hint)

export function evaluateChecks(evidence: Evidence): readonly Check[] {
  const { inspection, router, live, environment, deploy } = evidence
  const busy = inspection.busy && inspection.busy.deploy !== deploy ? inspection.busy : undefined
  const sudo = sudoCheck(evidence)
  // The sudo check comes first then: its hint covers all refused commands, the router's check only knows its own.
  const refused = sudo.result === 'fail' && router !== undefined && /SUDO_REFUSED$/.test(router.code)
  const checks = [
    // First, because with the files of another destination most other checks fail too.
    ...otherDestination(evidence),
    mountCheck(inspection.mounts),
    ...(refused ? [sudo] : []),
    // Before the live slot: that check fails if the router is down, and the cause should come first.
    ...(evidence.serves === false ? [] : routerChecks(evidence)),
    ...(evidence.conflicts ?? []).map(conflict => failed('other sites', conflict)),
    live.fault ? failed('live slot', live.fault) : liveCheck(evidence),
    setupCheck(evidence),
    ...accountChecks(evidence),
    ...applicationCheck(evidence),
    ...(refused ? [] : [sudo]),
    ...diskChecks(evidence),
    ...releasesCheck(evidence),
    ...(evidence.serves === false
      ? []
      : [...evidence.slots.all.map((_, i) => portCheck(evidence, i)), listeners(evidence)]),
    environment ? failed('environment', environment) : files(inspection),
    clock(evidence),
    ...measuring(inspection),
    ...closedHost(evidence),
  ]
  if (!busy) return checks
  // While another run works on the host, these checks can fail temporarily.
  const calm = checks.map(check =>
    check.result === 'fail' && /^(?:live slot|port )/.test(check.name) ? { ...check, result: 'warn' as const } : check,
  )
  const message = `${busy.by} has held it since ${busy.since}: ${busy.doing} (${busy.deploy})`
  return [...calm, bad('warn', 'lock', message, 'Wait until that run has ended, or use --lock-wait.')]
}

function otherDestination({ host, root, destination, inspection: { last } }: Evidence): Check[] {
  const theirs = last?.destination
  if (destination === undefined || theirs === undefined || theirs === destination.name) return []
  const { name: ours, lock } = destination
  return [failed('destination', slotFaults.DESTINATION_OTHER({ host, root, lock, ours, theirs }))]
}

function routerChecks({ router, warned = [] }: Evidence): Check[] {
  if (router) return [failed('router', router)]
  if (warned.length === 0) return [ok('router', 'it is running, and its configuration is valid')]
  return warned.map(fault => ({ ...failed('router', fault), result: 'warn' }))
}

/** Uses the error of a run that checks this before its build, so that both report it alike. */
const closedHost = ({ host, inspection: { closed } }: Evidence): Check[] =>
  closed ? [failed('closed', slotFaults.CLOSED({ host, ...closed }))] : []

/** For a deploy, an unhealthy live slot is only a warning: the deploy may be the fix. */
function liveCheck({ inspection, slots, serves, live: { name }, health, load }: Evidence): Check {
  if (name === undefined) return ok('live slot', 'none yet: the first deploy')
  if (serves === false) return ok('live slot', name)
  const { status, body } = inspection.answers[slots.names.indexOf(name)] ?? { status: 0, body: '' }
  if (status === 200) return ok('live slot', name)
  const answer = status === 0 ? 'it gave no answer' : describeAnswer(status, body)
  return bad(
    load ? 'warn' : 'fail',
    'live slot',
    `${name} is live, but asked for ${health.path} ${answer}`,
    `Check the application in ${name}. \`npx task rollback\` returns to the previous release; \`npx task deploy --promote\` deploys another one.`,
  )
}

export function accountChecks({ user, root, application }: Pick<Evidence, 'user' | 'root' | 'application'>): Check[] {
  if (user !== 'root' || application !== undefined) return []
  const hint = `Give it an account of its own: run \`chown -R deploy: ${root}\` as root on the host, then \`npx task setup --login root --user deploy\`, and deploy as deploy.`
  return [bad('warn', 'account', 'the application runs as root', hint)]
}

/** Whether what a deploy runs as the user of the application would run, and whether the application can write its data. */
function applicationCheck({ user, application, setup: { user: absent, foreign = [] }, inspection }: Evidence): Check[] {
  // Without the user everything else fails too, and the check of the setup says so.
  if (application === undefined || absent !== undefined) return []
  const refused = inspection.application
  if (refused !== undefined)
    return [
      bad(
        'fail',
        'application',
        `${user} cannot run its commands as ${application}: ${refused}`,
        'Run `npx task setup`.',
      ),
    ]
  if (foreign.length === 0) return [ok('application', `it runs as ${application}`)]
  const found = { user: application, foreign }
  return [bad('fail', 'application', foreignText(found), foreignHint(found))]
}

/** Slots whose port only our version of a file contains: the router sends their traffic to another port. Not if a file only gains lines. */
const movedPort = ({ slots, setup: { files } }: Pick<Evidence, 'slots' | 'setup'>) =>
  files.flatMap(({ file, diff }) => {
    if (!/^-(?!-)/m.test(diff)) return []
    const names = (sign: string, port: number) => new RegExp(`^\\${sign}(?!\\${sign}).*\\b${port}\\b`, 'm').test(diff)
    const slot = slots.all.find(({ port }) => names('+', port) && !names('-', port) && /^@@ -[1-9]/m.test(diff))
    return slot ? [`${file.path} does not send the traffic of ${slot.name} to its port ${slot.port}`] : []
  })

export function setupCheck(evidence: Pick<Evidence, 'slots' | 'setup'>): Check {
  const { folders, files, removed, cut, user } = evidence.setup
  // Only root can read the sudoers file; sudoCheck tests its effect instead.
  const readable = files.filter(({ file }) => !file.path.startsWith('/etc/sudoers.d/'))
  const paths = readable.map(({ file }) => file.path)
  const missing = [
    ...(user === undefined ? [] : [`the user ${user}`]),
    ...folders,
    ...readable.filter(({ diff }) => /^@@ -0,0 /m.test(diff)).map(({ file }) => file.path),
  ]
  const hint = 'Run `npx task setup`; `npx task setup --dry-run` shows the difference.'
  if (cut) return bad('fail', 'setup', 'a setup was interrupted, or is running just now', 'Run `npx task setup`.')
  if (missing.length > 0) return bad('fail', 'setup', `missing, or with another mode: ${missing.join(', ')}`, hint)
  const [moved] = movedPort(evidence)
  if (moved) return bad('fail', 'setup', moved, hint)
  if (removed.length > 0)
    return bad('fail', 'setup', `no longer needed, but it may still run: ${removed.join(', ')}`, hint)
  if (paths.length > 0) return bad('warn', 'setup', `changed: ${paths.join(', ')}`, hint)
  return ok('setup', 'folders and files are as setup created them')
}

function releasesCheck({ changed }: Evidence): Check[] {
  if (changed === undefined) return []
  if (changed.length === 0) return [ok('releases', 'those in use are unchanged since their upload')]
  const hint =
    'Deploy again for a clean release. Have the application write to a path of `shared` in the Taskfile, or outside the release.'
  return [bad('warn', 'releases', `changed since their upload: ${changed.join(', ')}`, hint)]
}

interface Sudo extends Pick<Evidence, 'user' | 'sudo'> {
  readonly inspection: Pick<HostInspection, 'sudo'>
}

export function sudoCheck({ user, sudo, inspection }: Sudo): Check {
  if (inspection.sudo.listing === undefined) return ok('sudo', 'not needed: the user is root')
  const refusal = refusalOf(user, sudo, inspection.sudo)
  if (refusal === undefined) return ok('sudo', `${pluralize(sudo.length, 'command')} allowed without a password`)
  const { command, others, hint } = refusal
  return bad(
    'fail',
    'sudo',
    `\`sudo -n ${command}\` is refused to ${user}${others > 0 ? `, and ${others} more` : ''}`,
    hint,
  )
}

function diskChecks({ inspection: { disk, uploaded }, load }: Evidence): Check[] {
  const wanted = uploaded ? undefined : load?.space
  const need = wanted ? wanted.packed + wanted.unpacked : 0
  const free = `${bytes(disk.free)} free on ${disk.mount}`
  const makeRoom = 'Make room there: remove old releases, logs or other applications.'
  const checks = [
    disk.free < need
      ? bad('fail', 'disk', `${free}, ${bytes(need)} needed for the artifact and its content`, makeRoom)
      : disk.free < LOW.bytes
        ? bad('warn', 'disk', free, makeRoom)
        : ok('disk', wanted ? `${free}, ${bytes(need)} needed` : free),
  ]
  if (disk.inodes === undefined) return checks
  const inodes = `${disk.inodes} inodes free on ${disk.mount}`
  const removeFiles = 'Remove files there: each one uses an inode, however small it is.'
  if (wanted && disk.inodes < wanted.entries + 2)
    return [...checks, bad('fail', 'inodes', `${inodes}, ${wanted.entries + 2} needed`, removeFiles)]
  return [...checks, disk.inodes < LOW.inodes ? bad('warn', 'inodes', inodes, removeFiles) : ok('inodes', inodes)]
}

function portCheck({ inspection, slots, server }: Evidence, i: number): Check {
  const { name: slot, port } = slots.all[i] ?? {}
  const name = `port ${port}`
  const listening = inspection.sockets.filter(socket => socket.port === port)
  const strangers = listening.filter(({ owner, unit }) => owner !== i && (server === undefined || unit !== server))
  if (strangers.length === 0) return ok(name, listening.length > 0 ? `held by ${slot}` : `free for ${slot}`)
  const holder = strangers.map(describeHolder).join('; ')
  return bad(
    'fail',
    name,
    `the port ${port} of ${slot} is held by ${holder}, which is not the slot's application`,
    PORT_ADVICE,
  )
}

const LOOPBACK = /^(?:127\.|\[::1\]|\[::ffff:127\.)/

function listeners({ inspection, slots }: Evidence): Check {
  const [first] = slots.all
  const name = first?.address === undefined ? 'loopback' : 'listeners'
  const open = inspection.sockets
    .filter(({ owner, address }) => owner !== undefined && !LOOPBACK.test(address))
    .filter(({ owner = 0, address, port }) => !isOwn(slots.all[owner], address, port))
    .map(({ owner = 0, address, port }) => `${slots.all[owner]?.name} listens on ${address}:${port}`)
  if (open.length === 0)
    return ok(name, `slots listen on ${first?.address === undefined ? 'loopback' : slotAddress(first)} only`)
  const hint =
    first?.address === undefined
      ? "Bind the application, and the BEAM's distribution, to 127.0.0.1: otherwise it can be reached without the router."
      : `Bind the application to the address in LISTEN_ADDRESS, ${slotAddress(first)}, and the BEAM's distribution to 127.0.0.1.`
  return bad('warn', name, [...new Set(open)].join(', '), hint)
}

const slotAddress = ({ address }: Slot) => hostPart(address)

/** Whether a socket is the one that the router of another host connects to. */
const isOwn = (slot: Slot | undefined, address: string, port: number) =>
  slot?.address !== undefined && port === slot.port && address === slotAddress(slot)

function files({ environments }: HostInspection): Check {
  if (environments.length === 0) return ok('environment', 'valid, and not readable by others')
  const message = `not readable, or not 0600: ${environments.join(', ')}`
  return bad('warn', 'environment', message, 'Run `chmod 600` on it, or deploy to that slot, which writes it again.')
}

function clock({ inspection, clock: { began, ended } }: Evidence): Check {
  const skew = Math.max(began - inspection.clock, inspection.clock - ended, 0) / 1000
  if (skew <= SKEW) return ok('clock', `within ${SKEW} s of ours`)
  return bad(
    'warn',
    'clock',
    `${Math.round(skew)} s from ours`,
    'Synchronise both clocks by NTP: they determine the order of the journal.',
  )
}

export function measuring({ unmeasured }: Pick<HostInspection, 'unmeasured'>): Check[] {
  if (unmeasured === undefined) return []
  const hint = 'Install curl 7.84 and bash 5 or later. Without them a promote is verified, but not measured.'
  return [bad('warn', 'measuring', unmeasured, hint)]
}

/** All checks as a table. */
export const checkTable = (checks: readonly Check[], columns?: number): string =>
  table(
    checks.map(({ result, name, message, hint }) => [result, name, hint === null ? message : `${message}. ${hint}`]),
    { columns },
  )
