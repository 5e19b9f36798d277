import type { Query } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { Fault } from '../../runner/fault.ts'
import type { Task } from '../../runner/task.ts'
import { slotFaults } from '../../slots/faults.ts'
import { moveInShares, takeShareBack } from '../../slots/fleet/move-in-shares.ts'
import { sharesOf, turnOf } from '../../slots/fleet/rolling.ts'
import { append, recorded } from '../../slots/journal/journal.ts'
import { settled } from '../../slots/place.ts'
import { probeArguments, probingWith } from '../../slots/promote/arguments.ts'
import { evaluateSwitch, reasonToStay } from '../../slots/promote/evaluate-switch.ts'
import { type FailedHook, hooksAfter, reportHooks } from '../../slots/promote/hooks.ts'
import { movesAfter, movesBefore } from '../../slots/promote/live-processes.ts'
import { figuresOf, measuredLine } from '../../slots/promote/measured.ts'
import { latencyPlot, seesPlot } from '../../slots/promote/plot.ts'
import { probeFaults } from '../../slots/promote/probe-faults.ts'
import { probedSwitch } from '../../slots/promote/probed-switch.ts'
import { assertReached } from '../../slots/promote/reach.ts'
import { reportOf } from '../../slots/promote/report/data.ts'
import { jobSummaryPath, writeJobSummary } from '../../slots/promote/report/job-summary.ts'
import { completeSwitch, moveBack, revertSwitch, type TrafficSwitch, verifySwitch } from '../../slots/promote/switch.ts'
import { reportArgument } from '../../slots/report/argument.ts'
import type { Context, TaskDeps } from '../context.ts'

/** The step that plans the switch, if there is one to make. `promote`, `rollback` and `deploy` each have their own. */
export type Planned<S extends string> = Task<object, { trafficSwitch: TrafficSwitch<S> | undefined }>

/** For each command that can promote. */
export const force = arg.flag('Use a release that failed its health check, its migrations or an earlier promote')
const report = reportArgument('Write a report of the run and its measurements to this HTML file, and as JSON beside it')
/** Those that only concern a switch of all the traffic. */
export const switchArguments = { noProbe: probeArguments.noProbe, report, watch: probeArguments.watch }

/** Switches the traffic, verifies the switch and measures it. If this or a later step fails, it is undone, unless the previous slot is worse. */
export const switchTraffic = <S extends string>({ task, rolling, pooled }: TaskDeps<S>, planned: Planned<S>) =>
  task('Move the traffic and prove it', {
    description:
      'Probes the site during the switch, without retries. If a request fails after the switch, the traffic is switched back, unless more\n' +
      'requests failed before it.',
    needs: [planned],
    together: true,
    args: switchArguments,
    async run({ trafficSwitch, dryRun, probe, noProbe, watch, note, log, show, ...ofStep }) {
      if (!trafficSwitch) return dryRun ? note('nothing to switch in a dry run') : undefined
      // The hosts that switch at one moment with this one.
      const fleet = rolling && !pooled ? await turnOf({ ...ofStep, log }) : ofStep.fleet
      const context = { ...ofStep, fleet }
      if (dryRun) {
        const batch = context.host.pipeline()
        batch.push(context.router.check(context.health.path))
        batch.push(...assertReached(context.router, trafficSwitch.to))
        batch.push(...movesBefore(context.runtime, trafficSwitch))
        batch.push(context.router.promote(trafficSwitch.to, trafficSwitch.generation))
        batch.push(...movesAfter(context.runtime, trafficSwitch), ...hooksAfter(context.runtime, trafficSwitch))
        await batch.run()
        return note('not verified in a dry run')
      }
      const { runtime } = context
      const serves = runtime.serves !== false
      const probing = serves ? probingWith(probe, { noProbe, watch }) : undefined
      const { to, from, record } = trafficSwitch
      const event = { event: 'promote', slot: to.name, from: from?.name, release: record.release.name } as const
      if (rolling && pooled) {
        const size = (await fleet.gather(serves)).filter(({ value }) => value).length
        const setting = { shares: sharesOf(size, fleet.limit), paths: probe?.paths ?? [context.health.path], watch }
        if (context.leads && serves && from)
          await moveInShares({ ...context, dryRun, log }, trafficSwitch, { ...setting, signal: context.signal })
        await fleet.gather(undefined)
      }
      const switched = await recorded(context, event, () =>
        probedSwitch({ ...context, log: show }, trafficSwitch, probing, proofOf(context, trafficSwitch)),
      )
      for (const { message, hint: next } of switched.warnings) show(`warning: ${message} ${next}`)
      const evaluated = await evaluateSwitch(context, trafficSwitch, switched, probing)
      const { stays } = evaluated
      const figures = switched.measured && figuresOf(switched.measured)
      // What one host has to take back, all take back: none is recorded before each of them has proven the switch.
      const together = () => fleet.gather(undefined).then(() => undefined, asIs)
      const failed = evaluated.problem ?? (await together())
      // A process that does not start makes the release unfit, like a failed request: nothing is recorded yet, and the traffic goes back.
      let hooks: readonly FailedHook[] = []
      const complete = async () => {
        // Where nothing serves requests, the processes of the new release are the proof, so that the other hosts wait for them.
        const missing = serves ? await together() : undefined
        if (missing !== undefined) throw missing
        hooks = await completeSwitch(context, trafficSwitch, { why: stays, figures })
        if (!serves) await fleet.gather(undefined)
      }
      const problem =
        failed ??
        (await complete().catch((error: unknown) => {
          if (trafficSwitch.moved) return error
          throw error
        }))
      if (problem !== undefined) trafficSwitch.stays = stays
      const data = reportOf(context, trafficSwitch, { ...switched, problem }, stays)
      context.switched(data)
      const summary = jobSummaryPath(process.env)
      // A failed summary must not undo a completed switch.
      if (summary !== undefined)
        await writeJobSummary(summary, data).catch((error: unknown) =>
          show(error instanceof Error ? error.message : String(error)),
        )
      if (problem !== undefined) {
        if (switched.measured) log(measuredLine(switched.measured))
        await recorded(context, { ...event, figures }, () => Promise.reject(problem))
      }
      note(`${to.name} is live: ${switched.verified}`)
      await reportHooks(context, hooks, show)
      const { measured, probed } = switched
      const plotted = { probes: probed?.probes ?? [], from: from?.name, to: to.name }
      // With several hosts each has a line of its own.
      const alone = ofStep.fleet.hosts.length < 2
      if (measured)
        show(
          columns => {
            const plot = alone && seesPlot(columns, process.env) ? latencyPlot(plotted, columns) : undefined
            return [...(plot === undefined ? [] : [plot]), measuredLine(measured)].join('\n')
          },
          { ...measured },
        )
      if (stays) show(`${stays}.`)
      if (evaluated.excused) show(evaluated.excused)
    },
    async undo({ trafficSwitch, note, log, probe, noProbe, ...context }) {
      if (!trafficSwitch) return
      const stays = await reasonToStay(context, trafficSwitch, noProbe ? undefined : probe)
      if (!trafficSwitch.attempted) {
        await takeShareBack({ ...context, log }, trafficSwitch)
        if (trafficSwitch.moved) await moveBack(context, trafficSwitch)
        return note('nothing was switched')
      }
      if (stays !== undefined) {
        const completed = await completeSwitch(context, trafficSwitch, { why: stays, first: 'records' }).catch(
          onlyFault,
        )
        if (!(completed instanceof Fault)) await reportHooks(context, completed, log)
        const why = completed instanceof Fault ? `${stays}. ${completed.message.replace(/\.$/, '')}` : stays
        throw probeFaults.TRAFFIC_STAYS({ slot: trafficSwitch.to.name, why })
      }
      const reverted = await revertSwitch(context, trafficSwitch).catch((error: unknown) => {
        const { fleet, router } = context
        if (!(error instanceof Fault) || fleet.hosts.length === 1 || router.machine !== undefined) throw error
        const { to, from } = trafficSwitch
        const { message: why } = error
        throw slotFaults.HOST_NOT_TAKEN_BACK({ host: fleet.host, slot: to.name, before: from?.name, why })
      })
      // A router that never switched has the share still.
      await takeShareBack({ ...context, log }, trafficSwitch)
      await reportHooks(context, reverted, log)
      note(trafficSwitch.from ? `${trafficSwitch.from.name} is live again, verified` : 'no slot is live, as before')
      const { host, layout, deploy } = context
      const event = {
        event: 'promote',
        slot: trafficSwitch.to.name,
        from: trafficSwitch.from?.name,
        result: 'undone',
      } as const
      // The traffic has been switched back, even if the journal cannot be written.
      await host
        .query(append(layout, deploy, event))
        .catch((error: unknown) => log(`The journal could not be written: ${error}`))
    },
  })

/** What proves the switch on this host, beside its processes. */
function proofOf(
  context: Pick<Context<string>, 'runtime' | 'router' | 'health' | 'leads'>,
  trafficSwitch: TrafficSwitch<string>,
): Query<string> {
  if (context.runtime.serves === false) return settled('its processes run')
  return context.leads ? verifySwitch(context, trafficSwitch) : settled('proven on the balancer')
}

const asIs = (error: unknown): unknown => error

/** An error that is part of another message. */
function onlyFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  throw error
}
