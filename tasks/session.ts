/** A run on a project's machines: the context of each step, and what the run does when it ends. */
import type { AnyQuery } from '../host/query.ts'
import type { Fleet, OpenScope, TaskContext } from '../runner/task.ts'
import { sumOf } from '../runner/traffic.ts'
import type { Slot } from '../slots/contracts.ts'
import { environmentFile } from '../slots/environment/environment.ts'
import type { RunFacts } from '../slots/facts.ts'
import { healthOf } from '../slots/health/setting.ts'
import { newDeploy, whoami } from '../slots/journal/journal.ts'
import type { PromoteReport } from '../slots/promote/report/data.ts'
import { type Readings, readings } from '../slots/state/readings.ts'
import type { Context } from './context.ts'
import { hostOfStep } from './host-of-step.ts'
import { openMachines } from './machines.ts'
import { runBuild } from './run-build.ts'
import { runEnded } from './run-ending.ts'
import type { Project, SessionSetting } from './run-setting.ts'

export async function openSession<S extends string>(project: Project<S>, run: SessionSetting): Promise<OpenScope> {
  const { app, layout, destination, notify } = project
  const command = run.event ?? run.command
  const deploy = { ...newDeploy(whoami(process.env)), command, ...(destination !== undefined && { destination }) }
  const machines = await openMachines(project, run, deploy)
  const { all, hosts: members, lock, slotsOn } = machines

  const { id, by } = deploy
  const host = project.hosts.map(({ name }) => name).join(', ')
  let facts: RunFacts = { app, host, destination, command: run.command, deploy: id, by }
  const switches: PromoteReport[] = []
  const build = runBuild({
    source: project.build,
    layout,
    slots: project.slots,
    machines: all.map(({ host }) => host),
    hosts: members.map(({ host }) => host),
    uploads: run.uploads,
    agrees: run.agrees,
  })
  /** What is read of each host while its lock is taken. */
  const readingOf = new Map<string, AnyQuery<Readings>>()

  const context = (task: TaskContext, fleet: Fleet): Context<S> => {
    // What a frozen run would say of the host may no longer be so.
    lock.check()
    const there = hostOfStep(project, machines, run, task, fleet.host)
    const { member, host, balancer, leads, slots, role, plugin, runtime, router } = there
    const hosts = project.machines.length > 1 ? project.machines : undefined
    const reading = readings({ layout, slots, router }, { hosts })
    // With a balancer they would be two batches.
    if (!machines.balancer) readingOf.set(member.name, reading)
    const variables = (slot: Slot) => ({ ...run.environment(), ...runtime.environment(slot), ...slot.env })
    return {
      app,
      destination: project.destination,
      folder: run.folder,
      fleet,
      role,
      leaves: project.leaves,
      leads,
      host,
      balancer,
      layout,
      slots,
      router,
      runtime,
      health: healthOf(project.health, router.site),
      probe: project.probe,
      deploy,
      lock: {
        async take(wait, only) {
          // The locks of all hosts are taken at once, with what is read of each of them.
          const asked = await fleet.gather(only)
          if (task.dryRun) return
          const wanted = asked.some(({ value }) => !value) ? undefined : asked.flatMap(({ value = [] }) => value)
          const held = all.map(({ name, host }) =>
            wanted?.includes(host.name) === false ? undefined : { host, reading: readingOf.get(name) },
          )
          await lock.take(held, wait)
        },
      },
      taskfileUser: member.taskfileUser,
      facts: () => facts,
      hide: run.hide,
      redact: run.redact,
      switched: report => switches.push(report),
      tell(told) {
        facts = { ...facts, ...told }
      },
      readings: async () => (await lock.prefetched(member.name)) ?? host.query(reading),
      variables,
      environment: (slot: Slot) => environmentFile(variables(slot)),
      config: () => run.config({ plugin, runtime, router }),
      build: () => build({ fleet, host, balancer, plugin, reading }),
      provisions: facts => [runtime.provision(facts), ...(there.balanced ? [] : [router.provision(facts)])],
    }
  }

  return {
    hosts: members.map(({ name }) => name),
    context,
    // A slot of the command line, as it is on the host of the step.
    input: (value, { host }) => {
      const named = project.slots.all.find(slot => slot === value)
      return named ? slotsOn(host).get(named.name) : value
    },
    causeOf: lock.causeOf,
    ended: outcome => {
      const hosts = members.map(({ name }) => name)
      return runEnded({ ...run, notify, hosts, report: run.values.report }, { facts, switches }, outcome)
    },
    traffic: () => sumOf(all.map(({ host }) => host.traffic?.())),
    // Closing the connections also releases the locks.
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map(({ host }) => host[Symbol.asyncDispose]()))
    },
  }
}
