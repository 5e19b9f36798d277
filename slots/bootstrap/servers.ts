/** Logs in to the servers of a bootstrap, and finds out which keys the deploying account gets. */
import type { Host, HostSetting, Transport } from '../../host/host.ts'
import { Fault } from '../../runner/fault.ts'
import { slotFaults } from '../faults.ts'
import { validateName } from '../names.ts'
import { accountFacts } from '../setup/facts.ts'
import { bootstrapFaults as faults } from './bootstrap-faults.ts'
import { authorizedKeys } from './inspect-server.ts'
import { callersKeys } from './keys.ts'

/** The machines to prepare, and who to log in as. @throws BOOTSTRAP_OTHER_SERVER */
export async function chosenServers(machines: readonly Transport[], server: string | undefined) {
  if (server === undefined) return { user: 'root', transports: machines }
  const [, user = 'root', named = ''] = /^(?:ssh:\/\/)?(?:([^@]*)@)?(.*?)(?::\d+)?$/.exec(server) ?? []
  const known = await Promise.all(
    machines.map(async transport => ({
      transport,
      names: [hostOf(transport.name), (await transport.endpoint?.())?.address],
    })),
  )
  const found = known.filter(({ names }) => names.includes(named)).map(({ transport }) => transport)
  if (found.length === 0)
    throw faults.BOOTSTRAP_OTHER_SERVER({ named, hosts: machines.map(({ name }) => hostOf(name)) })
  return { user: validateName('user', user), transports: found }
}

const hostOf = (name: string) => name.replace(/^(?:ssh:\/\/)?(?:[^@]*@)?/, '').replace(/(?<=^[^:]*):\d+$/, '')

/**
 * Logs in as this user; as the deploying account, where that is the only one left that may and can become root.
 *
 * @throws BOOTSTRAP_FOR_ROOT, BOOTSTRAP_NEEDS_ROOT, LOGIN_IMPOSSIBLE, and the faults of connecting
 */
export async function connectTo(transport: Transport, user: string, setting: HostSetting) {
  const login = () => transport.open(setting)
  const first = transport.as?.(user)
  if (!first) throw slotFaults.LOGIN_IMPOSSIBLE({ host: transport.name })
  const deploying = (await login().then(closing)) ?? ''
  if (deploying === 'root') throw faults.BOOTSTRAP_FOR_ROOT({ host: transport.name })
  const open = async (opened: Promise<Host>) => {
    const host = await opened
    try {
      return { host, facts: await host.query(accountFacts) }
    } catch (error) {
      await host[Symbol.asyncDispose]()
      throw error
    }
  }
  const { host, facts } = await open(first.open(setting)).catch(async (error: unknown) => {
    // After --harden-sshd root may not log in any more.
    if (!(error instanceof Fault) || !DENIED.includes(error.code)) throw error
    const other = await open(login()).catch(() => undefined)
    if (other?.facts.root) return other
    await other?.host[Symbol.asyncDispose]()
    throw error
  })
  if (facts.root) return { host, deploying: validateName('user', deploying), login }
  await host[Symbol.asyncDispose]()
  throw faults.BOOTSTRAP_NEEDS_ROOT({ host: transport.name, user: facts.user })
}

const DENIED = ['SSH_AUTHENTICATION_FAILED', 'SSH_TOO_MANY_KEYS']

/** The account of a host that is used for nothing else. */
async function closing(host: Host): Promise<string | undefined> {
  const account = await host.account()
  await host[Symbol.asyncDispose]()
  return account
}

/** @throws BOOTSTRAP_NO_KEY */
export async function keysOfCaller(transport: Transport, host: Host, user: string): Promise<readonly string[]> {
  const keys = callersKeys((await transport.keys?.()) ?? [], await host.query(authorizedKeys))
  if (keys.length === 0) throw faults.BOOTSTRAP_NO_KEY({ host: transport.name, user })
  return keys
}
