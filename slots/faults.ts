/** What can go wrong with slots, releases and the truth about them. */

import { catalogue, fault } from '../runner/fault.ts'
import type { Release } from './contracts.ts'
import { answerWords, type Unwell, whatIsWrong, whatItSaid, whatToDo } from './health/format.ts'
import type { Check, JournalEntry, LockOwner, Maintenance } from './model.ts'

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
    exitCode: 2,
    message: d => `${JSON.stringify(d.value)} is no ${d.what}.`,
    hint: d => `Use ${d.words}.`,
  }),
  SLOTS_NOT_TWO: fault<{ names: readonly string[] }>({
    exitCode: 2,
    message: d =>
      `A project has two slots; this one has ${d.names.length}${d.names.length ? `: ${list(d.names)}` : ''}.`,
    hint: () => 'Write two in the Taskfile, such as `slots: { blue: { port: 4000 }, green: { port: 5000 } }`.',
  }),
  SLOTS_SHARE_PORT: fault<{ names: readonly string[]; port: number }>({
    exitCode: 2,
    message: d => `The slots ${list(d.names)} have the same port, ${d.port}.`,
    hint: () => 'Give each slot a port of its own in the Taskfile.',
  }),
  SLOT_UNKNOWN: fault<{ name: string | undefined; names: readonly string[] }>({
    exitCode: 2,
    message: d => `There is no slot ${d.name}.`,
    hint: d => `Name one of: ${list(d.names)}.`,
  }),
  NOT_SET_UP: fault<{ host: string; root: string }>({
    exitCode: 3,
    message: d => `${d.host} is not set up for this application: ${d.root} is not there, or is not ours.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  NOT_OURS: fault<{ host: string; root: string; owner: string; user: string }>({
    exitCode: 3,
    message: d => `${d.root} on ${d.host} belongs to ${d.owner}, and this is ${d.user}.`,
    hint: d =>
      `Deploy as ${d.owner}: name that account in the Taskfile, such as \`ssh('${d.owner}@...')\`. Where ${d.user} may become root, \`npx task setup --user ${d.owner}\` lets your keys in there. Nothing was changed.`,
  }),
  PREFLIGHT_FAILED: fault<{ host: string; first: Check; failed: number; table: string | undefined }>({
    exitCode: 3,
    message: d =>
      `${d.host} is not fit, ${d.first.name}: ${d.first.message}${d.failed > 1 ? ` (${d.failed} checks failed)` : ''}.`,
    hint: d => d.first.hint ?? 'See `npx task doctor`.',
    detail: d => d.table,
  }),
  LOCK_TAKEN: fault<{ host: string; owner: LockOwner | undefined }>({
    exitCode: 3,
    message: d =>
      d.owner
        ? `${d.owner.by} is busy on ${d.host} since ${d.owner.since}: ${d.owner.doing} (${d.owner.deploy}).`
        : `Somebody has just begun to work on ${d.host}.`,
    hint: () => 'Run the command again later, or with `--lock-wait 5m`. A dead holder loses the lock by itself.',
  }),
  LOCK_LOST: fault<{ host: string; ttl: number }>({
    exitCode: 1,
    message: d => `${d.host} let go of our lock: it heard nothing from us for ${d.ttl} s, or the connection broke.`,
    hint: () => 'Look at `npx task status`, then run the command again.',
  }),
  CLOSED: fault<{ host: string } & Maintenance>({
    exitCode: 3,
    message: d => `${d.by} has closed ${d.host} for maintenance since ${d.since}: ${d.reason}.`,
    hint: () => 'Wait until it is open again, or open it with `npx task unlock`.',
  }),
  OVERTAKEN: fault<{ host: string; owner: LockOwner | undefined }>({
    exitCode: 1,
    message: d =>
      `${d.host} refused a late write of this run: ${d.owner ? `${d.owner.by} has taken over since ${d.owner.since} (${d.owner.deploy})` : 'its lock is gone'}.`,
    hint: () => 'Look at `npx task status` and `npx task history`; the other run goes on undisturbed.',
  }),
  RECORD_UNREADABLE: fault<{ path: string }>({
    exitCode: 3,
    message: d => `The record ${d.path} is not valid JSON.`,
    hint: d => `Look at ${d.path} on the host; what it says of the slot cannot be trusted.`,
  }),
  LIVE_UNKNOWN: fault<{ readings: readonly (readonly [string, string])[] }>({
    exitCode: 3,
    message: d =>
      `It is not certain which slot is live: ${d.readings.map(([who, says]) => `${who} says ${says}`).join(', ')}.`,
    hint: ({ readings: [router, answer, records] }) =>
      answer?.[1] === 'no slot' && records && records[1] !== 'no slot'
        ? `\`npx task repair --force ${records[1]}\` sends the traffic to ${records[1]} again, or name the other slot. Nothing was touched.`
        : router?.[1] === answer?.[1]
          ? 'Find out which is right with `npx task status` and the site itself; `npx task repair` makes the records follow the router. Nothing was touched.'
          : 'Find out why the site does not answer what the router says, with `npx task doctor`. Nothing was touched.',
    detail: d => d.readings.map(([who, says]) => `${who.padEnd(14)} ${says}`).join('\n'),
  }),
  LIVE_ILL: fault<{ slot: string; state: string; health: string; path: string }>({
    exitCode: 3,
    message: d =>
      d.state === 'running'
        ? `${d.slot} is live, but its application does not answer ${d.path} with 200 and as this slot's own.`
        : `${d.slot} is live, but its application is not running (${d.state}).`,
    hint: d =>
      `Look at the application in ${d.slot}. \`npx task rollback\` goes back to the release before; \`npx task deploy --promote\` brings another one.`,
  }),
  REPAIR_NOT_CONFIRMED: fault<{ live: string | undefined; named: string | undefined }>({
    exitCode: 3,
    message: d =>
      d.named
        ? `${d.named} is not the slot that the router sends the traffic to: that is ${d.live ?? 'none'}.`
        : 'The repair was not confirmed; nothing was changed.',
    hint: d =>
      `Confirm it in a terminal, or run \`npx task repair --force ${d.live ?? 'SLOT'}\`${d.live ? '' : ', with the name of the slot that shall get the traffic'}.`,
  }),
  SLOT_EMPTY: fault<{ slot: string }>({
    exitCode: 3,
    message: d => `Nothing was ever deployed to ${d.slot}.`,
    hint: () => 'Run `npx task deploy` first.',
  }),
  SLOT_DOWN: fault<{ slot: string; state: string; log: string }>({
    exitCode: 3,
    message: d => `The application in ${d.slot} is not running (${d.state}).`,
    hint: d => (d.log ? 'The end of its log is above; mend that, then deploy again.' : 'Run `npx task deploy`.'),
    detail: d => d.log || undefined,
  }),
  SLOT_NOT_HEALTHY: fault<Unwell>({ exitCode: 3, message: whatIsWrong, hint: whatToDo, detail: whatItSaid }),
  SLOT_OTHER_VERSION: fault<{ slot: string; wanted: string; said: string; body: string }>({
    exitCode: 3,
    message: d => `${d.slot} should run ${d.wanted}, but what answers there says ${d.said}.`,
    hint: () =>
      "Run `npx task status`. Where the version is told in another field, set `health: { version: '...' }`; where it is not told, set `health: { version: false }`.",
    detail: d => answerWords(200, d.body),
  }),
  HEALTH_HEADER_INVALID: fault<{ name: string; why: string }>({
    exitCode: 2,
    message: d => `The header ${JSON.stringify(d.name)} in \`health.headers\` cannot be sent: ${d.why}.`,
    hint: () => "Write it in the Taskfile as `health: { headers: { 'X-Name': 'value' } }`.",
  }),
  ADOPTED_STUCK: fault<{ pid: number }>({
    exitCode: 1,
    message: d => `The adopted process ${d.pid} is still there, although it was killed.`,
    hint: () => 'Look at it on the host: a process that waits for a disk cannot end. Nothing was started in its place.',
  }),
  RELEASE_BAD: fault<{ release: string; bad: JournalEntry }>({
    exitCode: 3,
    message: d =>
      d.bad.result === 'begun'
        ? `The migrations of ${d.release} in ${d.bad.slot} began at ${d.bad.at}, and ${d.bad.why}.`
        : `${d.release} is bad: its ${d.bad.event} to ${d.bad.slot} failed at ${d.bad.at} (${d.bad.why}).`,
    hint: d =>
      d.bad.event === 'migrate'
        ? `Run \`npx task migrate --slot ${d.bad.slot}\`, which says how they ended; or say --force to promote it all the same.`
        : d.bad.event === 'promote'
          ? 'Promote another release; or say --force to promote this one all the same.'
          : 'Promote another release; or clear it with `npx task check-idle` if it is healthy now; or say --force.',
  }),
  MIGRATION_RUNNING: fault<{ host: string; release: string | undefined; slot?: string; by?: string; since?: string }>({
    exitCode: 3,
    message: d =>
      d.slot
        ? `The migrations of ${d.release} in ${d.slot} still run on ${d.host}: ${d.by} began them at ${d.since}.`
        : `Another migration still runs on ${d.host}.`,
    hint: d =>
      `Follow them to their end with \`npx task migrate${d.slot ? ` --slot ${d.slot}` : ''}\`. Nothing was begun.`,
  }),
  MIGRATION_LOST: fault<{ host: string; release: string }>({
    exitCode: 1,
    message: d =>
      `The migrations of ${d.release} left no result on ${d.host}: they were killed, or the host was restarted.`,
    hint: () => 'Look at what they did to the database, then run `npx task migrate` again. Nothing was promoted.',
  }),
  PORT_TAKEN: fault<{ slot: string; port: number; holder: string }>({
    exitCode: 3,
    message: d => `The port ${d.port} of ${d.slot} is held by ${d.holder}, which is not the slot's application.`,
    hint: () => PORT_ADVICE,
  }),
  ARTIFACT_REFUSED: fault<{ artifact: string; why: string; detail: string }>({
    exitCode: 1,
    message: d => `The artifact ${d.artifact} was refused: ${d.why}.`,
    hint: () => 'Look at how it is built. Nothing of it was kept on the host.',
    detail: d => d.detail || undefined,
  }),
  RELEASE_NOT_SHARED: fault<{ release: Release; path: string }>({
    exitCode: 3,
    message: d =>
      `${d.release.name} came to the host before \`shared\` named ${d.path}: there it has its own, and no link.`,
    hint: d =>
      `Build it as another version; or remove ${d.release.dir} on the host, when no slot runs it. Nothing was stopped.`,
  }),
  ROOT_NOT_WRITABLE: fault<{ host: string; root: string }>({
    exitCode: 3,
    message: d =>
      `${d.root} on ${d.host} is ours, and cannot be written: its file system is mounted read-only, or its mode is wrong.`,
    hint: d =>
      `See \`findmnt -T ${d.root}\` and \`dmesg\` on the host: a disk with errors becomes read-only. Then \`mount -o remount,rw\`. Nothing was changed.`,
  }),
  RELEASE_NO_ROOM: fault<{ host: string; release: string; detail: string }>({
    exitCode: 1,
    message: d => `${d.host} has no room to unpack ${d.release}: its disk is full, or has no inodes left.`,
    hint: () => 'Make room there: old releases, logs, other applications. Nothing of it was kept on the host.',
    detail: d => d.detail || undefined,
  }),
  RESTORE_UNVERIFIED: fault<{ slot: string; why: string }>({
    exitCode: 1,
    message: d => `The route back to ${d.slot} could not be proven: ${d.why}.`,
    hint: () => 'Look at the site and at `npx task status` now.',
  }),
  CANNOT: fault<{ verb: string }>({
    exitCode: 2,
    message: d => `The runtime of this project has no ${d.verb}.`,
    hint: () => 'Leave this task out of the Taskfile, or write one of your own.',
  }),
  ROLLBACK_NOWHERE: fault<{ slot: string; why: string; next: string }>({
    exitCode: 3,
    message: d => `There is nothing to roll back to: ${d.why}.`,
    hint: d => d.next,
  }),
  SLOT_STOPPED: fault<{ slot: string; release: string; by: JournalEntry }>({
    exitCode: 3,
    message: ({ slot, release, by }) =>
      by.event === 'retire'
        ? `${slot} is not running: ${by.by} retired it at ${by.at}.`
        : `${slot} is not running: the deploy of ${release} to it was taken back at ${by.at}, by ${by.by}.`,
    hint: d => `Nothing is broken there. Deploy ${d.release} again with \`npx task deploy\`, then promote it.`,
  }),
  FILE_EDITED: fault<{ host: string; path: string; missing: readonly string[] }>({
    exitCode: 3,
    message: d => `${d.path} on ${d.host} was edited by others, and does not say \`${d.missing.join('` and `')}\`.`,
    hint: d =>
      `Put ${d.missing.length === 1 ? 'that line' : 'those lines'} into it by hand; or move it away, and \`npx task setup\` writes it anew. Nothing was changed.`,
  }),
  ADOPT_NOTHING: fault<{ slot: string; port: number }>({
    exitCode: 3,
    message: d =>
      `Nothing listens on port ${d.port} that could be adopted as ${d.slot}, or it belongs to another user.`,
    hint: () => 'Start the application there, as the user that deploys, or run `npx task setup` without --adopt.',
  }),
  TOOLS_MISSING: fault<{ tools: readonly string[]; packages: readonly string[] }>({
    exitCode: 3,
    message: d => `The host lacks ${list(d.tools)}.`,
    hint: d => `As root on the host: apt-get install -y ${d.packages.join(' ')}`,
  }),
  APP_TAKEN: fault<{ host: string; app: string; path: string; root: string }>({
    exitCode: 3,
    message: d => `${d.path} on ${d.host} belongs to the application in ${d.root}, whose name is ${d.app} too.`,
    hint: d => `Give this one another name in its Taskfile, such as \`app: '${d.app}_staging'\`. Nothing was changed.`,
  }),
  ROOT_TAKEN: fault<{ host: string; root: string; path: string }>({
    exitCode: 3,
    message: d => `${d.root} on ${d.host} is the folder of another application: ${d.path} names it.`,
    hint: () => 'Give this one another `root` in its Taskfile. Nothing was changed.',
  }),
  PORT_CLAIMED: fault<{ host: string; slot: string; port: number; path: string }>({
    exitCode: 3,
    message: d => `The port ${d.port} of ${d.slot} is one of another application's on ${d.host}: ${d.path} names it.`,
    hint: d => `Give ${d.slot} another port in the Taskfile. Nothing was changed.`,
  }),
  FILE_NOT_OURS: fault<{ host: string; path: string; app: string }>({
    exitCode: 3,
    message: d => `${d.path} is on ${d.host} already, and no setup made it.`,
    hint: d =>
      `Give the application another name than ${d.app} in its Taskfile; or move that file away where nothing needs it. Nothing was changed.`,
  }),
  SETUP_FORGETS_LIVE: fault<{ host: string; slot: string; names: readonly string[] }>({
    exitCode: 3,
    message: d => `${d.slot} is live on ${d.host}, and the Taskfile has no slot of that name, only ${list(d.names)}.`,
    hint: d => `Keep the name ${d.slot} in the Taskfile: with other names nobody would be served. Nothing was changed.`,
  }),
  SETUP_MOVES_LIVE: fault<{ host: string; slot: string; from: number | undefined; to: number; idle: string }>({
    exitCode: 3,
    message: d =>
      `${d.slot} is live on ${d.host} and listens on port ${d.from ?? 'another'}, where the Taskfile has ${d.to}: nobody would reach it.`,
    hint: d =>
      `Leave the port of ${d.slot} as it is for now: change that of ${d.idle} alone, then \`setup\` and \`deploy --promote\`; then do the same for ${d.slot}. Nothing was changed.`,
  }),
  SETUP_STRANDS_LIVE: fault<{ host: string; slot: string; why: string }>({
    exitCode: 3,
    message: d => `${d.slot} is live on ${d.host}, and would not start again under the new files: ${d.why}.`,
    hint: d =>
      `Deploy and promote a release that fits under the old files first, or take back what changed in the Taskfile: a reboot would leave ${d.slot} down. Nothing was changed.`,
  }),
  SETUP_NEEDS_ROOT: fault<{ user: string; said: string | undefined }>({
    exitCode: 3,
    message: d => `Setting up needs root, and ${d.user} may not use sudo without a password.`,
    hint: d =>
      `Log in once as root, or as an account that may: \`npx task setup --login root --user ${d.user}\` prepares the host for ${d.user}; or do what \`--dry-run\` prints by hand.`,
    detail: d => d.said || undefined,
  }),
  SETUP_AS_ROOT: fault<{ host: string }>({
    exitCode: 3,
    message: d => `Set up so, the application on ${d.host} would run as root.`,
    hint: () =>
      'Name the account that deploys, which is made if need be: `npx task setup --user deploy`. Where it has to be root, say `--user root`. Nothing was changed.',
  }),
  SETUP_ADOPT_OTHER: fault<{ user: string; login: string }>({
    exitCode: 3,
    message: d => `${d.login} sets the host up for ${d.user}, and only ${d.user} can adopt what runs there.`,
    hint: d => `Run \`npx task setup\` without --adopt now, and then, logged in as ${d.user}, with it.`,
  }),
  LOGIN_IMPOSSIBLE: fault<{ host: string }>({
    exitCode: 2,
    message: d => `Nobody logs in on ${d.host}, so --login has no meaning there.`,
    hint: () => 'Run the command as that user itself, such as with `sudo`.',
  }),
  SETUP_REFUSED: fault<{ host: string; said: string }>({
    exitCode: 1,
    message: d => `${d.host} did not take what setup wants there: ${worst(d.said)}`,
    hint: () => 'Put that right, and run `npx task setup` again. No file was changed.',
    detail: d => d.said || undefined,
  }),
  SETUP_TAKEN_BACK: fault<{ host: string; said: string }>({
    exitCode: 1,
    message: d => `What setup wrote could not be put in force on ${d.host}: ${worst(d.said)}`,
    hint: () => 'Put that right, and run `npx task setup` again. Every file was put back as it was.',
    detail: d => d.said || undefined,
  }),
  SETUP_NOT_TAKEN_BACK: fault<{ host: string; said: string }>({
    exitCode: 1,
    message: d => `What setup wrote on ${d.host} is not in force, and could not be put back either.`,
    hint: () => 'Put right what is said above, and run `npx task setup` again: it puts the files back first.',
    detail: d => d.said || undefined,
  }),
})
