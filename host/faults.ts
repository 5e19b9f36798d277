/** The errors of reaching a machine, running commands there and copying files to it. */
import { catalogue, fault } from '../runner/fault.ts'
import { bytes } from '../runner/units.ts'

const LONGEST = 120
/** The first line of a command, shortened for a message. */
export const brief = (command: string): string => {
  const [first = '', ...more] = command.trim().split('\n')
  if (first.length > LONGEST) return `${first.slice(0, LONGEST)} ...`
  return more.length > 0 ? `${first} ...` : first
}

/** Reasons come from other programs; the message adds the full stop itself. */
const clause = (reason: string): string => reason.trim().replace(/\.+$/, '')

/** The reason in an error of Node's file system, as a program would print it: `No such file or directory`. */
export function systemReason({ message }: Error): string {
  const reason = /^E[A-Z0-9]+: (.*?)(?:, \w+(?: '.*)?)?$/s.exec(message)?.[1] ?? message
  return reason.charAt(0).toUpperCase() + reason.slice(1)
}

/** Names of files on a host may contain anything. */
const shown = (text: string): string => text.replace(/\p{C}/gu, '?')

export const hostFaults = catalogue({
  SSH_TOOL_MISSING: fault<{ tool: string }>({
    exitCode: 2,
    message: d => `The command \`${d.tool}\` is not installed on this machine.`,
    hint: () => 'Install the OpenSSH client: `apt-get install openssh-client`.',
  }),
  SSH_CONFIG_INVALID: fault<{ target: string; reason: string }>({
    exitCode: 2,
    message: d => `The ssh configuration of ${d.target} is invalid: ${clause(d.reason)}.`,
    hint: d => `Correct the ssh configuration until this works: \`ssh -G ${d.target}\`.`,
  }),
  REHEARSAL_HOST_UNKNOWN: fault<{ target: string }>({
    exitCode: 2,
    message: d => `The rehearsal has no throw-away host for ${d.target}, and contacts no other.`,
    hint: () =>
      'Only the hosts of `project()` are rehearsed. Leave the task that uses another one out while `process.env.TASK_REHEARSAL` is set.',
  }),
  SSH_CONFIG_UNSUPPORTED: fault<{ target: string; option: string; value: string }>({
    exitCode: 2,
    message: d => `The ssh configuration of ${d.target} sets "${d.option} ${d.value}", which is not supported.`,
    hint: d => `Add a Host block without ${d.option} for ${d.target}, and use its name.`,
  }),
  SSH_JUMPS_TOO_DEEP: fault<{ target: string; path: string }>({
    exitCode: 2,
    message: d => `The ProxyJump chain of ${d.target} does not end: ${d.path}.`,
    hint: () => 'Exclude the jump host itself from the Host block that sets ProxyJump.',
  }),
  HOST_NAME_UNKNOWN: fault<{ target: string; name: string }>({
    exitCode: 1,
    message: d => `The name ${d.name} does not resolve.`,
    hint: d =>
      `Check the name, or add a Host block with a HostName. This shows how ssh resolves it: \`ssh -G ${d.target}\`.`,
  }),
  HOST_UNREACHABLE: fault<{ target: string; address: string; reason: string }>({
    exitCode: 1,
    message: d => `Cannot reach ${d.address}: ${clause(d.reason)}.`,
    hint: d => `Check that the machine is up and that its sshd listens on that port: \`ssh ${d.target} true\`.`,
  }),
  SSH_HANDSHAKE_FAILED: fault<{ target: string; address: string; reason: string }>({
    exitCode: 1,
    message: d => `The SSH handshake with ${d.address} failed: ${clause(d.reason)}.`,
    hint: d => `Compare with the output of ssh: \`ssh -v ${d.target} true\`.`,
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
    message: d => `The host key of ${d.name} is not known: ${d.type} ${d.fingerprint}${d.note}.`,
    hint: d => `If this is the fingerprint of the machine, add its line: \`echo '${d.line}' >> ${d.file}\`.`,
    about:
      'As with plain ssh, a host is trusted only if its key is in `known_hosts`. In CI, store the lines as a secret after you have compared the fingerprint once: see the page on CI.',
  }),
  HOST_KEY_CHANGED: fault<{ name: string; type: string; fingerprint: string; known: string; remove: string }>({
    exitCode: 3,
    message: d =>
      `The host key of ${d.name} has changed: it presents ${d.type} ${d.fingerprint}, but known_hosts has ${d.known}.`,
    hint: d =>
      `Find out why: somebody may be intercepting the connection. If the machine was reinstalled, remove the old key and connect again: \`${d.remove}\`.`,
  }),
  HOST_KEY_REVOKED: fault<{ name: string; type: string; fingerprint: string; where: string }>({
    exitCode: 3,
    message: d => `The host key of ${d.name} is marked as revoked: ${d.type} ${d.fingerprint}.`,
    hint: d => `Do not trust this machine before you know why its key was revoked (${d.where}).`,
  }),
  SSH_AUTHENTICATION_FAILED: fault<{ target: string; who: string; tried: readonly string[]; advice: string }>({
    exitCode: 1,
    message: d =>
      `Authentication failed for ${d.who}; tried ${d.tried.join(', ') || 'nothing, because there is no key and no agent'}.`,
    hint: d => d.advice,
    about:
      'The keys are those that plain `ssh` would offer: from your configuration, your agent and `~/.ssh`. If `ssh <target>` logs in and this does not, the difference is usually a key with a passphrase that is in no agent, or an account that also wants a second factor.',
  }),
  SSH_TOO_MANY_KEYS: fault<{ target: string; who: string; tried: readonly string[]; count: number }>({
    exitCode: 1,
    message: d =>
      `The server ended the login of ${d.who} after ${d.count} keys ("Too many authentication failures"): ${d.tried.join(', ')}.`,
    hint: d =>
      `Name the right key in the Host block of ${d.target}, with these two lines: IdentityFile ~/.ssh/KEY, IdentitiesOnly yes.`,
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
      `The server accepted ${d.accepted} for ${d.who}, but also requires ${d.wanted.join(' or ')}${d.question ? ` ("${d.question}")` : ''}; tried ${d.tried.join(', ')}.`,
    hint: d =>
      d.wanted.includes('publickey')
        ? `Provide the other key too, in the Host block of ${d.target} (IdentityFile) or in the agent, until this works: \`ssh ${d.target} true\`.`
        : `Let this account log in with its key alone, because a deploy cannot answer a prompt. In the sshd_config of the host: Match User ${d.user}, AuthenticationMethods publickey.`,
  }),
  COMMAND_SKIPPED: fault<{ host: string; command: string; after: string }>({
    exitCode: 1,
    message: d => `\`${brief(d.command)}\` was not run on ${d.host}, because a command before it failed.`,
    hint: d => `Find out why this failed: \`${brief(d.after)}\`.`,
  }),
  CONNECTION_LOST: fault<{ host: string; during: string; reason: string }>({
    exitCode: 1,
    message: d => `The connection to ${d.host} was lost during: ${brief(d.during)} (${d.reason}).`,
    hint: () => 'Check the state of the host before you try again: the command may or may not have finished there.',
    about:
      'The connection broke while a script was running. Scripts are written so that each can be run again; whether this one ended is only known on the host. `npx task status` and `npx task history` show it.',
  }),
  HOST_CLOSED: fault<{ host: string; during: string }>({
    exitCode: 1,
    message: d => `The connection to ${d.host} was already closed when this was started: ${brief(d.during)}.`,
    hint: () => 'Await every command before the task ends.',
  }),
  NO_BASH: fault<{ host: string; why: string; output: string }>({
    exitCode: 1,
    message: d =>
      `Bash does not start on ${d.host}: ${d.why}${d.output === '' ? '' : `; output: ${clause(d.output)}`}.`,
    hint: d =>
      /not found|No such file|not available/.test(d.output)
        ? 'Install bash on the PATH of the account, and give it a login shell that runs commands: `apt-get install bash; usermod --shell /bin/bash USER`.'
        : "Correct the start-up file that the account's login shell reads for each command (~/.bashrc, ~/.zshenv, ~/.tcshrc, ~/.cshrc or ~/.config/fish/config.fish), so that it does this in a terminal only.",
  }),
  NO_SESSION: fault<{ host: string; reason: string }>({
    exitCode: 1,
    message: d => `No session can be opened on ${d.host}: ${clause(d.reason)}.`,
    hint: () => 'Allow sessions for this account in sshd_config (MaxSessions, PermitTTY, ForceCommand).',
  }),
  COMMAND_FAILED: fault<{ host: string; command: string; code: number; stderr: string }>({
    exitCode: 1,
    message: d => `\`${brief(d.command)}\` failed with exit code ${d.code} on ${d.host}.`,
    hint: () => 'Read its output, or run it by hand on the host.',
    detail: d => d.stderr || undefined,
  }),
  COMMAND_TIMED_OUT: fault<{ host: string; command: string; timeout: number; stderr: string }>({
    exitCode: 1,
    message: d => `\`${brief(d.command)}\` did not end within ${d.timeout / 1000} s on ${d.host}, and was terminated.`,
    hint: () => 'Run it by hand on the host to see what it waits for.',
    detail: d => d.stderr || undefined,
  }),
  COMMAND_INTERRUPTED: fault<{ host: string; command: string }>({
    exitCode: 130,
    message: d => `Interrupted on ${d.host}: ${brief(d.command)}.`,
    hint: () => 'Run the task again when you are ready.',
  }),
  LOCAL_FILE_UNREADABLE: fault<{ path: string; reason: string }>({
    exitCode: 1,
    message: d => `Cannot read ${d.path} on this machine: ${clause(d.reason)}.`,
    hint: () => 'Check the path and its permissions.',
  }),
  LOCAL_FILE_UNWRITABLE: fault<{ path: string; reason: string }>({
    exitCode: 1,
    message: d => `Cannot write ${d.path} on this machine: ${clause(d.reason)}.`,
    hint: () => 'Check the path, its folder and its permissions. Nothing was written.',
  }),
  HOST_FILE_UNREADABLE: fault<{ host: string; path: string; reason: string; advice?: string }>({
    exitCode: 1,
    message: d => `Cannot read ${shown(d.path)} on ${d.host}: ${clause(shown(d.reason))}.`,
    hint: d =>
      d.advice ??
      'Check the path and its permissions on the host. A relative path starts in the home folder of the login.',
  }),
  HOST_NAME_UNSAFE: fault<{ host: string; path: string; name: string }>({
    exitCode: 3,
    message: d => `The folder ${shown(d.path)} on ${d.host} lists an entry named "${shown(d.name)}", which is a path.`,
    hint: () => 'Do not copy from this machine before you know why: its SFTP server may be trying to write elsewhere.',
  }),
  COPY_DIFFERS: fault<{ host: string; path: string }>({
    exitCode: 1,
    message: d => `The copy of ${shown(d.path)} differs from the file on ${d.host}, even after a second attempt.`,
    hint: () =>
      'If a program on the host is writing the file, try again when it has finished, or copy the file there first. Nothing was written here.',
  }),
  SFTP_MISSING: fault<{ host: string; reason: string }>({
    exitCode: 1,
    message: d => `The SSH server of ${d.host} does not offer SFTP: ${clause(shown(d.reason))}.`,
    hint: () =>
      'Install it (`apt-get install openssh-sftp-server`), and name it in sshd_config: Subsystem sftp internal-sftp. Deploys, `host.put` and `host.write` do not need it.',
  }),
  HOST_DISK_FULL: fault<{ host: string; path: string; size: number; free: number | undefined; reason: string }>({
    exitCode: 1,
    message: d =>
      `There is no space on ${d.host} for ${d.path}: it needs ${bytes(d.size)}, ${d.free === undefined ? 'free space unknown' : `${bytes(d.free)} free`} (${d.reason}).`,
    hint: d =>
      /quota/i.test(d.reason)
        ? 'Raise the quota of the deploying user (`quota -s` shows it), or remove files. Nothing was left behind.'
        : `Make room there (\`df -h\`), such as by removing old releases beside ${d.path}. Nothing was left behind.`,
  }),
  HOST_WRITE_DENIED: fault<{ host: string; path: string; reason: string }>({
    exitCode: 1,
    message: d => `Not allowed to write ${d.path} on ${d.host}: ${clause(d.reason)}.`,
    hint: () => 'Give the folder to the deploying user, or run the setup task.',
  }),
  HOST_WRITE_FAILED: fault<{ host: string; path: string; reason: string }>({
    exitCode: 1,
    message: d => `Cannot write ${d.path} on ${d.host}: ${clause(d.reason)}.`,
    hint: () => 'Correct that on the host. The file there is unchanged.',
  }),
  TRANSFER_DAMAGED: fault<{ host: string; path: string; sent: string; arrived: string }>({
    exitCode: 1,
    message: d => `The file ${d.path} arrived damaged on ${d.host}: sent ${d.sent}, arrived ${d.arrived}.`,
    hint: () => 'Try again. If a program is writing the local file, wait until it has finished.',
  }),
})
