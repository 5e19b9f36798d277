import { type AnyQuery, group } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import type { AnyTask, Arg, Task } from '../../runner/task.ts'
import type { Artifact, Release } from '../../slots/contracts.ts'
import type { Deps } from '../../slots/deps.ts'
import { badReleases } from '../../slots/journal/bad.ts'
import { validateName } from '../../slots/names.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { listReleases } from '../../slots/upload/listed.ts'
import { chooseRelease, type ReleaseSource } from '../../slots/upload/source.ts'
import type { TaskDeps } from '../context.ts'
import { force } from './switch-traffic.ts'

/** What the steps after it need, whether the release was uploaded or found on the host. */
export interface Supplied {
  /** Missing if the release was on the host. */
  readonly artifact?: Artifact
  readonly release: Release
  readonly releaseSource: ReleaseSource
}
export type Supply = Task<object, Supplied>

/** A step that `--release` leaves out, so that its results may be missing. */
export type Unless<T> = T extends Task<infer In, infer Out> ? Task<In, Partial<Out>> : never

/** The value of `--release`. A class, so that an argument of this name in a Taskfile's own task is not mistaken for it. */
export class ReleaseName {
  readonly text: string
  constructor(text: string) {
    this.text = validateName('release', text)
  }
}

const text = arg.text('A version or the name of a release that is on the host, instead of a new build').optional()

/** `--release 0.1.1` */
const release: Arg<ReleaseName | undefined> = {
  ...text,
  placeholder: 'version',
  parse(raw) {
    const name = text.parse(raw)
    return name === undefined ? undefined : new ReleaseName(name)
  },
  optional: () => release,
}

/** The same argument with a place: `rollback 0.1.1`. Its `optional()` is the one without, so that a flow can have both. */
export const placedRelease: Arg<ReleaseName | undefined> = {
  ...release,
  description: 'A version or the name of a release that is on the host (default: the one in the idle slot)',
  positional: true,
}

/** Whether a run uses a release that is on the host. */
export const named = ({ release }: { readonly release?: unknown }): boolean => release instanceof ReleaseName

/** Leaves a step out if `--release` is given. */
export const unlessNamed = <T extends AnyTask>(step: T): T => ({
  ...step,
  when: (values: object) => !named(values),
})

interface Search extends Pick<Deps, 'host' | 'layout' | 'slots'> {
  readonly release: ReleaseName | undefined
}

interface FoundRelease {
  readonly releaseSource: ReleaseSource
  /** @throws `RELEASE_BAD` */
  assertNotBad(): void
}

/** @throws `RELEASE_UNKNOWN`, `RELEASE_AMBIGUOUS` */
export const searchRelease = ({ host, layout, slots, release }: Search): AnyQuery<FoundRelease> =>
  group([assertSetUp(layout), listReleases(layout, slots), badReleases(layout)], (_, listed, refuseBad) => {
    const releaseSource = chooseRelease(host.name, listed, release?.text ?? '', layout)
    return { releaseSource, assertNotBad: () => refuseBad(releaseSource.release.name) }
  })

/** With `--release`, the place of the build and the upload. Its result `release` hides the argument of that name from later steps. */
export const findRelease = <S extends string>({ task }: TaskDeps<S>): Supply =>
  task('Find the release on the host', {
    description: 'Only with --release. A release that failed is refused without --force.',
    args: { release, force },
    when: named,
    async run({ force, note, tell, ...context }) {
      const { releaseSource, assertNotBad } = await context.host.query(searchRelease(context))
      if (!force) assertNotBad()
      const { release, revision } = releaseSource
      tell({ version: release.version, release: release.name, revision })
      note(release.name)
      return { release, releaseSource }
    },
  })
