import { resolve } from 'node:path'
import type { Host } from '../../host/host.ts'
import { arg } from '../../runner/cli/args.ts'
import { listed } from '../../runner/units.ts'
import {
  type AccessoryPlan,
  type AccessoryRequest,
  inspectAccessories,
  packagesOf,
  planAccessories,
} from '../../slots/bootstrap/accessories.ts'
import { carryOut, proveLogin } from '../../slots/bootstrap/bootstrap.ts'
import { bootstrapFaults as faults, withReady } from '../../slots/bootstrap/bootstrap-faults.ts'
import { prepareDatabases } from '../../slots/bootstrap/databases.ts'
import { inspectServer, type ServerFacts } from '../../slots/bootstrap/inspect-server.ts'
import { readKeys } from '../../slots/bootstrap/keys.ts'
import { type BootstrapPlan, planBootstrap, planText, type Request, refusal } from '../../slots/bootstrap/plan.ts'
import { chosenServers, connectTo, keysOfCaller } from '../../slots/bootstrap/servers.ts'
import type { HostFacts, Provision } from '../../slots/contracts.ts'
import { knownIn } from '../../slots/environment/fill-in.ts'
import type { Context, TaskDeps } from '../context.ts'
import type { setup as makeSetup } from './setup.ts'

/** Milliseconds. */
const APT_WAIT = 300_000

export const bootstrap = <S extends string>(deps: TaskDeps<S>, setup: ReturnType<typeof makeSetup<S>>) => {
  const { task, flow, machines, ofRouter, packages, accessories } = deps
  const ready = task('Make the server ready for setup', {
    once: true,
    args: {
      server: {
        ...arg
          .text('Who to log in as, and where, such as root@203.0.113.7 (default: root, on each host of the Taskfile)')
          .optional(),
        positional: true,
      },
      key: arg
        .text('A file with the public keys that the deploying account gets (default: the key you log in with)', {
          placeholder: 'file',
        })
        .optional(),
      noSudo: arg.flag('Give the deploying account no sudo: `setup --login root` then prepares the host'),
      firewall: arg.flag('Open the firewall for ssh and the site, close it for all else, and put it in force'),
      hardenSshd: arg.flag('Let sshd accept keys alone, and nobody as root, once the deploying account has logged in'),
      writeEnv: arg.flag('Write the URLs of `accessories` into the environment file of this machine'),
      aptWait: arg
        .duration("How long to wait while another program holds apt's lock, such as 10m (default: 5m)")
        .optional(),
      yes: arg.flag('Do not ask before anything is changed'),
      setup: arg.flag('Run setup afterwards'),
    },
    changes: true,
    async run({ server, key, noSudo, firewall, hardenSshd, writeEnv, aptWait, yes, setup, dryRun, ...context }) {
      const { log, note, show, confirm, signal } = context
      const { user, transports } = await chosenServers(machines, server)
      const keys = key === undefined ? undefined : await readKeys(key)
      const others = machines.filter(machine => machine !== ofRouter && machine !== machines[0]).map(({ name }) => name)
      const options = { sudo: !noSudo, harden: hardenSshd, firewall }
      const hosts: Host[] = []
      await using _ = { [Symbol.asyncDispose]: async () => void (await Promise.all(hosts.map(closed))) }
      const found: Found[] = []
      for (const transport of transports) {
        const own = transport !== ofRouter
        const first = transport === machines[0]
        const { host, deploying, login } = await connectTo(transport, user, { signal, confirm })
        hosts.push(host)
        const wanted = { user: deploying, keys: keys ?? (await keysOfCaller(transport, host, deploying)) }
        const provisions = provisionsOf(context, own)({ user: deploying, group: deploying })
        const databases =
          first && accessories ? { ...(await asked(accessories, context.folder, writeEnv)), others } : undefined
        const installed = [...(own ? packages : []), ...(databases ? packagesOf(databases) : [])]
        const request = { host: transport.name, ...wanted, ...options, ...needs(provisions, installed) }
        const facts = await host.query(inspectServer(request))
        const refused = refusal(request, facts)
        if (refused) throw refused
        const accessory = databases && {
          request: databases,
          plan: planAccessories(databases, await host.query(inspectAccessories(databases))),
        }
        found.push({ host, login, request, facts, plan: planBootstrap(request, facts), accessory })
      }
      const plans = found.map(({ request, facts, plan, accessory }) => ({
        host: request.host,
        system: facts.system,
        there: [...plan.there, ...(accessory?.plan.there ?? [])],
        done: [...plan.done, ...(accessory?.plan.done ?? [])],
        offered: [...plan.offered, ...(accessory?.plan.offered ?? [])],
      }))
      const text = plans.map(plan => planText(plan)).join('\n\n')
      const idle = plans.every(({ done }) => done.length === 0)
      if (dryRun) {
        note(idle ? 'nothing to do' : 'nothing was changed')
        return show(text, { hosts: plans })
      }
      const names = plans.map(({ host }) => host)
      if (!idle && !yes && !(await confirm(`${text}\nDo this?`))) throw faults.BOOTSTRAP_NOT_CONFIRMED({ hosts: names })
      if (!idle && yes) log(text)
      const changed: string[] = []
      for (const { plan, accessory, ...one } of found) {
        const { host: name } = one.request
        const of = (line: string) => log(found.length === 1 ? line : `${name}: ${line}`)
        const work = { ...one, aptWait: Math.ceil((aptWait ?? APT_WAIT) / 1000), log: of }
        try {
          if (plan.done.length === 0) await proveLogin(work)
          else await carryOut(plan, work)
          const path = resolve(context.folder, accessory?.request.file ?? '')
          if (accessory) await prepareDatabases(accessory, { ...context, host: one.host, path, log: of })
        } catch (error) {
          throw withReady(error, changed)
        }
        if (plan.done.length > 0 || accessory?.plan.done.length) changed.push(name)
      }
      note(idle ? 'nothing to do' : `${listed(names)} ready`)
      const ended = idle ? text : plans.map(plan => planText({ ...plan, there: [] }, 'Done:')).join('\n\n')
      const next = noSudo ? 'npx task setup --login root' : 'npx task setup'
      const steps = found.flatMap(({ request: { host, server: serves } }) =>
        serves?.step === undefined ? [] : [`Once, on ${host}: ${serves.step}`],
      )
      const after = [...steps, ...(setup ? [] : [`Next: ${next}`])]
      // With several hosts, what comes after is not of the last one alone.
      show([ended, ...(found.length > 1 && after.length > 0 ? [''] : []), ...after].join('\n'), { hosts: plans })
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

interface Found {
  readonly host: Host
  readonly login: () => Promise<Host>
  readonly request: Request
  readonly facts: ServerFacts
  readonly plan: BootstrapPlan
  readonly accessory: { readonly request: AccessoryRequest; readonly plan: AccessoryPlan } | undefined
}

const closed = (host: Host) => host[Symbol.asyncDispose]()

/** What is asked for, and what the environment file has of it. */
async function asked(
  { database, redis, file }: NonNullable<TaskDeps<string>['accessories']>,
  folder: string,
  write: boolean,
): Promise<Omit<AccessoryRequest, 'others'>> {
  return { database, redis, file, write, known: file === undefined ? [] : await knownIn(resolve(folder, file)) }
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
