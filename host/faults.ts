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
    exitCode: 2,
    message: d => `the command ${d.tool} is not installed on this machine`,
    hint: () => 'install the OpenSSH client: apt-get install openssh-client',
  }),
  SSH_CONFIG_INVALID: fault<{ target: string; said: string }>({
    exitCode: 2,
    message: d => `ssh cannot tell how to reach ${d.target}: ${d.said}`,
    hint: d => `correct the ssh configuration until this works: ssh -G ${d.target}`,
  }),
  SSH_CONFIG_UNSUPPORTED: fault<{ target: string; option: string; value: string }>({
    exitCode: 2,
    message: d => `the ssh configuration of ${d.target} says "${d.option} ${d.value}", which is not supported here`,
    hint: d => `give ${d.target} a Host block without ${d.option}, and use that name`,
  }),
  SSH_JUMPS_TOO_DEEP: fault<{ target: string; path: string }>({
    exitCode: 2,
    message: d => `ProxyJump of ${d.target} has no end: ${d.path}`,
    hint: () => 'exclude the jump host itself from the Host block that says ProxyJump',
  }),
  HOST_NAME_UNKNOWN: fault<{ target: string; name: string }>({
    exitCode: 1,
    message: d => `the name ${d.name} does not resolve`,
    hint: d =>
      `check the name, or give it a Host block with a HostName; this shows what ssh makes of it: ssh -G ${d.target}`,
  }),
  HOST_UNREACHABLE: fault<{ target: string; address: string; reason: string }>({
    exitCode: 1,
    message: d => `cannot reach ${d.address}: ${d.reason}`,
    hint: d => `check that the machine is up and that its sshd listens there: ssh ${d.target} true`,
  }),
  SSH_HANDSHAKE_FAILED: fault<{ target: string; address: string; reason: string }>({
    exitCode: 1,
    message: d => `${d.address} did not complete the SSH handshake: ${d.reason}`,
    hint: d => `compare with what ssh says: ssh -v ${d.target} true`,
  }),
  HOST_KEY_UNKNOWN: fault<{
    name: string
    fingerprint: string
    type: string
    line: string
    file: string
    note: string
  }>({
    exitCode: 3,
    message: d => `the host key of ${d.name} is not known: ${d.type} ${d.fingerprint}${d.note}`,
    hint: d => `if that is the machine's fingerprint, add its line: echo '${d.line}' >> ${d.file}`,
  }),
  HOST_KEY_CHANGED: fault<{ name: string; type: string; fingerprint: string; known: string; where: string }>({
    exitCode: 3,
    message: d => `the host key of ${d.name} has changed: it shows ${d.type} ${d.fingerprint}, known is ${d.known}`,
    hint: d =>
      `someone may stand in between; if the machine was made anew, take out the old key (${d.where}) and connect again`,
  }),
  HOST_KEY_REVOKED: fault<{ name: string; type: string; fingerprint: string; where: string }>({
    exitCode: 3,
    message: d => `the host key of ${d.name} is marked as revoked: ${d.type} ${d.fingerprint}`,
    hint: d => `do not trust this machine before you know why its key was revoked (${d.where})`,
  }),
  SSH_AUTHENTICATION_FAILED: fault<{ target: string; who: string; tried: readonly string[]; advice: string }>({
    exitCode: 1,
    message: d =>
      `authentication failed for ${d.who}, tried ${d.tried.join(', ') || 'nothing: there is no key and no agent'}`,
    hint: d => d.advice,
  }),
  SSH_TOO_MANY_KEYS: fault<{ target: string; who: string; tried: readonly string[]; count: number }>({
    exitCode: 1,
    message: d =>
      `${d.who} ended the login after ${d.count} keys ("Too many authentication failures"): ${d.tried.join(', ')}`,
    hint: d =>
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
    exitCode: 1,
    message: d =>
      `${d.who} accepted ${d.accepted}, and wants more than that: ${d.wanted.join(' or ')}${d.question ? ` ("${d.question}")` : ''}; tried ${d.tried.join(', ')}`,
    hint: d =>
      d.wanted.includes('publickey')
        ? `give the other key too, in the Host block of ${d.target} (IdentityFile) or in the agent, until this works: ssh ${d.target} true`
        : `a deploy answers no questions: let this account log in by its key alone, in sshd_config there: Match User ${d.user}, AuthenticationMethods publickey`,
  }),
  COMMAND_SKIPPED: fault<{ host: string; command: string; after: string }>({
    exitCode: 1,
    message: d => `not run on ${d.host}, because what came before it failed: ${brief(d.command)}`,
    hint: d => `see why this failed: ${brief(d.after)}`,
  }),
  CONNECTION_LOST: fault<{ host: string; during: string; reason: string }>({
    exitCode: 1,
    message: d => `the connection to ${d.host} was lost during: ${brief(d.during)} (${d.reason})`,
    hint: () => 'it may or may not have ended there: look at the state of the host before you try again',
  }),
  HOST_CLOSED: fault<{ host: string; during: string }>({
    exitCode: 1,
    message: d => `${d.host} was already let go when this was asked of it: ${brief(d.during)}`,
    hint: () => 'await every command before the task ends',
  }),
  NO_BASH: fault<{ host: string; why: string; said: string }>({
    exitCode: 1,
    message: d => `${d.host} does not start bash for us: ${d.why}${d.said === '' ? '' : `; it said: ${d.said}`}`,
    hint: d =>
      /not found|No such file|not available/.test(d.said)
        ? 'the account needs bash on its PATH and a login shell that runs commands: apt-get install bash; usermod --shell /bin/bash USER'
        : "correct the start-up file that the account's login shell reads for each command (~/.bashrc, ~/.zshenv, ~/.tcshrc, ~/.cshrc or ~/.config/fish/config.fish), so that it does this in a terminal only",
  }),
  NO_SESSION: fault<{ host: string; reason: string }>({
    exitCode: 1,
    message: d => `${d.host} opens no session: ${d.reason}`,
    hint: () => 'allow sessions for this account in sshd_config (MaxSessions, PermitTTY, ForceCommand)',
  }),
  COMMAND_FAILED: fault<{ host: string; command: string; code: number; stderr: string }>({
    exitCode: 1,
    message: d => `exit code ${d.code} on ${d.host} from: ${brief(d.command)}`,
    hint: () => 'read what it said below, and run it by hand on the host',
    detail: d => d.stderr || undefined,
  }),
  COMMAND_TIMED_OUT: fault<{ host: string; command: string; timeout: number; stderr: string }>({
    exitCode: 1,
    message: d => `no end within ${d.timeout / 1000} s on ${d.host} of: ${brief(d.command)}`,
    hint: () => 'it was ended; run it by hand on the host to see what it waits for',
    detail: d => d.stderr || undefined,
  }),
  COMMAND_INTERRUPTED: fault<{ host: string; command: string }>({
    exitCode: 130,
    message: d => `interrupted on ${d.host}: ${brief(d.command)}`,
    hint: () => 'run the task again when you want it to go on',
  }),
  LOCAL_FILE_UNREADABLE: fault<{ path: string; reason: string }>({
    exitCode: 1,
    message: d => `cannot read ${d.path} on this machine: ${d.reason}`,
    hint: () => 'check the path and its permissions',
  }),
  HOST_DISK_FULL: fault<{ host: string; path: string; size: number; free: number | undefined; reason: string }>({
    exitCode: 1,
    message: d =>
      `no room on ${d.host} for ${d.path}: it needs ${bytes(d.size)}, ${d.free === undefined ? 'free space unknown' : `${bytes(d.free)} free`} (${d.reason})`,
    hint: d =>
      /quota/i.test(d.reason)
        ? 'the quota of the deploying user is used up, nothing was left behind: see `quota -s` there, and raise it or remove files'
        : `make room there, nothing was left behind: df -h; ls of old releases beside ${d.path}`,
  }),
  HOST_WRITE_DENIED: fault<{ host: string; path: string; reason: string }>({
    exitCode: 1,
    message: d => `not allowed to write ${d.path} on ${d.host}: ${d.reason}`,
    hint: () => 'give the folder to the deploying user, or run the setup task',
  }),
  HOST_WRITE_FAILED: fault<{ host: string; path: string; reason: string }>({
    exitCode: 1,
    message: d => `cannot write ${d.path} on ${d.host}: ${d.reason}`,
    hint: () => 'correct that on the host; the file there is as it was',
  }),
  TRANSFER_DAMAGED: fault<{ host: string; path: string; sent: string; arrived: string }>({
    exitCode: 1,
    message: d => `what arrived on ${d.host} for ${d.path} is not what was sent: sent ${d.sent}, arrived ${d.arrived}`,
    hint: () => 'try again; if the local file changes while it is sent, wait until its writer is done',
  }),
})
