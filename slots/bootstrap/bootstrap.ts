/** Carries out the plan of a bootstrap. Each step is proven before the next one begins. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT } from '../../host/exit-codes.ts'
import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { capture } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { rootShell } from '../../host/sudo.ts'
import { Fault } from '../../runner/fault.ts'
import { lastLines } from '../../runner/units.ts'
import { bootstrapFaults as faults } from './bootstrap-faults.ts'
import { inspectServer } from './inspect-server.ts'
import { type BootstrapPlan, planBootstrap, type Request } from './plan.ts'
import { callUfw, hardenSshd, installPackages, prepareAccount, SSHD_FILE, softenSshd, startServer } from './scripts.ts'

const { bootstrap: ENDED } = EXIT

export interface Work {
  readonly request: Request
  /** Logged in as root, or as an account that can become root. */
  readonly host: Host
  /** Opens a further connection, as the deploying account. */
  login(): Promise<Host>
  /** Seconds to wait while another program holds a lock of apt. */
  readonly aptWait: number
  log(line: string): void
}

/** @throws BOOTSTRAP_APT_LOCKED, BOOTSTRAP_DISK_FULL, BOOTSTRAP_LOGIN_REFUSED and others of the catalogue */
export async function carryOut(plan: BootstrapPlan, work: Work): Promise<void> {
  const { request, host, log } = work
  const run = async (script: Script, failed: (code: number, output: string) => Fault | undefined = () => undefined) => {
    const onLine = (line: string) => {
      if (line.startsWith('waiting: ')) log(`apt's lock is held by ${line.slice(9)}; waiting at most ${work.aptWait} s`)
    }
    const { code, stdout, stderr } = await host.run(rootShell, { input: script.text, onLine })
    if (code === 0) return
    const command = script.text.split('\n').at(-1) ?? ''
    throw (
      failed(code, lastLines(stdout)) ??
      hostFaults.COMMAND_FAILED({ host: host.name, command, code, stderr: lastLines(stderr || stdout) })
    )
  }
  if (plan.packages.length > 0 || plan.interrupted) {
    log(plan.packages.length > 0 ? `installing ${plan.packages.join(' ')}` : 'completing an interrupted installation')
    await run(installPackages(plan.packages, work.aptWait), (code, output) => packageFault(work, code, output))
  }
  if (plan.start !== undefined) {
    log(`starting ${plan.start}`)
    await run(startServer(plan.start))
  }
  if (plan.account || plan.groups.length > 0 || plan.sudo) {
    log(`preparing the account ${request.user}`)
    await run(prepareAccount(request.user, plan))
  }
  await proveLogin(work)
  log(`${request.user} has logged in`)
  if (plan.firewall.length > 0) {
    log('opening the firewall for the site and for ssh, and nothing else')
    await run(callUfw(plan.firewall))
    await proveLogin(work, { undo: () => run(callUfw([['disable']])), undone: 'The firewall is off again.' })
  }
  if (plan.harden) {
    log('restricting the logins of sshd')
    await run(hardenSshd(request.sudo), (code, output) => sshdFault(host.name, code, output))
    await proveLogin(work, { undo: () => run(softenSshd()), undone: 'The login of root is as it was.' })
    log(`${request.user} has logged in again`)
  }
  const left = planBootstrap(request, await host.query(inspectServer(request))).done
  if (left.length > 0) throw faults.BOOTSTRAP_INCOMPLETE({ host: host.name, left })
}

const packageFault = ({ host: { name: host }, aptWait }: Work, code: number, output: string): Fault | undefined => {
  if (code === ENDED.locked) return faults.BOOTSTRAP_APT_LOCKED({ host, output, seconds: aptWait })
  if (code === ENDED.diskFull) return faults.BOOTSTRAP_DISK_FULL({ host, output })
  if (code === ENDED.noPackage) return faults.BOOTSTRAP_NO_PACKAGE({ host, output })
  if (code === ENDED.failed) return faults.BOOTSTRAP_APT_FAILED({ host, output })
  return undefined
}

const sshdFault = (host: string, code: number, output: string): Fault | undefined => {
  if (code === ENDED.invalid) return faults.BOOTSTRAP_SSHD_REFUSED({ host, output })
  if (code === ENDED.ignored) return faults.BOOTSTRAP_SSHD_IGNORES({ host, output, path: SSHD_FILE })
  return undefined
}

interface Undoing {
  undo(): Promise<void>
  /** What is true after it, as a sentence. */
  readonly undone: string
}

/** Milliseconds before each further attempt, while sshd begins anew after a reload. */
const PAUSES = [300, 700, 1_500, 3_000]

/** @throws the faults of connecting; `HOST_UNREACHABLE` only after several attempts */
async function whenReachable<T>(attempt: () => Promise<T>, pauses: readonly number[] = PAUSES): Promise<T> {
  const [pause, ...more] = pauses
  try {
    return await attempt()
  } catch (error) {
    if (pause === undefined || !(error instanceof Fault) || error.code !== 'HOST_UNREACHABLE') throw error
    await sleep(pause)
    return whenReachable(attempt, more)
  }
}

/**
 * Logs in as the deploying account, in a connection of its own.
 *
 * @throws BOOTSTRAP_LOGIN_REFUSED, BOOTSTRAP_SUDO_REFUSED
 */
export async function proveLogin(
  { request: { user, sudo }, host, login }: Pick<Work, 'request' | 'host' | 'login'>,
  undoing?: Undoing,
): Promise<void> {
  const proof = async () => {
    await using deploying = await login()
    // Awaited here, because the connection ends with this function.
    return await deploying.query(
      capture(sh.read`if ${sudo ? sh.read`sudo -n true 2>&1` : sh.read`true`}; then echo yes; fi`),
    )
  }
  const result = await whenReachable(proof).catch(async (error: unknown) => {
    if (!(error instanceof Fault)) throw error
    await undoing?.undo()
    throw faults.BOOTSTRAP_LOGIN_REFUSED({ host: host.name, user, why: error.message, undone: undoing?.undone }, error)
  })
  if (result === 'yes') return
  await undoing?.undo()
  throw faults.BOOTSTRAP_SUDO_REFUSED({ host: host.name, user, why: result })
}
