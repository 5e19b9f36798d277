/** What can go wrong between us and a machine. */
import { catalogue, fault } from '../runner/fault.ts'
import { bytes } from '../runner/units.ts'

/** A script has many lines, a cause has one short one. */
const LONGEST = 120
export const brief = (command: string): string => {
  const [first = '', ...more] = command.trim().split('\n')
  if (first.length > LONGEST) return `${first.slice(0, LONGEST)} ...`
  return more.length > 0 ? `${first} ...` : first
}

export const hostFaults = catalogue({
  SSH_TOOL_MISSING: fault<{ tool: string }>({
    exit: 2,
    what: d => `the command ${d.tool} is not installed on this machine`,
    next: () => 'install the OpenSSH client: apt-get install openssh-client',
  }),
  SSH_CONFIG_INVALID: fault<{ target: string; said: string }>({
    exit: 2,
    what: d => `ssh cannot tell how to reach ${d.target}: ${d.said}`,
    next: d => `correct the ssh configuration until this works: ssh -G ${d.target}`,
  }),
  SSH_CONFIG_UNSUPPORTED: fault<{ target: string; option: string; value: string }>({
    exit: 2,
    what: d => `the ssh configuration of ${d.target} says "${d.option} ${d.value}", which is not supported here`,
    next: d => `give ${d.target} a Host block without ${d.option}, and use that name`,
  }),
  SSH_JUMPS_TOO_DEEP: fault<{ target: string; path: string }>({
    exit: 2,
    what: d => `ProxyJump of ${d.target} has no end: ${d.path}`,
    next: () => 'exclude the jump host itself from the Host block that says ProxyJump',
  }),
  HOST_NAME_UNKNOWN: fault<{ target: string; name: string }>({
    exit: 1,
    what: d => `the name ${d.name} does not resolve`,
    next: d =>
      `check the name, or give it a Host block with a HostName; this shows what ssh makes of it: ssh -G ${d.target}`,
  }),
  HOST_UNREACHABLE: fault<{ target: string; address: string; reason: string }>({
    exit: 1,
    what: d => `cannot reach ${d.address}: ${d.reason}`,
    next: d => `check that the machine is up and that its sshd listens there: ssh ${d.target} true`,
  }),
  SSH_HANDSHAKE_FAILED: fault<{ target: string; address: string; reason: string }>({
    exit: 1,
    what: d => `${d.address} did not complete the SSH handshake: ${d.reason}`,
    next: d => `compare with what ssh says: ssh -v ${d.target} true`,
  }),
  HOST_KEY_UNKNOWN: fault<{
    name: string
    fingerprint: string
    type: string
    line: string
    file: string
    note: string
  }>({
    exit: 3,
    what: d => `the host key of ${d.name} is not known: ${d.type} ${d.fingerprint}${d.note}`,
    next: d => `if that is the machine's fingerprint, add its line: echo '${d.line}' >> ${d.file}`,
  }),
  HOST_KEY_CHANGED: fault<{ name: string; type: string; fingerprint: string; known: string; where: string }>({
    exit: 3,
    what: d => `the host key of ${d.name} has changed: it shows ${d.type} ${d.fingerprint}, known is ${d.known}`,
    next: d =>
      `someone may stand in between; if the machine was made anew, take out the old key (${d.where}) and connect again`,
  }),
  HOST_KEY_REVOKED: fault<{ name: string; type: string; fingerprint: string; where: string }>({
    exit: 3,
    what: d => `the host key of ${d.name} is marked as revoked: ${d.type} ${d.fingerprint}`,
    next: d => `do not trust this machine before you know why its key was revoked (${d.where})`,
  }),
  SSH_AUTHENTICATION_FAILED: fault<{ target: string; who: string; tried: readonly string[]; advice: string }>({
    exit: 1,
    what: d =>
      `authentication failed for ${d.who}, tried ${d.tried.join(', ') || 'nothing: there is no key and no agent'}`,
    next: d => d.advice,
  }),
  SSH_TOO_MANY_KEYS: fault<{ target: string; who: string; tried: readonly string[]; count: number }>({
    exit: 1,
    what: d =>
      `${d.who} ended the login after ${d.count} keys ("Too many authentication failures"): ${d.tried.join(', ')}`,
    next: d =>
      `let the Host block of ${d.target} name the one key, with these two lines: IdentityFile ~/.ssh/KEY, IdentitiesOnly yes`,
  }),
  SSH_SECOND_FACTOR: fault<{
    target: string
    who: string
    user: string
    accepted: string
    wanted: readonly string[]
    question: string | undefined
    tried: readonly string[]
  }>({
    exit: 1,
    what: d =>
      `${d.who} accepted ${d.accepted}, and wants more than that: ${d.wanted.join(' or ')}${d.question ? ` ("${d.question}")` : ''}; tried ${d.tried.join(', ')}`,
    next: d =>
      d.wanted.includes('publickey')
        ? `give the other key too, in the Host block of ${d.target} (IdentityFile) or in the agent, until this works: ssh ${d.target} true`
        : `a deploy answers no questions: let this account log in by its key alone, in sshd_config there: Match User ${d.user}, AuthenticationMethods publickey`,
  }),
  COMMAND_SKIPPED: fault<{ host: string; command: string; after: string }>({
    exit: 1,
    what: d => `not run on ${d.host}, because what came before it failed: ${brief(d.command)}`,
    next: d => `see why this failed: ${brief(d.after)}`,
  }),
  CONNECTION_LOST: fault<{ host: string; during: string; reason: string }>({
    exit: 1,
    what: d => `the connection to ${d.host} was lost during: ${brief(d.during)} (${d.reason})`,
    next: () => 'it may or may not have ended there: look at the state of the host before you try again',
  }),
  HOST_CLOSED: fault<{ host: string; during: string }>({
    exit: 1,
    what: d => `${d.host} was already let go when this was asked of it: ${brief(d.during)}`,
    next: () => 'await every command before the task ends',
  }),
  NO_BASH: fault<{ host: string; why: string; said: string }>({
    exit: 1,
    what: d => `${d.host} does not start bash for us: ${d.why}${d.said === '' ? '' : `; it said: ${d.said}`}`,
    next: d =>
      /not found|No such file|not available/.test(d.said)
        ? 'the account needs bash on its PATH and a login shell that runs commands: apt-get install bash; usermod --shell /bin/bash USER'
        : "correct the start-up file that the account's login shell reads for each command (~/.bashrc, ~/.zshenv, ~/.tcshrc, ~/.cshrc or ~/.config/fish/config.fish), so that it does this in a terminal only",
  }),
  NO_SESSION: fault<{ host: string; reason: string }>({
    exit: 1,
    what: d => `${d.host} opens no session: ${d.reason}`,
    next: () => 'allow sessions for this account in sshd_config (MaxSessions, PermitTTY, ForceCommand)',
  }),
  COMMAND_FAILED: fault<{ host: string; command: string; code: number; stderr: string }>({
    exit: 1,
    what: d => `exit code ${d.code} on ${d.host} from: ${brief(d.command)}`,
    next: () => 'read what it said below, and run it by hand on the host',
    detail: d => d.stderr || undefined,
  }),
  COMMAND_TIMED_OUT: fault<{ host: string; command: string; timeout: number; stderr: string }>({
    exit: 1,
    what: d => `no end within ${d.timeout / 1000} s on ${d.host} of: ${brief(d.command)}`,
    next: () => 'it was ended; run it by hand on the host to see what it waits for',
    detail: d => d.stderr || undefined,
  }),
  COMMAND_INTERRUPTED: fault<{ host: string; command: string }>({
    exit: 130,
    what: d => `interrupted on ${d.host}: ${brief(d.command)}`,
    next: () => 'run the task again when you want it to go on',
  }),
  LOCAL_FILE_UNREADABLE: fault<{ path: string; reason: string }>({
    exit: 1,
    what: d => `cannot read ${d.path} on this machine: ${d.reason}`,
    next: () => 'check the path and its permissions',
  }),
  HOST_DISK_FULL: fault<{ host: string; path: string; size: number; free: number | undefined; reason: string }>({
    exit: 1,
    what: d =>
      `no room on ${d.host} for ${d.path}: it needs ${bytes(d.size)}, ${d.free === undefined ? 'free space unknown' : `${bytes(d.free)} free`} (${d.reason})`,
    next: d =>
      /quota/i.test(d.reason)
        ? 'the quota of the deploying user is used up, nothing was left behind: see `quota -s` there, and raise it or remove files'
        : `make room there, nothing was left behind: df -h; ls of old releases beside ${d.path}`,
  }),
  HOST_WRITE_DENIED: fault<{ host: string; path: string; reason: string }>({
    exit: 1,
    what: d => `not allowed to write ${d.path} on ${d.host}: ${d.reason}`,
    next: () => 'give the folder to the deploying user, or run the setup task',
  }),
  HOST_WRITE_FAILED: fault<{ host: string; path: string; reason: string }>({
    exit: 1,
    what: d => `cannot write ${d.path} on ${d.host}: ${d.reason}`,
    next: () => 'correct that on the host; the file there is as it was',
  }),
  TRANSFER_DAMAGED: fault<{ host: string; path: string; sent: string; arrived: string }>({
    exit: 1,
    what: d => `what arrived on ${d.host} for ${d.path} is not what was sent: sent ${d.sent}, arrived ${d.arrived}`,
    next: () => 'try again; if the local file changes while it is sent, wait until its writer is done',
  }),
})
