import { arg } from '../../runner/cli/args.ts'
import type { Arg, Task } from '../../runner/task.ts'
import {
  beginShare,
  canaryRouter,
  endShare,
  mustEnd,
  noteShare,
  restoreShare,
  type Share,
  shareEvent,
} from '../../slots/canary/canary.ts'
import { canaryFaults, type Figures, figuresText } from '../../slots/canary/canary-faults.ts'
import { watchShare } from '../../slots/canary/watch.ts'
import { recorded } from '../../slots/journal/journal.ts'
import type { TaskDeps } from '../context.ts'

/** The step that plans it. */
type Planned = Task<object, { share: Share | undefined }>

/** The arguments of a canary. Those of a project whose router cannot have one are refused while they are parsed. */
export function shareArguments<S extends string>({ canary }: Pick<TaskDeps<S>, 'canary'>) {
  const number = arg.integer('Send only this share of the traffic to the slot, as a canary: 1 to 99 percent')
  const percent: Arg<number | undefined> = {
    ...number.optional(),
    placeholder: 'percent',
    parse(raw) {
      if (raw === undefined) return undefined
      if (canary.router !== undefined) throw canaryFaults.CANARY_OFF({ router: canary.router })
      const value = number.parse(raw)
      if (value < 1 || value > 99) throw new Error('it must be from 1 to 99')
      return value
    },
    optional: () => percent,
  }
  return {
    percent,
    sticky: arg.flag('With --percent: a visitor stays with the slot that answered first, by a cookie'),
    for: arg.duration('With --percent: how long to watch both slots, such as 10m').optional(),
    hold: arg.flag('With --percent: watch both slots until Ctrl-C, which leaves the share as it was before'),
  }
}

type ShareArguments = ReturnType<typeof shareArguments>

/** Sends a share of the traffic to the idle slot, proves that, and watches both slots. If this step fails or is interrupted, the share is as before. */
export const sendShare = <S extends string>({ task, pooled }: TaskDeps<S>, planned: Planned, args: ShareArguments) =>
  task('Send a share of the traffic and prove it', {
    description:
      'Compares both slots. The share is taken back if the slot fails more than the live one, and not by chance.',
    needs: [planned],
    once: pooled,
    args,
    when: ({ percent }) => percent !== undefined,
    async run({ share, for: limit, hold, log, note, show, ...context }) {
      if (!share || context.runtime.serves === false) return
      const { wanted, slot, live, to } = share
      const { host, router, health, dryRun, signal } = context
      const { percent } = wanted
      if (dryRun) {
        const batch = host.pipeline()
        batch.push(router.check(health.path), canaryRouter(router).beginCanary(wanted, to.before))
        await batch.run()
        return note('not verified in a dry run')
      }
      const takeBack = async (asked: Figures, served?: Figures): Promise<never> => {
        // What an undo must not bring back.
        share.before = undefined
        await endShare(context, share)
        share.attempted = false
        throw canaryFaults.CANARY_TAKEN_BACK({ slot, live, percent, asked, served })
      }
      const { asked, served } = await recorded(context, shareEvent(share), async () => {
        const proven = await beginShare(context, share)
        for (const { message, hint: next } of proven.warnings) show(`warning: ${message} ${next}`)
        if (mustEnd(proven.asked)) return takeBack(proven.asked)
        await noteShare(context, share, 'done', `${percent} %`)
        const proof = `${slot} gets ${percent} %: ${proven.summary}`
        note(proof)
        log(proof)
        if (limit === undefined && !hold) return { asked: proven.asked, served: undefined }
        const watched = await watchShare(context, share, proven.asked, {
          duration: hold ? undefined : limit,
          signal,
          onLook: figures => log(figuresText(share, figures)),
        })
        return watched.failing ? takeBack(watched.asked, watched.served) : watched
      })
      const counted = served ? ` The router counted: ${figuresText(share, served)}.` : ''
      show(`${figuresText(share, asked)}.${counted}`, { canary: wanted, asked, served: served ?? null })
      show(
        `Next: npx task promote ${slot}, or again with a larger --percent. npx task promote ${live} takes the share back.`,
      )
    },
    async undo({ share, note, ...context }) {
      if (!share?.attempted) return
      await restoreShare(context, share)
      const { before, slot, live } = share
      const what = before ? `${slot} gets ${before.percent} % again` : `all traffic goes to ${live}, verified`
      note(what)
      await noteShare(context, share, 'undone', what)
    },
  })
