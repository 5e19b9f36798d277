import { resolve } from 'node:path'
import { arg } from '../../runner/cli/args.ts'
import type { Arg, Task } from '../../runner/task.ts'
import { append, recorded } from '../../slots/journal/journal.ts'
import { judgeSwitch, staysNow } from '../../slots/promote/judge-switch.ts'
import { measuredLine } from '../../slots/promote/measured.ts'
import { probeFaults } from '../../slots/promote/probe-faults.ts'
import { probedSwitch } from '../../slots/promote/probed-switch.ts'
import { reportOf } from '../../slots/promote/report/data.ts'
import { assertWritable, writeReport } from '../../slots/promote/report/write.ts'
import { proveSwitch, recordSwitch, type TrafficSwitch, takeBack } from '../../slots/promote/switch.ts'
import type { TaskDeps } from '../context.ts'

/** The step that says whether there is a move, and which: `promote`, `rollback` and `deploy` each have their own. */
export type Planned<S extends string> = Task<object, { move: TrafficSwitch<S> | undefined }>

/** For each command that can promote. */
export const force = arg.flag('Promote a release that failed its health check, its migrations or an earlier promote')
/** For a deploy: its checks want to know it, too. */
export const promoting = arg.flag('Send the traffic to the new release when it is healthy')
const page = arg.text('Write what was measured into this page, and as JSON beside it').optional()
/** Looked at with the other words, before anything is contacted. */
const report: Arg<string | undefined> = {
  ...page,
  parse(raw) {
    const path = page.parse(raw)
    if (path !== undefined) assertWritable(path)
    return path
  },
  optional: () => report,
}
const noProbe = arg.flag('Do not ask the site for its health while the traffic moves')
const watch = arg
  .duration('How long the site is asked after the switch before it counts as done, such as 10s')
  .optional()

/**
 * Moves the traffic, proves it and measures it. When that, or anything after it, fails, the runner has it taken back, unless the slot before
 * serves worse.
 */
export const switchTraffic = <S extends string>({ task }: TaskDeps<S>, planned: Planned<S>) =>
  task('Move the traffic and prove it', {
    description:
      'Asks the site all the while, without retries. A request that fails after the switch takes it back, unless more failed\n' +
      'of those before it.',
    needs: [planned],
    args: { noProbe, report, watch },
    async run({ move, dryRun, probe, noProbe, report, watch, note, log, show, ...ground }) {
      if (!move) return dryRun ? note('nothing to move in a dry run') : undefined
      if (dryRun) {
        const batch = ground.host.pipeline()
        batch.push(ground.router.check(ground.health.path))
        batch.push(ground.router.promote(move.to, move.generation))
        await batch.run()
        return note('not proven in a dry run')
      }
      const probing = noProbe || !probe ? undefined : { ...probe, ...(watch !== undefined && { watch }) }
      const { to, from, record } = move
      const event = { event: 'promote', slot: to.name, from: from?.name, release: record.release.name } as const
      const moved = await recorded(ground, event, () =>
        probedSwitch({ ...ground, log: show }, move, probing, proveSwitch(ground, move)),
      )
      for (const { message, hint: next } of moved.warnings) show(`warning: ${message} ${next}`)
      const { problem, stays } = await judgeSwitch(ground, move, moved, probing)
      if (problem === undefined) await recordSwitch(ground, move, stays)
      else move.stays = stays
      if (report !== undefined)
        await writeReport(resolve(report), reportOf(ground, move, { ...moved, problem }, stays)).catch(
          // The traffic is where it is by now: no file of ours changes that.
          (error: unknown) => show(error instanceof Error ? error.message : String(error)),
        )
      if (problem !== undefined) {
        if (moved.measured) log(measuredLine(moved.measured))
        await recorded(ground, event, () => Promise.reject(problem))
      }
      note(`${to.name} is live: ${moved.proof}`)
      if (moved.measured) show(measuredLine(moved.measured), { ...moved.measured })
      if (stays) show(`${stays}.`)
    },
    async undo({ move, note, log, probe, noProbe, ...ground }) {
      if (!move) return
      if (!move.told) return note('nothing was moved')
      const stays = move.stays ?? (await staysNow(ground, move, noProbe ? undefined : probe))
      if (stays !== undefined) {
        await recordSwitch(ground, move, stays)
        throw probeFaults.TRAFFIC_STAYS({ slot: move.to.name, why: stays })
      }
      await takeBack(ground, move)
      note(move.from ? `${move.from.name} is live again, proven` : 'no slot is live, as before')
      const { host, layout, deploy } = ground
      const event = { event: 'promote', slot: move.to.name, from: move.from?.name, result: 'undone' } as const
      // The traffic is back, whether that can be written down or not.
      await host
        .query(append(layout, deploy, event))
        .catch((error: unknown) => log(`The journal could not be written: ${error}`))
    },
  })
