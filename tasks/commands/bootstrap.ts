import type { Host, HostSetting, Transport } from '../../host/host.ts'
import { arg } from '../../runner/cli/args.ts'
import { Fault } from '../../runner/fault.ts'
import { carryOut, proveLogin } from '../../slots/bootstrap/bootstrap.ts'
import { bootstrapFaults as faults } from '../../slots/bootstrap/bootstrap-faults.ts'
import { authorizedKeys, inspectServer } from '../../slots/bootstrap/inspect-server.ts'
import { callersKeys, readKeys } from '../../slots/bootstrap/keys.ts'
import { planBootstrap, planText, type Request, refusal } from '../../slots/bootstrap/plan.ts'
import type { HostFacts, Provision } from '../../slots/contracts.ts'
import { slotFaults } from '../../slots/faults.ts'
import { validateName } from '../../slots/names.ts'
import { accountFacts } from '../../slots/setup/facts.ts'
import type { Context, TaskDeps } from '../context.ts'
import type { setup as makeSetup } from './setup.ts'

/** Seconds. */
const APT_WAIT = 300

export const bootstrap = <S extends string>(deps: TaskDeps<S>, setup: ReturnType<typeof makeSetup<S>>) => {
  const { task, flow, machines, packages } = deps
  const ready = task('Make the server ready for setup', {
    args: {
      server: {
        ...arg
          .text('Who to log in as, and where, such as root@203.0.113.7 (default: root, on each host of the Taskfile)')
          .optional(),
        positional: true,
      },
      key: arg
        .text('A file with the public keys that the deploying account gets (default: the key you log in with)')
        .optional(),
      noSudo: arg.flag('Give the deploying account no sudo: `setup --login root` then prepares the host'),
      firewall: arg.flag('Open the firewall for ssh and the site, close it for all else, and put it in force'),
      hardenSshd: arg.flag('Let sshd accept keys alone, and nobody as root, once the deploying account has logged in'),
      aptWait: arg
        .duration("How long to wait while another program holds apt's lock, such as 10m (default: 5m)")
        .optional(),
      yes: arg.flag('Do not ask before anything is changed'),
      setup: arg.flag('Run setup afterwards'),
    },
    changes: true,
    async run({ server, key, noSudo, firewall, hardenSshd, aptWait, yes, setup, dryRun, signal, confirm, ...context }) {
      const { log, note, show } = context
      const setting = { signal, confirm }
      const { user, transports } = await chosen(machines, server)
      const keys = key === undefined ? undefined : await readKeys(key)
      const opened: Prepared[] = []
      await using _ = { [Symbol.asyncDispose]: async () => void (await Promise.all(opened.map(close))) }
      for (const transport of transports) {
        const own = transport === machines[0]
        const { host, deploying, login } = await connect(transport, user, setting)
        opened.push({ host })
        const wanted = { user: deploying, keys: keys ?? (await ofCaller(transport, host, deploying)) }
        const provisions = provisionsOf(context, own)({ user: deploying, group: deploying })
        const options = { sudo: !noSudo, harden: hardenSshd, firewall }
        const request = { host: transport.name, ...wanted, ...options, ...needs(provisions, own ? packages : []) }
        const facts = await host.query(inspectServer(request))
        const refused = refusal(request, facts)
        if (refused) throw refused
        opened[opened.length - 1] = { host, login, request, facts, plan: planBootstrap(request, facts) }
      }
      const planned = opened.filter(isPlanned)
      const text = planned.map(({ facts, plan, request }) => planText(facts, plan, request.host)).join('\n\n')
      const data = planned.map(({ request, facts, plan }) => ({
        host: request.host,
        system: facts.system,
        there: plan.there,
        done: plan.done,
        offered: plan.offered,
      }))
      const idle = planned.every(({ plan }) => plan.done.length === 0)
      const next = noSudo ? 'npx task setup --login root' : 'npx task setup'
      if (dryRun) {
        note(idle ? 'nothing to do' : 'nothing was changed')
        return show(text, data)
      }
      const hosts = planned.map(({ request }) => request.host)
      if (!idle && !yes && !(await confirm(`${text}\nDo this?`))) throw faults.BOOTSTRAP_NOT_CONFIRMED({ hosts })
      if (idle) for (const { request, host, login } of planned) await proveLogin({ request, host, login })
      else {
        if (yes) for (const line of text.split('\n')) log(line)
        const seconds = Math.ceil((aptWait ?? APT_WAIT * 1000) / 1000)
        for (const { plan, ...work } of planned) await carryOut(plan, { ...work, aptWait: seconds, log })
      }
      note(idle ? 'nothing to do' : `${hosts.join(' and ')} ready`)
      const offered = planned.flatMap(({ plan }) => plan.offered)
      show([...(idle ? [text] : offered), ...(setup ? [] : [`Next: ${next}`])].join('\n'), data)
    },
  })
  const afterwards: typeof setup = {
    ...setup,
    args: {},
    when: values => 'setup' in values && values.setup === true,
    run: (context: { readonly dryRun: boolean; note(note: string): void }) =>
      context.dryRun ? context.note('after the bootstrap') : setup.run?.(context),
  }
  return flow('Make a bare server ready', [ready, afterwards], {
    description:
      'Prepares a Debian or Ubuntu server on which only root can log in: the account that the Taskfile names, with your public key and sudo, the router and\n' +
      'the packages that the application needs. Shows what is there and what will be done, then asks. A second run does nothing. It is refused, before\n' +
      'anything is changed, if another web server has the port of the site.',
    examples: [
      'bootstrap root@203.0.113.7',
      'bootstrap --dry-run',
      'bootstrap root@203.0.113.7 --harden-sshd --setup',
      'bootstrap ubuntu@203.0.113.7 --key ~/.ssh/id_ed25519.pub --yes',
    ],
  })
}

interface Planned {
  readonly host: Host
  readonly login: () => Promise<Host>
  readonly request: Request
  readonly facts: Parameters<typeof planText>[0] & Parameters<typeof planBootstrap>[1]
  readonly plan: ReturnType<typeof planBootstrap>
}
type Prepared = Planned | { readonly host: Host; readonly plan?: undefined }
const isPlanned = (prepared: Prepared): prepared is Planned => prepared.plan !== undefined
const close = ({ host }: Prepared) => host[Symbol.asyncDispose]()

/** The machines to prepare, and who to log in as. @throws BOOTSTRAP_OTHER_SERVER */
async function chosen(machines: readonly Transport[], server: string | undefined) {
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
async function connect(transport: Transport, user: string, setting: HostSetting) {
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
    if (!(error instanceof Fault) || error.code !== 'SSH_AUTHENTICATION_FAILED') throw error
    const other = await open(login()).catch(() => undefined)
    if (other?.facts.root) return other
    await other?.host[Symbol.asyncDispose]()
    throw error
  })
  if (facts.root) return { host, deploying: validateName('user', deploying), login }
  await host[Symbol.asyncDispose]()
  throw faults.BOOTSTRAP_NEEDS_ROOT({ host: transport.name, user: facts.user })
}

/** The account of a host that is used for nothing else. */
async function closing(host: Host): Promise<string | undefined> {
  const account = await host.account()
  await host[Symbol.asyncDispose]()
  return account
}

/** @throws BOOTSTRAP_NO_KEY */
async function ofCaller(transport: Transport, host: Host, user: string): Promise<readonly string[]> {
  const keys = callersKeys((await transport.keys?.()) ?? [], await host.query(authorizedKeys))
  if (keys.length === 0) throw faults.BOOTSTRAP_NO_KEY({ host: transport.name, user })
  return keys
}

const provisionsOf =
  <S extends string>({ provisions, balancer }: Pick<Context<S>, 'provisions' | 'balancer'>, own: boolean) =>
  (facts: HostFacts): readonly Provision[] =>
    own ? provisions(facts) : (balancer?.provisions(facts) ?? [])

/** What the plugins of a machine, and the application on it, need there. */
function needs(provisions: readonly Provision[], packages: readonly string[]) {
  return {
    tools: Object.assign({}, ...provisions.flatMap(({ tools, recommended = {} }) => [tools, recommended])),
    packages,
    groups: [...new Set(provisions.flatMap(({ groups = [] }) => groups))],
    server: provisions.find(({ server }) => server)?.server,
  }
}
