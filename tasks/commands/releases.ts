import { caught } from '../../host/query.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { listReleases, releasesTable } from '../../slots/upload/listed.ts'
import type { TaskDeps } from '../context.ts'

export const releases = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show the releases on the host, and which slots run them', {
    description: 'Newest first. --json prints them as data.',
    examples: ['releases', 'releases --json'],
    async run({ host, layout, slots, router, show }) {
      const [, found, { value: route }] = await host.all([
        assertSetUp(layout),
        listReleases(layout, slots),
        // The list is useful even if the router cannot be read.
        caught(router.live()),
      ])
      show(columns => releasesTable(found, route?.slot, columns), { releases: found })
    },
  })
