/** What can go wrong with slots, releases and the truth about them. */

import { catalogue, fault } from '../runner/fault.ts'
import type { Release } from './contracts.ts'
import { answerWords, type Unwell, whatIsWrong, whatItSaid, whatToDo } from './health/format.ts'
import type { Entry } from './journal/journal.ts'
import type { Check, LockOwner, Maintenance } from './model.ts'

/** The holder may be the live slot of somebody else, so nobody is told to end it. */
export const PORT_ADVICE =
  'Find out whose it is. Then give the slot a port of its own in the Taskfile and run `npx task setup`, or have its owner move it. Nothing was stopped.'

const list = (names: readonly string[]) => names.join(', ')

/** The line of a command's output that says what is wrong: what is called so, or else the last one. */
const worst = (said: string): string => {
  const lines = said.split('\n').filter(Boolean)
  return lines.find(line => /\[emerg\]|error/i.test(line)) ?? lines.at(-1) ?? 'no reason given'
}

export const slotFaults = catalogue({
  NAME_INVALID: fault<{ what: string; value: string; words: string }>({
    exit: 2,
    what: d => `${JSON.stringify(d.value)} is no ${d.what}.`,
    next: d => `Use ${d.words}.`,
  }),
  SLOTS_NOT_TWO: fault<{ names: readonly string[] }>({
    exit: 2,
    what: d => `A project has two slots; this one has ${d.names.length}${d.names.length ? `: ${list(d.names)}` : ''}.`,
    next: () => 'Write two in the Taskfile, such as `slots: { blue: { port: 4000 }, green: { port: 5000 } }`.',
  }),
  SLOTS_SHARE_PORT: fault<{ names: readonly string[]; port: number }>({
    exit: 2,
    what: d => `The slots ${list(d.names)} have the same port, ${d.port}.`,
    next: () => 'Give each slot a port of its own in the Taskfile.',
  }),
  SLOT_UNKNOWN: fault<{ name: string | undefined; names: readonly string[] }>({
    exit: 2,
    what: d => `There is no slot ${d.name}.`,
    next: d => `Name one of: ${list(d.names)}.`,
  }),
  NOT_SET_UP: fault<{ host: string; root: string }>({
    exit: 3,
    what: d => `${d.host} is not set up for this application: ${d.root} is not there, or is not ours.`,
    next: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  NOT_OURS: fault<{ host: string; root: string; owner: string; user: string }>({
    exit: 3,
    what: d => `${d.root} on ${d.host} belongs to ${d.owner}, and this is ${d.user}.`,
    next: d =>
      `Deploy as ${d.owner}: name that account in the Taskfile, such as \`ssh('${d.owner}@...')\`. Where ${d.user} may become root, \`npx task setup --user ${d.owner}\` lets your keys in there. Nothing was changed.`,
  }),
  PREFLIGHT_FAILED: fault<{ host: string; first: Check; failed: number; table: string | undefined }>({
    exit: 3,
    what: d =>
      `${d.host} is not fit, ${d.first.name}: ${d.first.said}${d.failed > 1 ? ` (${d.failed} checks failed)` : ''}.`,
    next: d => d.first.next ?? 'See `npx task doctor`.',
    detail: d => d.table,
  }),
  LOCK_TAKEN: fault<{ host: string; owner: LockOwner | undefined }>({
    exit: 3,
    what: d =>
      d.owner
        ? `${d.owner.by} is busy on ${d.host} since ${d.owner.since}: ${d.owner.doing} (${d.owner.deploy}).`
        : `Somebody has just begun to work on ${d.host}.`,
    next: () => 'Run the command again later, or with `--lock-wait 5m`. A dead holder loses the lock by itself.',
  }),
  LOCK_LOST: fault<{ host: string; ttl: number }>({
    exit: 1,
    what: d => `${d.host} let go of our lock: it heard nothing from us for ${d.ttl} s, or the connection broke.`,
    next: () => 'Look at `npx task status`, then run the command again.',
  }),
  CLOSED: fault<{ host: string } & Maintenance>({
    exit: 3,
    what: d => `${d.by} has closed ${d.host} for maintenance since ${d.since}: ${d.reason}.`,
    next: () => 'Wait until it is open again, or open it with `npx task unlock`.',
  }),
  OVERTAKEN: fault<{ host: string; owner: LockOwner | undefined }>({
    exit: 1,
    what: d =>
      `${d.host} refused a late write of this run: ${d.owner ? `${d.owner.by} has taken over since ${d.owner.since} (${d.owner.deploy})` : 'its lock is gone'}.`,
    next: () => 'Look at `npx task status` and `npx task history`; the other run goes on undisturbed.',
  }),
  RECORD_UNREADABLE: fault<{ path: string }>({
    exit: 3,
    what: d => `The record ${d.path} is not valid JSON.`,
    next: d => `Look at ${d.path} on the host; what it says of the slot cannot be trusted.`,
  }),
  LIVE_UNKNOWN: fault<{ readings: readonly (readonly [string, string])[] }>({
    exit: 3,
    what: d =>
      `It is not certain which slot is live: ${d.readings.map(([who, says]) => `${who} says ${says}`).join(', ')}.`,
    next: ({ readings: [router, answer, records] }) =>
      answer?.[1] === 'no slot' && records && records[1] !== 'no slot'
        ? `\`npx task repair --force ${records[1]}\` sends the traffic to ${records[1]} again, or name the other slot. Nothing was touched.`
        : router?.[1] === answer?.[1]
          ? 'Find out which is right with `npx task status` and the site itself; `npx task repair` makes the records follow the router. Nothing was touched.'
          : 'Find out why the site does not answer what the router says, with `npx task doctor`. Nothing was touched.',
    detail: d => d.readings.map(([who, says]) => `${who.padEnd(14)} ${says}`).join('\n'),
  }),
  LIVE_ILL: fault<{ slot: string; state: string; health: string; path: string }>({
    exit: 3,
    what: d =>
      d.state === 'running'
        ? `${d.slot} is live, but its application does not answer ${d.path} with 200 and as this slot's own.`
        : `${d.slot} is live, but its application is not running (${d.state}).`,
    next: d =>
      `Look at the application in ${d.slot}. \`npx task rollback\` goes back to the release before; \`npx task deploy --promote\` brings another one.`,
  }),
  REPAIR_NOT_CONFIRMED: fault<{ live: string | undefined; named: string | undefined }>({
    exit: 3,
    what: d =>
      d.named
        ? `${d.named} is not the slot that the router sends the traffic to: that is ${d.live ?? 'none'}.`
        : 'The repair was not confirmed; nothing was changed.',
    next: d =>
      `Confirm it in a terminal, or run \`npx task repair --force ${d.live ?? 'SLOT'}\`${d.live ? '' : ', with the name of the slot that shall get the traffic'}.`,
  }),
  SLOT_EMPTY: fault<{ slot: string }>({
    exit: 3,
    what: d => `Nothing was ever deployed to ${d.slot}.`,
    next: () => 'Run `npx task deploy` first.',
  }),
  SLOT_DOWN: fault<{ slot: string; state: string; log: string }>({
    exit: 3,
    what: d => `The application in ${d.slot} is not running (${d.state}).`,
    next: d => (d.log ? 'The end of its log is above; mend that, then deploy again.' : 'Run `npx task deploy`.'),
    detail: d => d.log || undefined,
  }),
  SLOT_NOT_HEALTHY: fault<Unwell>({ exit: 3, what: whatIsWrong, next: whatToDo, detail: whatItSaid }),
  SLOT_OTHER_VERSION: fault<{ slot: string; wanted: string; said: string; body: string }>({
    exit: 3,
    what: d => `${d.slot} should run ${d.wanted}, but what answers there says ${d.said}.`,
    next: () =>
      "Run `npx task status`. Where the version is told in another field, set `health: { version: '...' }`; where it is not told, set `health: { version: false }`.",
    detail: d => answerWords(200, d.body),
  }),
  HEALTH_HEADER_INVALID: fault<{ name: string; why: string }>({
    exit: 2,
    what: d => `The header ${JSON.stringify(d.name)} in \`health.headers\` cannot be sent: ${d.why}.`,
    next: () => "Write it in the Taskfile as `health: { headers: { 'X-Name': 'value' } }`.",
  }),
  ADOPTED_STUCK: fault<{ pid: number }>({
    exit: 1,
    what: d => `The adopted process ${d.pid} is still there, although it was killed.`,
    next: () => 'Look at it on the host: a process that waits for a disk cannot end. Nothing was started in its place.',
  }),
  RELEASE_BAD: fault<{ release: string; bad: Entry }>({
    exit: 3,
    what: d =>
      d.bad.result === 'begun'
        ? `The migrations of ${d.release} in ${d.bad.slot} began at ${d.bad.at}, and ${d.bad.why}.`
        : `${d.release} is bad: its ${d.bad.event} to ${d.bad.slot} failed at ${d.bad.at} (${d.bad.why}).`,
    next: d =>
      d.bad.event === 'migrate'
        ? `Run \`npx task migrate --slot ${d.bad.slot}\`, which says how they ended; or say --force to promote it all the same.`
        : d.bad.event === 'promote'
          ? 'Promote another release; or say --force to promote this one all the same.'
          : 'Promote another release; or clear it with `npx task check-idle` if it is healthy now; or say --force.',
  }),
  MIGRATION_RUNNING: fault<{ host: string; release: string | undefined; slot?: string; by?: string; since?: string }>({
    exit: 3,
    what: d =>
      d.slot
        ? `The migrations of ${d.release} in ${d.slot} still run on ${d.host}: ${d.by} began them at ${d.since}.`
        : `Another migration still runs on ${d.host}.`,
    next: d =>
      `Follow them to their end with \`npx task migrate${d.slot ? ` --slot ${d.slot}` : ''}\`. Nothing was begun.`,
  }),
  MIGRATION_LOST: fault<{ host: string; release: string }>({
    exit: 1,
    what: d =>
      `The migrations of ${d.release} left no result on ${d.host}: they were killed, or the host was restarted.`,
    next: () => 'Look at what they did to the database, then run `npx task migrate` again. Nothing was promoted.',
  }),
  PORT_TAKEN: fault<{ slot: string; port: number; holder: string }>({
    exit: 3,
    what: d => `The port ${d.port} of ${d.slot} is held by ${d.holder}, which is not the slot's application.`,
    next: () => PORT_ADVICE,
  }),
  ARTIFACT_REFUSED: fault<{ artifact: string; why: string; detail: string }>({
    exit: 1,
    what: d => `The artifact ${d.artifact} was refused: ${d.why}.`,
    next: () => 'Look at how it is built. Nothing of it was kept on the host.',
    detail: d => d.detail || undefined,
  }),
  RELEASE_NOT_SHARED: fault<{ release: Release; path: string }>({
    exit: 3,
    what: d =>
      `${d.release.name} came to the host before \`shared\` named ${d.path}: there it has its own, and no link.`,
    next: d =>
      `Build it as another version; or remove ${d.release.dir} on the host, when no slot runs it. Nothing was stopped.`,
  }),
  ROOT_NOT_WRITABLE: fault<{ host: string; root: string }>({
    exit: 3,
    what: d =>
      `${d.root} on ${d.host} is ours, and cannot be written: its file system is mounted read-only, or its mode is wrong.`,
    next: d =>
      `See \`findmnt -T ${d.root}\` and \`dmesg\` on the host: a disk with errors becomes read-only. Then \`mount -o remount,rw\`. Nothing was changed.`,
  }),
  RELEASE_NO_ROOM: fault<{ host: string; release: string; detail: string }>({
    exit: 1,
    what: d => `${d.host} has no room to unpack ${d.release}: its disk is full, or has no inodes left.`,
    next: () => 'Make room there: old releases, logs, other applications. Nothing of it was kept on the host.',
    detail: d => d.detail || undefined,
  }),
  RESTORE_NOT_PROVEN: fault<{ slot: string; why: string }>({
    exit: 1,
    what: d => `The route back to ${d.slot} could not be proven: ${d.why}.`,
    next: () => 'Look at the site and at `npx task status` now.',
  }),
  CANNOT: fault<{ verb: string }>({
    exit: 2,
    what: d => `The runtime of this project has no ${d.verb}.`,
    next: () => 'Leave this task out of the Taskfile, or write one of your own.',
  }),
  ROLLBACK_NOWHERE: fault<{ slot: string; why: string; next: string }>({
    exit: 3,
    what: d => `There is nothing to roll back to: ${d.why}.`,
    next: d => d.next,
  }),
  SLOT_STOPPED: fault<{ slot: string; release: string; by: Entry }>({
    exit: 3,
    what: ({ slot, release, by }) =>
      by.event === 'retire'
        ? `${slot} is not running: ${by.by} retired it at ${by.at}.`
        : `${slot} is not running: the deploy of ${release} to it was taken back at ${by.at}, by ${by.by}.`,
    next: d => `Nothing is broken there. Deploy ${d.release} again with \`npx task deploy\`, then promote it.`,
  }),
  FILE_EDITED: fault<{ host: string; path: string; missing: readonly string[] }>({
    exit: 3,
    what: d => `${d.path} on ${d.host} was edited by others, and does not say \`${d.missing.join('` and `')}\`.`,
    next: d =>
      `Put ${d.missing.length === 1 ? 'that line' : 'those lines'} into it by hand; or move it away, and \`npx task setup\` writes it anew. Nothing was changed.`,
  }),
  ADOPT_NOTHING: fault<{ slot: string; port: number }>({
    exit: 3,
    what: d => `Nothing listens on port ${d.port} that could be adopted as ${d.slot}, or it belongs to another user.`,
    next: () => 'Start the application there, as the user that deploys, or run `npx task setup` without --adopt.',
  }),
  TOOLS_MISSING: fault<{ tools: readonly string[]; packages: readonly string[] }>({
    exit: 3,
    what: d => `The host lacks ${list(d.tools)}.`,
    next: d => `As root on the host: apt-get install -y ${d.packages.join(' ')}`,
  }),
  APP_TAKEN: fault<{ host: string; app: string; path: string; root: string }>({
    exit: 3,
    what: d => `${d.path} on ${d.host} belongs to the application in ${d.root}, whose name is ${d.app} too.`,
    next: d => `Give this one another name in its Taskfile, such as \`app: '${d.app}_staging'\`. Nothing was changed.`,
  }),
  ROOT_TAKEN: fault<{ host: string; root: string; path: string }>({
    exit: 3,
    what: d => `${d.root} on ${d.host} is the folder of another application: ${d.path} names it.`,
    next: () => 'Give this one another `root` in its Taskfile. Nothing was changed.',
  }),
  PORT_CLAIMED: fault<{ host: string; slot: string; port: number; path: string }>({
    exit: 3,
    what: d => `The port ${d.port} of ${d.slot} is one of another application's on ${d.host}: ${d.path} names it.`,
    next: d => `Give ${d.slot} another port in the Taskfile. Nothing was changed.`,
  }),
  FILE_NOT_OURS: fault<{ host: string; path: string; app: string }>({
    exit: 3,
    what: d => `${d.path} is on ${d.host} already, and no setup made it.`,
    next: d =>
      `Give the application another name than ${d.app} in its Taskfile; or move that file away where nothing needs it. Nothing was changed.`,
  }),
  SETUP_FORGETS_LIVE: fault<{ host: string; slot: string; names: readonly string[] }>({
    exit: 3,
    what: d => `${d.slot} is live on ${d.host}, and the Taskfile has no slot of that name, only ${list(d.names)}.`,
    next: d => `Keep the name ${d.slot} in the Taskfile: with other names nobody would be served. Nothing was changed.`,
  }),
  SETUP_MOVES_LIVE: fault<{ host: string; slot: string; from: number | undefined; to: number; idle: string }>({
    exit: 3,
    what: d =>
      `${d.slot} is live on ${d.host} and listens on port ${d.from ?? 'another'}, where the Taskfile has ${d.to}: nobody would reach it.`,
    next: d =>
      `Leave the port of ${d.slot} as it is for now: change that of ${d.idle} alone, then \`setup\` and \`deploy --promote\`; then do the same for ${d.slot}. Nothing was changed.`,
  }),
  SETUP_STRANDS_LIVE: fault<{ host: string; slot: string; why: string }>({
    exit: 3,
    what: d => `${d.slot} is live on ${d.host}, and would not start again under the new files: ${d.why}.`,
    next: d =>
      `Deploy and promote a release that fits under the old files first, or take back what changed in the Taskfile: a reboot would leave ${d.slot} down. Nothing was changed.`,
  }),
  SETUP_NEEDS_ROOT: fault<{ user: string; said: string | undefined }>({
    exit: 3,
    what: d => `Setting up needs root, and ${d.user} may not use sudo without a password.`,
    next: d =>
      `Log in once as root, or as an account that may: \`npx task setup --login root --user ${d.user}\` prepares the host for ${d.user}; or do what \`--dry-run\` prints by hand.`,
    detail: d => d.said || undefined,
  }),
  SETUP_AS_ROOT: fault<{ host: string }>({
    exit: 3,
    what: d => `Set up so, the application on ${d.host} would run as root.`,
    next: () =>
      'Name the account that deploys, which is made if need be: `npx task setup --user deploy`. Where it has to be root, say `--user root`. Nothing was changed.',
  }),
  SETUP_ADOPT_OTHER: fault<{ user: string; login: string }>({
    exit: 3,
    what: d => `${d.login} sets the host up for ${d.user}, and only ${d.user} can adopt what runs there.`,
    next: d => `Run \`npx task setup\` without --adopt now, and then, logged in as ${d.user}, with it.`,
  }),
  LOGIN_IMPOSSIBLE: fault<{ host: string }>({
    exit: 2,
    what: d => `Nobody logs in on ${d.host}, so --login has no meaning there.`,
    next: () => 'Run the command as that user itself, such as with `sudo`.',
  }),
  SETUP_REFUSED: fault<{ host: string; said: string }>({
    exit: 1,
    what: d => `${d.host} did not take what setup wants there: ${worst(d.said)}`,
    next: () => 'Put that right, and run `npx task setup` again. No file was changed.',
    detail: d => d.said || undefined,
  }),
  SETUP_TAKEN_BACK: fault<{ host: string; said: string }>({
    exit: 1,
    what: d => `What setup wrote could not be put in force on ${d.host}: ${worst(d.said)}`,
    next: () => 'Put that right, and run `npx task setup` again. Every file was put back as it was.',
    detail: d => d.said || undefined,
  }),
  SETUP_NOT_TAKEN_BACK: fault<{ host: string; said: string }>({
    exit: 1,
    what: d => `What setup wrote on ${d.host} is not in force, and could not be put back either.`,
    next: () => 'Put right what is said above, and run `npx task setup` again: it puts the files back first.',
    detail: d => d.said || undefined,
  }),
})
