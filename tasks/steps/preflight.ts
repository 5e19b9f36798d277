import { group } from '../../host/query.ts'
import type { Task } from '../../runner/task.ts'
import { assertNoCanary } from '../../slots/canary/canary.ts'
import { pluralize } from '../../slots/format.ts'
import { assertNotBad } from '../../slots/journal/bad.ts'
import { recorded } from '../../slots/journal/journal.ts'
import { checkTable } from '../../slots/preflight/checks.ts'
import { assertFit, preflight as runChecks } from '../../slots/preflight/preflight.ts'
import { promoting } from '../../slots/promote/arguments.ts'
import type { ReleaseSource } from '../../slots/upload/source.ts'
import type { Context, TaskDeps } from '../context.ts'
import { force } from './switch-traffic.ts'

export type Preflight<S extends string> = ReturnType<typeof preflight<S>>

/** The release that the host is checked for, which may not be there yet. */
type Candidate = Task<object, { readonly releaseSource: ReleaseSource }>

const TITLE = 'Check the host'

export const preflight = <S extends string>({ task }: TaskDeps<S>, candidate: Candidate) =>
  task(TITLE, {
    description:
      'All checks of `doctor`, and the disk space for this artifact. If a check fails, only the journal has been written.',
    needs: [candidate],
    secrets: true,
    args: { promote: promoting, force },
    run: ({ promote, force, ...context }) => check(context, promote && !force),
  })

/** For a release that is on the host, and was refused already if it is bad. */
export const preflightOnHost = <S extends string>({ task }: TaskDeps<S>, candidate: Candidate) =>
  task(TITLE, {
    description: 'All checks of `doctor` that a deploy makes. If a check fails, only the journal has been written.',
    needs: [candidate],
    secrets: true,
    run: context => check(context, false),
  })

interface CheckContext<S extends string> extends Context<S> {
  readonly releaseSource: ReleaseSource
  log(line: string): void
  note(line: string): void
}

async function check<S extends string>(
  { releaseSource, log, note, ...context }: CheckContext<S>,
  refuseBad: boolean,
): Promise<void> {
  const { release, revision } = releaseSource
  // Sent with the checks, so that finding out what to upload costs no further round trip.
  releaseSource.prefetch()
  const { host, layout, router, slots } = context
  // A bad release is refused before the idle slot is stopped for it; so is any while a canary runs there, before an upload.
  const known = refuseBad ? assertNotBad(layout, release.name) : undefined
  const [checked, allowed, canary] = await Promise.allSettled([
    runChecks(context, { release, space: releaseSource.diskUsage() }),
    known && host.query(known),
    router.canary && host.query(group([router.canary(), router.live()], (canary, { slot }) => ({ canary, slot }))),
  ])
  if (checked.status === 'rejected') throw checked.reason
  const checks = checked.value
  const table = checkTable(checks)
  log(table)
  const event = { event: 'deploy', slot: '', release: release.name, revision } as const
  await recorded(context, event, async () => assertFit(host, checks, table))
  if (allowed.status === 'rejected') throw allowed.reason
  if (canary.status === 'fulfilled' && canary.value) {
    const live = slots.get(canary.value.slot as S | undefined)
    assertNoCanary({ live, canary: canary.value.canary }, slots.other(live))
  }
  const warned = checks.filter(check => check.result === 'warn')
  note(
    warned.length === 0
      ? `${pluralize(checks.length, 'check')} passed`
      : warned.map(({ message }) => message).join('; '),
  )
}
