import { resolve } from 'node:path'
import { arg } from '../runner/args.ts'
import type { Task } from '../runner/task.ts'
import { append, recorded } from '../slots/journal/journal.ts'
import { measureMove } from '../slots/promote/measured-move.ts'
import { type Move, proveMove, takeBack, writeMove } from '../slots/promote/move.ts'
import { measuredLine } from '../slots/promote/probe.ts'
import { assertWritable, reportOf, writeReport } from '../slots/promote/report.ts'
import type { Parts } from './context.ts'

/** The step that says whether there is a move, and which: `promote`, `rollback` and `deploy` each have their own. */
export type Planned<S extends string> = Task<object, { move: Move<S> | undefined }>

/** For each command that can promote. */
export const force = arg.flag('Promote a release that failed its health check, its migrations or an earlier promote')
/** For a deploy: its checks want to know it, too. */
export const promoting = arg.flag('Send the traffic to the new release when it is healthy')
const report = arg.text('Write what was measured into this page, and as JSON beside it').optional()
const noProbe = arg.flag('Do not ask the site for its health while the traffic moves')

/** Moves the traffic, proves it and measures it; taken back by the runner when that, or anything after it, fails. */
export const switchTraffic = <S extends string>({ task }: Parts<S>, planned: Planned<S>) =>
  task('Move the traffic and prove it', {
    about: 'Asks the site all the while, without retries; a request that fails after the switch takes it back.',
    needs: [planned],
    args: { noProbe, report },
    async run({ move, mover: router, dryRun, probe, noProbe, report, note, log, show, ...seen }) {
      if (!move) return
      if (dryRun) {
        await router.check()
        await router.promote(move.to, move.generation)
        return note('not proven in a dry run')
      }
      const page = report === undefined ? undefined : resolve(report)
      if (page !== undefined) await assertWritable(page)
      const ground = { ...seen, router }
      const probing = noProbe ? undefined : probe
      const { to, from, record } = move
      const event = { event: 'promote', slot: to.name, from: from?.name, release: record.release.name } as const
      const moved = await recorded(ground, event, () =>
        measureMove({ ...ground, log }, move, probing, () => proveMove(ground, move)),
      )
      if (page !== undefined) await writeReport(page, reportOf(ground, move, moved))
      if (moved.problem) {
        if (moved.measured) log(measuredLine(moved.measured))
        await recorded(ground, event, () => Promise.reject(moved.problem))
      }
      await writeMove(ground, move)
      note(`${to.name} is live: ${moved.proof}`)
      if (moved.measured) show(measuredLine(moved.measured), { ...moved.measured })
    },
    async undo({ move, note, host, layout, deploy, ...ground }) {
      if (!move) return
      if (!move.told) return note('nothing was moved')
      await takeBack({ host, layout, deploy, ...ground }, move)
      const slot = move.to.name
      await append(host, layout, deploy, { event: 'promote', slot, from: move.from?.name, result: 'undone' })
      note(move.from ? `${move.from.name} is live again, proven` : 'no slot is live, as before')
    },
  })
