import { caught } from '../../host/query.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import { listReleases, releasesTable } from '../../slots/upload/listed.ts'
import type { TaskDeps } from '../context.ts'

export const releases = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show the releases on the host, and which slots run them', {
    description: 'The newest first. With --json as data.',
    examples: ['releases', 'releases --json'],
    async run({ host, layout, slots, router, show }) {
      const [, found, { value: route }] = await host.all([
        assertSetUp(layout),
        listReleases(layout, slots),
        // What can be said without the router is still worth saying.
        caught(router.live()),
      ])
      show(columns => releasesTable(found, route?.slot, columns), { releases: found })
    },
  })
