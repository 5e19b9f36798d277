import type { Query } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { Fault, messageOf } from '../../runner/fault.ts'
import type { Task } from '../../runner/task.ts'
import { slotFaults } from '../../slots/faults.ts'
import { moveInShares, takeShareBack } from '../../slots/fleet/move-in-shares.ts'
import { turnOf } from '../../slots/fleet/rolling.ts'
import { append, recorded } from '../../slots/journal/journal.ts'
import { settled } from '../../slots/place.ts'
import { probeArguments, probingWith } from '../../slots/promote/arguments.ts'
import { completeTogether } from '../../slots/promote/complete-together.ts'
import { evaluateSwitch, reasonToStay } from '../../slots/promote/evaluate-switch.ts'
import { hooksAfter, reportHooks } from '../../slots/promote/hooks.ts'
import { movesAfter, movesBefore } from '../../slots/promote/live-processes.ts'
import { figuresOf, measuredLine } from '../../slots/promote/measured.ts'
import { measuredText } from '../../slots/promote/plot.ts'
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
        await rehearse(context, trafficSwitch)
        return note('not verified in a dry run')
      }
      const probing = servesIn(context) ? probingWith(probe, { noProbe, watch }) : undefined
      const { to, from, record } = trafficSwitch
      const event = { event: 'promote', slot: to.name, from: from?.name, release: record.release.name } as const
      if (rolling && pooled) {
        const paths = probe?.paths ?? [context.health.path]
        await moveInShares({ ...context, dryRun, log }, trafficSwitch, { paths, watch, signal: context.signal })
      }
      const switched = await recorded(context, event, () =>
        probedSwitch({ ...context, log: show }, trafficSwitch, probing, proofOf(context, trafficSwitch)),
      )
      for (const { message, hint: next } of switched.warnings) show(`warning: ${message} ${next}`)
      const evaluated = await evaluateSwitch(context, trafficSwitch, switched, probing)
      const { stays, excused } = evaluated
      const { measured } = switched
      const figures = measured && figuresOf(measured)
      const { problem, hooks } = await completeTogether(context, trafficSwitch, evaluated, figures)
      const data = reportOf(context, trafficSwitch, { ...switched, problem }, stays)
      context.switched(data)
      const summary = jobSummaryPath(process.env)
      // A failed summary must not undo a completed switch.
      if (summary !== undefined) await writeJobSummary(summary, data).catch((error: unknown) => show(messageOf(error)))
      if (problem !== undefined) {
        trafficSwitch.stays = stays
        if (measured) log(measuredLine(measured))
        await recorded(context, { ...event, figures }, () => Promise.reject(problem))
      }
      note(`${to.name} is live: ${switched.verified}`)
      await reportHooks(context, hooks, show)
      // With several hosts each has a line of its own.
      const plotted =
        ofStep.fleet.hosts.length < 2
          ? { probes: switched.probed?.probes ?? [], from: from?.name, to: to.name }
          : undefined
      if (measured) show(columns => measuredText(measured, plotted, columns), { ...measured })
      if (stays) show(`${stays}.`)
      if (excused) show(excused)
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

type SwitchContext = Pick<Context<string>, 'host' | 'router' | 'runtime' | 'health' | 'leads'>

const servesIn = ({ runtime }: Pick<SwitchContext, 'runtime'>): boolean => runtime.serves !== false

/** In a dry run: every script that writes, in the order of a switch. */
async function rehearse({ host, router, runtime, health }: SwitchContext, moving: TrafficSwitch<string>) {
  const batch = host.pipeline()
  batch.push(router.check(health.path))
  batch.push(...assertReached(router, moving.to))
  batch.push(...movesBefore(runtime, moving))
  batch.push(router.promote(moving.to, moving.generation))
  batch.push(...movesAfter(runtime, moving), ...hooksAfter(runtime, moving))
  await batch.run()
}

/** What proves the switch on this host, beside its processes. */
function proofOf(context: SwitchContext, trafficSwitch: TrafficSwitch<string>): Query<string> {
  if (!servesIn(context)) return settled('its processes run')
  return context.leads ? verifySwitch(context, trafficSwitch) : settled('proven on the balancer')
}

/** An error that is part of another message. */
function onlyFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  throw error
}
