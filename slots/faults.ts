/** Errors about slots, releases and which slot is live. */

import { catalogue, type Fault, fault } from '../runner/fault.ts'
import type { Release } from './contracts.ts'
import { describeReadings } from './format.ts'
import { describeAnswer, type FailedCheck, healthDetail, healthHint, healthMessage } from './health/format.ts'
import type { Check, JournalEntry, LockOwner, Maintenance } from './model.ts'

/** Does not suggest ending the process: it may be somebody else's live application. */
export const PORT_ADVICE =
  'Find out whose process it is. Then give the slot a port of its own in the Taskfile and run `npx task setup`, or have its owner change the port. Nothing was stopped.'

const list = (names: readonly string[]) => names.join(', ')

const answered = (status: number) => (status === 0 ? 'no answer' : `status ${status}`)

/** The first line of a command's output that is marked as an error, or the last line. */
const errorLine = (output: string): string => {
  const lines = output.split('\n').filter(Boolean)
  return lines.find(line => /\[emerg\]|error/i.test(line)) ?? lines.at(-1) ?? 'no reason given'
}

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([name]) => name.length)) + 1
  return rows.map(([name, text]) => `${name.padEnd(width)} ${text}`).join('\n')
}

export const slotFaults = catalogue({
  NAME_INVALID: fault<{ label: string; value: string; rule: string }>({
    exitCode: 2,
    message: d => `${JSON.stringify(d.value)} is not a valid ${d.label}.`,
    hint: d => `Use ${d.rule}.`,
  }),
  SLOTS_NOT_TWO: fault<{ names: readonly string[] }>({
    exitCode: 2,
    message: d =>
      `A project has exactly two slots; this one has ${d.names.length}${d.names.length ? `: ${list(d.names)}` : ''}.`,
    hint: () => 'Define two in the Taskfile, such as `slots: { blue: { port: 4000 }, green: { port: 5000 } }`.',
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
    message: d => `${d.host} is not set up for this application: ${d.root} does not exist, or belongs to another user.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  NOT_OURS: fault<{ host: string; root: string; owner: string; user: string }>({
    exitCode: 3,
    message: d => `${d.root} on ${d.host} belongs to ${d.owner}, but the deploying user is ${d.user}.`,
    hint: d =>
      `Deploy as ${d.owner}: name that account in the Taskfile, such as \`ssh('${d.owner}@...')\`. If ${d.user} can become root, \`npx task setup --user ${d.owner}\` authorises your keys for it. Nothing was changed.`,
    about:
      'A deploy writes as one account, which owns the folder of the application. Another account could overwrite its releases, or leave files that the owner cannot delete.',
  }),
  BALANCER_IS_HOST: fault<{ host: string }>({
    exitCode: 2,
    message: d => `The router is on ${d.host}, which is the application's host.`,
    hint: () => 'Leave out `on` and `upstream` of the router in the Taskfile, or name another host.',
  }),
  BALANCER_IS_SAME: fault<{ host: string; balancer: string }>({
    exitCode: 3,
    message: d => `${d.balancer}, the host of the router, is the same machine as ${d.host}.`,
    hint: () =>
      'Leave out `on` and `upstream` of the router in the Taskfile, or name another host. Nothing was changed.',
  }),
  SLOT_UNREACHABLE: fault<{ host: string; slot: string; at: string; why: string }>({
    exitCode: 3,
    message: d => `${d.host}, the host of the router, cannot reach ${d.slot} at ${d.at}: ${d.why}.`,
    hint: () =>
      "The application has to listen there (LISTEN_ADDRESS), and the firewall of its host has to let the router's host in: `npx task doctor` prints the lines. Nothing was switched.",
    about:
      'The slot is healthy on its own host, and the load balancer was asked to connect to it before the switch. A promote would have led to a site that answers 502.',
  }),
  PREFLIGHT_FAILED: fault<{ host: string; first: Check; failed: number; table: string | undefined }>({
    exitCode: 3,
    message: d =>
      `The preflight of ${d.host} failed, ${d.first.name}: ${d.first.message}${d.failed > 1 ? ` (${d.failed} checks failed)` : ''}.`,
    hint: d => d.first.hint ?? 'Run `npx task doctor`.',
    detail: d => d.table,
    about:
      'A deploy checks the host before it writes anything. The table has every check, the failed ones with what to do; `npx task doctor` runs the same checks and a few more, and changes nothing.',
  }),
  LOCK_TAKEN: fault<{ host: string; owner: LockOwner | undefined }>({
    exitCode: 3,
    message: d =>
      d.owner
        ? `${d.owner.by} has held the lock on ${d.host} since ${d.owner.since}: ${d.owner.doing}${d.owner.destination ? ` to ${d.owner.destination}` : ''} (${d.owner.deploy}).`
        : `Somebody has just taken the lock on ${d.host}.`,
    hint: () =>
      'Run the command again later, or with `--lock-wait 5m`. A run that was killed or cut off loses the lock by itself.',
    about:
      'A command that changes something holds a lock on the host, so that two runs never mix. It is held by an open file and a heartbeat: a run that was killed releases it at once, a frozen one within 15 seconds. There is nothing to delete by hand. `npx task status` shows the holder.',
  }),
  DESTINATION_OTHER: fault<{ host: string; root: string; lock: string; ours: string; theirs: string }>({
    exitCode: 3,
    message: d => `${d.root} on ${d.host} belongs to the destination ${d.theirs}, not to ${d.ours}.`,
    hint: d =>
      `Give ${d.ours} another \`app\` or \`root\` in the Taskfile. If ${d.theirs} is called ${d.ours} now, empty ${d.lock} on the host. Nothing was changed.`,
    about:
      'Two destinations of the Taskfile lead to the same folder of the same machine, perhaps by two host names. Deploying one would replace the other.',
  }),
  DESTINATIONS_CLASH: fault<{ names: readonly [string, string]; host: string; what: string; hint: string }>({
    exitCode: 2,
    message: d => `The destinations ${d.names.join(' and ')} would both use ${d.what} on ${d.host}.`,
    hint: d => d.hint,
  }),
  HOOK_FILE_FAILED: fault<{ path: string; code: number | null; output: string }>({
    exitCode: 1,
    message: d => `The hook ${d.path} ${d.code === null ? 'was ended by a signal' : `exited with ${d.code}`}.`,
    hint: d => `Correct what it checks, or ${d.path} itself. \`--skip-hooks\` runs the command without hooks.`,
    detail: d => d.output || undefined,
  }),
  HOOK_NOT_EXECUTABLE: fault<{ path: string }>({
    exitCode: 1,
    message: d => `The hook ${d.path} is not executable.`,
    hint: d => `Run \`chmod +x ${d.path}\`.`,
  }),
  LOCK_LOST: fault<{ host: string; ttl: number }>({
    exitCode: 1,
    message: d => `This run lost its lock on ${d.host}: no heartbeat arrived for ${d.ttl} s, or the connection broke.`,
    hint: () => 'Check `npx task status`, then run the command again.',
    about:
      'The host released the lock because this run gave no sign of life, for instance because the laptop slept. From then on the host refuses every write of this run, so that nothing of it could mix with the next one. The traffic is where it was, unless the run says that it had begun to switch.',
  }),
  CLOSED: fault<{ host: string } & Maintenance>({
    exitCode: 3,
    message: d => `${d.by} closed ${d.host} for deploys at ${d.since}: ${d.reason}.`,
    hint: () => 'Wait until it is open again, or open it with `npx task unlock`.',
    about: 'Somebody ran `npx task lock`. The site itself is open; only deploys, promotes and other changes wait.',
  }),
  OVERTAKEN: fault<{ host: string; owner: LockOwner | undefined }>({
    exitCode: 1,
    message: d =>
      `${d.host} refused a late write of this run: ${d.owner ? `${d.owner.by} took over the lock at ${d.owner.since} (${d.owner.deploy})` : 'its lock is gone'}.`,
    hint: () => 'Check `npx task status` and `npx task history`; the other run is not affected.',
    about:
      'This run was so late that its lock went to another run. Each script that writes checks the lock on the host first, which is why this write was refused.',
  }),
  RECORD_UNREADABLE: fault<{ path: string }>({
    exitCode: 3,
    message: d => `The record ${d.path} is not valid JSON.`,
    hint: d => `Inspect ${d.path} on the host; its content cannot be trusted.`,
  }),
  LIVE_UNKNOWN: fault<{ readings: readonly (readonly [string, string])[] }>({
    exitCode: 3,
    message: d => `It is not certain which slot is live: ${describeReadings(d.readings)}.`,
    hint: ({ readings: [router, answer, records] }) =>
      answer?.[1] === 'no slot' && records && records[1] !== 'no slot'
        ? `Run \`npx task repair --force ${records[1]}\` to send the traffic to ${records[1]} again, or name the other slot. Nothing was changed.`
        : router?.[1] === answer?.[1]
          ? 'Find out which is right with `npx task status` and the site itself; `npx task repair` updates the records to match the router. Nothing was changed.'
          : 'Run `npx task doctor` to find out why the site and the router disagree. Nothing was changed.',
    detail: d => columns(d.readings),
    about:
      'Three sources have to agree before anything is changed: the route of the router, what the site answers publicly for `/deployment_id`, and the records on the host. They disagree after somebody edited the router by hand, restored a backup, or when another program answers for the site. Guessing could send the traffic to old code, so nothing is started, stopped or switched until they agree.',
  }),
  UPSTREAMS_DIFFER: fault<{ router: string; hosts: number; upstreams: number }>({
    exitCode: 2,
    message: d =>
      `\`upstream\` of ${d.router}() has ${d.upstreams} of the addresses, and the project has ${d.hosts} hosts.`,
    hint: () => "Give one address for each host, in the order of `hosts`: `upstream: ['10.0.0.5', '10.0.0.6']`.",
  }),
  POOL_PARTIAL: fault<{ hosts: readonly string[]; of: number }>({
    exitCode: 2,
    message: d =>
      `The balancer sends requests to all ${d.of} hosts, so that a switch cannot leave some of them out; it was asked for ${d.hosts.join(', ')} alone.`,
    hint: () =>
      'Switch all hosts. To leave one out for longer, take it out of `hosts` and `upstream`, and run `npx task setup`.',
  }),
  ROLLING_OFF: fault<{ router: string }>({
    exitCode: 2,
    message: () => "`strategy: 'rolling'` needs a balancer that can send a share of the traffic to a slot.",
    hint: d =>
      `Add \`canary: true\` to the options of ${d.router}() in the Taskfile, and run \`npx task setup\`; or leave \`strategy\` out.`,
  }),
  FLEET_SPLIT: fault<{ serving: readonly (readonly [string, string])[] }>({
    exitCode: 3,
    message: d =>
      `The hosts do not all serve the same release: ${d.serving.map(([host, what]) => `${host} ${what}`).join('; ')}.`,
    hint: d => {
      const served = d.serving.filter(([, what]) => what !== 'no slot')
      const added = d.serving.flatMap(([host, what]) => (what === 'no slot' ? host : []))
      if (added.length > 0 && new Set(served.map(([, what]) => what)).size === 1)
        return `Bring a release to ${list(added)} with \`npx task deploy\`: nothing was live there so far. Nothing was changed.`
      return `Send all hosts to one slot with \`npx task promote ${served[0]?.[1].split(',')[0] ?? 'SLOT'}\`, or to the other one. \`npx task status\` shows both slots of each host. Nothing was changed.`
    },
    detail: d => columns(d.serving),
  }),
  FLEET_BEHIND: fault<{
    behind: readonly (readonly [string, string])[]
    others: string
    since: string
    by: string
  }>({
    exitCode: 3,
    message: d =>
      `${d.behind.map(([host, what]) => `${host} serves ${what}`).join('; ')}, and the other hosts serve ${d.others}: ${d.by} left it out at ${d.since}.`,
    hint: d => {
      const [host = ''] = d.behind.map(([name]) => name.replace(/^.*@/, ''))
      return `\`npx task catch-up ${host}\` brings it to the release of the others, without a build; \`--without ${host}\` leaves it out again. Nothing was changed.`
    },
    detail: d => columns(d.behind),
  }),
  CATCH_UP_IMPOSSIBLE: fault<{ host: string; why: string; next: string }>({
    exitCode: 3,
    message: d => `${d.host} cannot catch up: ${d.why}.`,
    hint: d => `${d.next} Nothing was changed.`,
  }),
  FLEET_INCOMPLETE: fault<{ absent: readonly { readonly host: string; readonly problem: Fault }[]; of: number }>({
    exitCode: 3,
    message: d =>
      `${d.absent.length} of ${d.of} hosts could not be queried: ${d.absent.map(({ host }) => host).join(', ')}. ${d.absent[0]?.problem.message ?? ''}`,
    hint: d => d.absent[0]?.problem.hint ?? '',
    detail: d => columns(d.absent.map(({ host, problem }) => [host, problem.message])),
  }),
  FLEET_RELEASES_DIFFER: fault<{ slot: string; releases: readonly (readonly [string, string])[] }>({
    exitCode: 3,
    message: d =>
      `${d.slot} does not have the same release on all hosts: ${d.releases.map(([host, name]) => `${host} ${name}`).join('; ')}.`,
    hint: d => `Deploy to all hosts again, then promote ${d.slot}. Nothing was switched.`,
    detail: d => columns(d.releases),
  }),
  LIVE_ILL: fault<{ slot: string; state: string; health: string; path: string }>({
    exitCode: 3,
    message: d =>
      d.state === 'running'
        ? `${d.slot} is live, but its application fails the health check: ${d.path} does not answer 200, or another process answers.`
        : `${d.slot} is live, but its application is not running (${d.state}).`,
    hint: d =>
      `Check the application in ${d.slot}. \`npx task rollback\` returns to the previous release; \`npx task deploy --promote\` deploys another one.`,
  }),
  LIVE_INCOMPLETE: fault<{ slot: string; failed: readonly string[] }>({
    exitCode: 3,
    message: d => `${d.slot} is live and healthy, but not all of its processes run: ${d.failed.join(', ')}.`,
    hint: d =>
      `Look for the reason in the log of ${d.failed.length === 1 ? 'its unit' : 'their units'}. \`npx task rollback\` returns to the previous release; \`npx task deploy --promote\` deploys another one.`,
  }),
  REPAIR_NOT_CONFIRMED: fault<{ live: string | undefined; named: string | undefined }>({
    exitCode: 3,
    message: d =>
      d.named
        ? `The router does not send the traffic to ${d.named}, but to ${d.live ?? 'no slot'}.`
        : 'The repair was not confirmed; nothing was changed.',
    hint: d =>
      `Confirm it in a terminal, or run \`npx task repair --force ${d.live ?? 'SLOT'}\`${d.live ? '' : ' with the slot that should receive the traffic'}.`,
  }),
  SLOT_EMPTY: fault<{ slot: string }>({
    exitCode: 3,
    message: d => `Nothing was ever deployed to ${d.slot}.`,
    hint: () => 'Run `npx task deploy` first.',
  }),
  SLOT_DOWN: fault<{ slot: string; state: string; log: string }>({
    exitCode: 3,
    message: d => `The application in ${d.slot} is not running (${d.state}).`,
    hint: d => (d.log ? 'The end of its log is above. Fix the problem, then deploy again.' : 'Run `npx task deploy`.'),
    detail: d => d.log || undefined,
  }),
  SLOT_NOT_HEALTHY: fault<FailedCheck>({
    exitCode: 3,
    message: healthMessage,
    hint: healthHint,
    detail: healthDetail,
    about:
      "The process started, but did not answer its health path with 200 often enough in time, or the version in the answer was not that of the release. The live slot still has the traffic. The usual reasons: the application does not listen on `PORT`, or listens on another address than 127.0.0.1; a variable is missing (`npx task env-diff`); the database is not reachable; the application takes longer to boot than `health.patience` allows; or it redirects to https (`health: { headers: { 'X-Forwarded-Proto': 'https' } }`). `npx task logs --slot green` shows what the application wrote.",
  }),
  SLOT_OTHER_VERSION: fault<{ slot: string; expected: string; reported: string; body: string }>({
    exitCode: 3,
    message: d => `${d.slot} should run ${d.expected}, but the application there reports ${d.reported}.`,
    hint: () =>
      "Run `npx task status`. If another field holds the version, set `health: { version: '...' }`; if the application does not report it, set `health: { version: false }`.",
    detail: d => describeAnswer(200, d.body),
  }),
  HEALTH_HEADER_INVALID: fault<{ name: string; why: string }>({
    exitCode: 2,
    message: d => `The header ${JSON.stringify(d.name)} in \`health.headers\` cannot be sent: ${d.why}.`,
    hint: () => "Write headers in the Taskfile as `health: { headers: { 'X-Name': 'value' } }`.",
  }),
  ADOPTED_STUCK: fault<{ pid: number }>({
    exitCode: 1,
    message: d => `The adopted process ${d.pid} still exists although it was killed.`,
    hint: () =>
      'Inspect it on the host: a process that waits for a disk cannot exit. Nothing was started in its place.',
  }),
  RELEASE_BAD: fault<{ release: string; bad: JournalEntry }>({
    exitCode: 3,
    message: d =>
      d.bad.result === 'begun'
        ? `The migrations of ${d.release} in ${d.bad.slot} began at ${d.bad.at}, and ${d.bad.why}.`
        : `${d.release} is bad: its ${d.bad.event} to ${d.bad.slot} failed at ${d.bad.at} (${d.bad.why}).`,
    hint: d =>
      d.bad.event === 'migrate'
        ? `Run \`npx task migrate --slot ${d.bad.slot}\`, which shows how they ended; or use --force to promote it anyway.`
        : d.bad.event === 'promote'
          ? 'Promote another release; or use --force to promote this one anyway.'
          : 'Promote another release; or clear it with `npx task check-idle` if it is healthy now; or use --force.',
    about:
      'The journal on the host remembers which releases failed, so that a later promote by somebody else does not repeat the failure. A new version is a new release; the mark belongs to this one alone.',
  }),
  MIGRATION_RUNNING: fault<{ host: string; release: string | undefined; slot?: string; by?: string; since?: string }>({
    exitCode: 3,
    message: d =>
      d.slot
        ? `The migrations of ${d.release} in ${d.slot} are still running on ${d.host}: ${d.by} started them at ${d.since}.`
        : `Another migration is still running on ${d.host}.`,
    hint: d => `Wait for them with \`npx task migrate${d.slot ? ` --slot ${d.slot}` : ''}\`. Nothing was started.`,
  }),
  MIGRATION_LOST: fault<{ host: string; release: string }>({
    exitCode: 1,
    message: d =>
      `The migrations of ${d.release} left no result on ${d.host}: they were killed, or the host was restarted.`,
    hint: () => 'Check what they did to the database, then run `npx task migrate` again. Nothing was promoted.',
    about:
      'Migrations run detached on the host, so they go on when the connection breaks. This one left no result, which happens when the host was restarted or somebody killed it: only the database can tell what was done.',
  }),
  PORT_TAKEN: fault<{ slot: string; port: number; holder: string }>({
    exitCode: 3,
    message: d => `The port ${d.port} of ${d.slot} is held by ${d.holder}, which is not the slot's application.`,
    hint: () => PORT_ADVICE,
    about:
      "The process was not started by the unit of this slot, so it may be somebody's live application. switchyard never ends a process that it does not know.",
  }),
  ARTIFACT_REFUSED: fault<{ artifact: string; why: string; detail: string }>({
    exitCode: 1,
    message: d => `The artifact ${d.artifact} was refused: ${d.why}.`,
    hint: () => 'Check how it is built. Nothing of it was kept on the host.',
    detail: d => d.detail || undefined,
  }),
  RELEASE_UNKNOWN: fault<{ host: string; wanted: string; table: string }>({
    exitCode: 3,
    message: d => `There is no release ${d.wanted} on ${d.host}.`,
    hint: () => 'Name one that `npx task releases` lists; or build that version, and run `npx task deploy`.',
    detail: d => d.table,
  }),
  RELEASE_AMBIGUOUS: fault<{ host: string; wanted: string; names: readonly string[]; table: string }>({
    exitCode: 3,
    message: d => `${d.host} has ${d.names.length} releases of the version ${d.wanted}.`,
    hint: d => `Give the whole name of one: ${list(d.names)}.`,
    detail: d => d.table,
  }),
  RELEASE_GONE: fault<{ host: string; release: string }>({
    exitCode: 3,
    message: d => `The release ${d.release} is not on ${d.host} any more, or is incomplete.`,
    hint: () => 'Name one that `npx task releases` lists, or run `npx task deploy`. Nothing was stopped.',
  }),
  RESTART_NOTHING: fault<{ why: string }>({
    exitCode: 3,
    message: d => `There is no live release to start again: ${d.why}.`,
    hint: () => 'Run `npx task deploy --promote`. Nothing was stopped.',
  }),
  PREPARE_FAILED: fault<{ release: string; code: number; output: string }>({
    exitCode: 1,
    message: d => `The preparation of ${d.release} failed with exit code ${d.code}.`,
    hint: () => 'Fix the error shown above and deploy again. Nothing was stopped.',
    detail: d => d.output || undefined,
  }),
  PREPARE_TIMED_OUT: fault<{ release: string; limit: number; output: string }>({
    exitCode: 1,
    message: d => `The preparation of ${d.release} was terminated after ${d.limit} s.`,
    hint: () => 'Check the output above for what it was waiting for; or raise `prepareLimit`. Nothing was stopped.',
    detail: d => d.output || undefined,
  }),
  PREPARE_RUNNING: fault<{ host: string; release: string }>({
    exitCode: 3,
    message: d => `${d.release} is still being prepared on ${d.host}, by a run that lost its connection.`,
    hint: () => 'Deploy again when that has ended. Nothing was stopped.',
  }),
  PREPARE_IN_USE: fault<{ release: string }>({
    exitCode: 3,
    message: d => `A slot uses ${d.release}, which was never prepared and can no longer be changed.`,
    hint: () => 'Deploy another version. Nothing was stopped.',
  }),
  RELEASE_NOT_SHARED: fault<{ release: Release; path: string }>({
    exitCode: 3,
    message: d =>
      `${d.release.name} was uploaded before \`shared\` listed ${d.path}: it has its own copy there instead of a link.`,
    hint: d =>
      `Build it as another version; or remove ${d.release.dir} on the host if no slot runs it. Nothing was stopped.`,
  }),
  SHARED_UNCLEAR: fault<{ host: string; release: string; path: string }>({
    exitCode: 3,
    message: d =>
      `\`shared\` lists ${JSON.stringify(d.path)}, which may be a file or a folder, and neither ${d.release} nor ${d.host} has it.`,
    hint: d =>
      `Write \`{ file: '${d.path}' }\` there for an empty file, or \`'${d.path}/'\` for an empty folder. Nothing was stopped.`,
  }),
  SHARED_NOT_FILE: fault<{ host: string; release: string; path: string; at: string | undefined }>({
    exitCode: 3,
    message: d =>
      `\`shared\` lists ${JSON.stringify(d.path)} as a file, but ${d.at === undefined ? `it is a folder in ${d.release}` : `${d.at} on ${d.host} is a folder`}.`,
    hint: d =>
      d.at === undefined
        ? `Remove it from the artifact; or write \`'${d.path}/'\` for a folder. Nothing was stopped.`
        : `If nothing needs it, remove it there: \`rmdir ${d.at}\`. For a folder write \`'${d.path}/'\`. Nothing was stopped.`,
  }),
  ROOT_NOT_WRITABLE: fault<{ host: string; root: string }>({
    exitCode: 3,
    message: d =>
      `${d.root} on ${d.host} cannot be written by its owner: its file system is mounted read-only, or its mode is wrong.`,
    hint: d =>
      `Check \`findmnt -T ${d.root}\` and \`dmesg\` on the host: a disk with errors becomes read-only. Then run \`mount -o remount,rw\`. Nothing was changed.`,
  }),
  RELEASE_NO_ROOM: fault<{ host: string; release: string; detail: string }>({
    exitCode: 1,
    message: d => `${d.host} has no space to unpack ${d.release}: its disk is full, or has no inodes left.`,
    hint: () => 'Make room there: remove old releases, logs or other applications. Nothing of it was kept on the host.',
    detail: d => d.detail || undefined,
  }),
  RESTORE_UNVERIFIED: fault<{ slot: string; why: string }>({
    exitCode: 1,
    message: d => `Could not verify that the traffic is back on ${d.slot}: ${d.why}.`,
    hint: () => 'Check the site and `npx task status` now.',
  }),
  HOST_NOT_TAKEN_BACK: fault<{ host: string; slot: string; before: string | undefined; why: string }>({
    exitCode: 1,
    message: d => `${d.host} may serve ${d.slot}, unlike the other hosts: its switch could not be undone. ${d.why}`,
    hint: d =>
      d.before === undefined
        ? `When ${d.host} can be reached again, see \`npx task status\`; \`npx task repair\` brings all hosts together.`
        : `When ${d.host} can be reached again, run \`npx task repair --force ${d.before}\`: all hosts will serve ${d.before} then.`,
    about:
      'A host of several was lost during a switch, so the others went back to the slot that was live before. Whether the lost host had switched by then cannot be known from here. A switch that reaches it later is refused there, because it releases the lock of this run.',
  }),
  CANNOT: fault<{ verb: string }>({
    exitCode: 2,
    message: d => `The runtime of this project does not support \`${d.verb}\`.`,
    hint: () => 'Remove this task from the Taskfile, or write your own.',
  }),
  NO_SLOT_LIVE: fault<object>({
    exitCode: 3,
    message: () => 'No slot is live yet, so the slot has to be named.',
    hint: () => "Name one with `--slot`; the command's `--help` shows how.",
  }),
  LOG_CUT: fault<{ host: string; slot: string }>({
    exitCode: 1,
    message: d => `The connection to ${d.host} was lost while the log of ${d.slot} was followed.`,
    hint: () => 'Run the command again. `npx task logs --since 10m` shows what was written meanwhile.',
  }),
  LOG_ENDED: fault<{ host: string; slot: string; code: number }>({
    exitCode: 1,
    message: d => `The program that follows the log of ${d.slot} on ${d.host} ended with exit code ${d.code}.`,
    hint: () => 'Run the command again; if it ends again, check `journalctl --verify` on the host.',
  }),
  ROUTER_CANNOT: fault<{ verb: string }>({
    exitCode: 2,
    message: d => `The router of this project does not support \`${d.verb}\`.`,
    hint: () => 'Remove this task from the Taskfile, or write your own.',
  }),
  MAINTENANCE_FLAGS: fault<{ flag: string }>({
    exitCode: 2,
    message: d => `\`${d.flag}\` applies only when a maintenance begins.`,
    hint: d => `Run \`npx task maintenance on ${d.flag} ...\`, or leave the flag out.`,
  }),
  MAINTENANCE_UNVERIFIED: fault<{ host: string; on: boolean; status: number }>({
    exitCode: 1,
    message: ({ host, on, status }) =>
      on
        ? `The site on ${host} was put into maintenance, but a client from outside gets ${answered(status)} instead of the page.`
        : `The maintenance of the site on ${host} was ended, but a client from outside still gets its page.`,
    hint: ({ on }) =>
      on
        ? 'The maintenance was ended again. Run `npx task doctor`: the router may not have read what `npx task setup` installed.'
        : 'Run `npx task doctor`, and reload the router on the host: it may not have read what `npx task setup` installed.',
  }),
  ROLLBACK_NOWHERE: fault<{ slot: string; why: string; hint: string }>({
    exitCode: 3,
    message: d => `There is nothing to roll back to: ${d.why}.`,
    hint: d => d.hint,
  }),
  SLOT_STOPPED: fault<{ slot: string; release: string; by: JournalEntry }>({
    exitCode: 3,
    message: ({ slot, release, by }) =>
      by.event === 'retire'
        ? `${slot} is not running: ${by.by} retired it at ${by.at}.`
        : `${slot} is not running: the deploy of ${release} to it by ${by.by} was undone at ${by.at}.`,
    hint: d => `Nothing is broken there. Deploy ${d.release} again with \`npx task deploy\`, then promote it.`,
  }),
  FILE_EDITED: fault<{ host: string; path: string; missing: readonly string[] }>({
    exitCode: 3,
    message: d => `${d.path} on ${d.host} was edited by others, and lacks \`${d.missing.join('` and `')}\`.`,
    hint: d =>
      `Add ${d.missing.length === 1 ? 'that line' : 'those lines'} by hand; or move the file away, and \`npx task setup\` writes it again. Nothing was changed.`,
  }),
  ADOPT_NOTHING: fault<{ slot: string; port: number }>({
    exitCode: 3,
    message: d =>
      `There is nothing to adopt as ${d.slot}: no process listens on port ${d.port}, or it belongs to another user.`,
    hint: () => 'Start the application there as the deploying user, or run `npx task setup` without --adopt.',
  }),
  TOOLS_MISSING: fault<{ tools: readonly string[]; packages: readonly string[]; host?: string | undefined }>({
    exitCode: 3,
    message: d => `${d.host ?? 'The host'} lacks ${list(d.tools)}.`,
    hint: d =>
      `Run \`npx task bootstrap\`, which installs it on Debian and Ubuntu, or as root on the host: \`apt-get install -y ${d.packages.join(' ')}\`.`,
  }),
  APP_TAKEN: fault<{ host: string; app: string; path: string; root: string }>({
    exitCode: 3,
    message: d => `${d.path} on ${d.host} belongs to the application in ${d.root}, which is also named ${d.app}.`,
    hint: d => `Give this one another name in its Taskfile, such as \`app: '${d.app}_staging'\`. Nothing was changed.`,
  }),
  APP_ELSEWHERE: fault<{ host: string; app: string; path: string; site: string }>({
    exitCode: 3,
    message: d =>
      `${d.path} on ${d.host} belongs to another application named ${d.app}, of another host and another site than ${d.site}.`,
    hint: d =>
      `Give this one another name in its Taskfile, such as \`app: '${d.app}_staging'\`. If it is the same application, change its site and its host in two setups. Nothing was changed.`,
  }),
  ROOT_TAKEN: fault<{ host: string; root: string; path: string }>({
    exitCode: 3,
    message: d => `${d.root} on ${d.host} is the folder of another application: ${d.path} names it.`,
    hint: () => 'Give this one another `root` in its Taskfile. Nothing was changed.',
  }),
  PORT_CLAIMED: fault<{ host: string; slot: string; port: number; path: string }>({
    exitCode: 3,
    message: d => `The port ${d.port} of ${d.slot} belongs to another application on ${d.host}: ${d.path} names it.`,
    hint: d => `Give ${d.slot} another port in the Taskfile. Nothing was changed.`,
  }),
  FILE_NOT_OURS: fault<{ host: string; path: string; app: string }>({
    exitCode: 3,
    message: d => `${d.path} already exists on ${d.host}, and was not created by setup.`,
    hint: d =>
      `Give the application another name than ${d.app} in its Taskfile; or move that file away if nothing needs it. Nothing was changed.`,
  }),
  SETUP_FORGETS_LIVE: fault<{ host: string; slot: string; names: readonly string[] }>({
    exitCode: 3,
    message: d => `${d.slot} is live on ${d.host}, but the Taskfile has no slot of that name, only ${list(d.names)}.`,
    hint: d => `Keep the name ${d.slot} in the Taskfile: without it the site would go down. Nothing was changed.`,
  }),
  SETUP_MOVES_LIVE: fault<{ host: string; slot: string; from: number | undefined; to: number; idle: string }>({
    exitCode: 3,
    message: d =>
      `${d.slot} is live on ${d.host} and listens on ${d.from === undefined ? 'another port' : `port ${d.from}`}, but the Taskfile has ${d.to}: the router would not reach it.`,
    hint: d =>
      `Keep the port of ${d.slot} for now. Change only that of ${d.idle}, run \`setup\` and \`deploy --promote\`, then do the same for ${d.slot}. Nothing was changed.`,
  }),
  SETUP_STRANDS_LIVE: fault<{ host: string; slot: string; why: string }>({
    exitCode: 3,
    message: d => `${d.slot} is live on ${d.host}, but could not be restarted with the new files: ${d.why}.`,
    hint: d =>
      `First deploy and promote, with the old files, a release that works with both; or revert the change in the Taskfile. Otherwise ${d.slot} would stay down after a reboot. Nothing was changed.`,
  }),
  SETUP_NEEDS_ROOT: fault<{ host: string; user: string; output: string | undefined }>({
    exitCode: 3,
    message: d => `The setup of ${d.host} needs root, and ${d.user} may not use sudo without a password.`,
    hint: d =>
      `Let root prepare the host for ${d.user}: \`npx task bootstrap\` on Debian and Ubuntu, else \`npx task setup --login root --user ${d.user}\`; or do by hand what \`--dry-run\` prints.`,
    detail: d => d.output || undefined,
    about:
      'Only `setup` and `remove` need root: they write units, the site and sudo rules. A deploy and a promote do not.',
  }),
  SETUP_AS_ROOT: fault<{ host: string }>({
    exitCode: 3,
    message: d => `With this setup the application on ${d.host} would run as root.`,
    hint: () =>
      'Name the deploying user, which is created if necessary: `npx task setup --user deploy`. If it has to be root, use `--user root`. Nothing was changed.',
  }),
  SETUP_ADOPT_OTHER: fault<{ user: string; login: string }>({
    exitCode: 3,
    message: d => `${d.login} sets up the host for ${d.user}, but only ${d.user} can adopt a running process.`,
    hint: d => `Run \`npx task setup\` without --adopt now, and then with it, logged in as ${d.user}.`,
  }),
  APPLICATION_USER_DEPLOYS: fault<{ user: string }>({
    exitCode: 3,
    message: d => `The option \`user\` of the runtime names ${d.user}, which is the deploying user.`,
    hint: () => 'Leave the option out, or name another user: setup creates it. Nothing was changed.',
  }),
  LOGIN_IMPOSSIBLE: fault<{ host: string }>({
    exitCode: 2,
    message: d => `${d.host} is not reached over SSH, so --login does not apply.`,
    hint: () => 'Run the command as that user, for example with `sudo`.',
  }),
  SETUP_REFUSED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `${d.host} rejected the setup: ${errorLine(d.output)}`,
    hint: () => 'Fix the problem, and run `npx task setup` again. No file was changed.',
    detail: d => d.output || undefined,
  }),
  SETUP_TAKEN_BACK: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `The setup's files could not be activated on ${d.host}: ${errorLine(d.output)}`,
    hint: () => 'Fix the problem, and run `npx task setup` again. Every file was restored.',
    detail: d => d.output || undefined,
  }),
  SETUP_NOT_TAKEN_BACK: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `The setup's files could not be activated on ${d.host}, and restoring the previous files failed too.`,
    hint: () => 'Fix the problem shown above, and run `npx task setup` again: it restores the files first.',
    detail: d => d.output || undefined,
  }),
})
