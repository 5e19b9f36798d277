import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AnyTask } from '../../runner/task.ts'
import { bytes } from '../../runner/units.ts'
import { writeLeftOut } from '../../slots/fleet/left-out.ts'
import { describeServing } from '../../slots/fleet/serving.ts'
import { planSwitch } from '../../slots/promote/switch.ts'
import { fetchRelease, hasRelease, placeRelease } from '../../slots/upload/copy.ts'
import { releaseOnHost } from '../../slots/upload/source.ts'
import type { TaskDeps } from '../context.ts'
import { type CatchUp, type Compared, compareBehind, onlyBehind } from '../steps/compare-behind.ts'
import { type DetectLive, detectLive } from '../steps/detect-live.ts'
import type { Supply } from '../steps/find-release.ts'
import { startOnHost } from '../steps/start-on-host.ts'
import { switchTraffic } from '../steps/switch-traffic.ts'
import type { TakeLock } from '../steps/take-lock.ts'

/**
 * Brings a host that was left out to what the others serve: the same release in the same slot. If it serves an old release in that very slot, it moves twice:
 * first to the new release in the other slot.
 */
export function catchUp<S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detected: DetectLive<S>) {
  const compared = compareBehind(deps, takeLock, detected)
  const supply = bringRelease(deps, compared)
  const detour = onlyBehind(
    compared,
    ({ detour }) => detour,
    ({ passed }) => !passed,
  )
  const first = moveTo(deps, supply, takeLock, detected, detour)
  const again = onlyBehind(compared)(afterDetour(detectLive(deps, { split: true })))
  const second = moveTo(deps, supply, takeLock, again, onlyBehind(compared))
  return deps.flow(
    'Bring a host that was left out to what the others serve',
    [takeLock, detected, compared, supply, ...first, again, ...second, remember(deps, detected, compared, supply)],
    {
      description:
        'The host gets the release that is live on the others, in the same slot, with the proof of a promote. If it does not have the release,\n' +
        'that is copied from another host, as it was built and prepared. Nothing is built, and the other hosts go on unchanged.',
      examples: ['catch-up web-7', 'catch-up web-7 --dry-run'],
    },
  )
}

/** The steps that start the release in the idle slot of the host, and move its traffic there. */
function moveTo<S extends string>(
  deps: TaskDeps<S>,
  supply: Supply,
  takeLock: TakeLock<S>,
  detected: DetectLive<S>,
  only: <T extends AnyTask>(step: T) => T,
) {
  const { steps, checked } = startOnHost(deps, supply, takeLock, detected, only)
  const planned = only(
    deps.task('Check that the slot is fit for traffic', {
      needs: [detected, checked],
      async run({ liveState, idle, healthy, note, ...context }) {
        note(idle.name)
        return { trafficSwitch: await planSwitch(context, liveState, idle, healthy) }
      },
    }),
  )
  return [...steps, planned, ...[switchTraffic(deps, planned)].map(only)] as const
}

/** From here on the host serves the new release, although not in the slot of the others. */
const afterDetour = <T extends AnyTask>(step: T): T => ({
  ...step,
  run(context: { readonly catchUp: CatchUp }) {
    context.catchUp.passed = true
    return step.run?.(context)
  },
})

const bringRelease = <S extends string>({ task }: TaskDeps<S>, compared: Compared<S>) =>
  task('Bring the release to the host', {
    description: 'Only if the host does not have it: it is copied from another host, and compared by its sha256.',
    needs: [compared],
    changes: true,
    async run({ catchUp, dryRun, fleet, note, ...context }) {
      const { here, behind, release, revision, source } = catchUp
      const lacks = await fleet.gather(here && behind && !(await hasRelease(context, release)))
      const copies = lacks.some(({ value }) => value) && !dryRun
      const gives = copies && fleet.host === source
      const folder = gives ? await mkdtemp(join(tmpdir(), 'switchyard-')) : undefined
      let size = 0
      try {
        const local = folder && join(folder, 'release.tar.gz')
        if (local) await fetchRelease(context, release, local)
        const given = (await fleet.gather(local)).find(({ value }) => value !== undefined)?.value
        if (here && given !== undefined) {
          await placeRelease(context, release, given)
          size = (await stat(given)).size
        }
        await fleet.gather(undefined)
      } finally {
        if (folder) await rm(folder, { recursive: true, force: true })
      }
      const copied = here && copies ? `${bytes(size)} from ${source}` : undefined
      if (here && behind) note(`${release.name}, ${copied ?? (dryRun ? 'not copied in a dry run' : 'which it has')}`)
      return { release, releaseSource: releaseOnHost(context.host.name, release, revision), copied }
    },
  })

const remember = <S extends string>(
  { task }: TaskDeps<S>,
  detected: DetectLive<S>,
  compared: Compared<S>,
  supply: ReturnType<typeof bringRelease<S>>,
) =>
  task('Remember that the host has caught up', {
    needs: [detected, compared, supply],
    changes: true,
    async run({ catchUp, copied, liveState, dryRun, host, layout, note, show }) {
      const { target, here, behind, detour, slot, release, before } = catchUp
      const known = liveState.leftOut ?? []
      const left = known.filter(({ host }) => host !== target)
      if (left.length < known.length) await host.query(writeLeftOut(layout, left))
      if (!here) return
      note(dryRun ? 'not changed in a dry run' : target)
      const now = describeServing({ slot, release })
      const data = {
        slot,
        release: release.name,
        before: before.release?.name ?? null,
        behind,
        copied: copied ?? null,
      }
      if (!behind) return show(`It serves ${now}, as the other hosts do; nothing was moved.`, data)
      const from = copied === undefined ? 'It had the release' : `The release was copied: ${copied}`
      const through = detour ? ', and the traffic moved twice, over its other slot' : ''
      show(
        dryRun
          ? `It would move from ${describeServing(before)} to ${now}.`
          : `It serves ${now}, as the other hosts do; before it served ${describeServing(before)}. ${from}${through}.`,
        data,
      )
    },
  })
