/**
 * The route of a host that has no router, because its role has no process that serves requests: a file with the slot whose processes run. It changes in the
 * moment in which the routers of the other hosts move, so that such a host is read, switched, restored and repaired like them.
 */
import { posix } from 'node:path'
import { fileQuery } from '../../host/exec/transfer.ts'
import { capture, mapped, perform, type Query } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { PublicAnswer, Route, Router } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { settled } from '../place.ts'

/** The role of the hosts that have a router, and the process that serves requests. */
export const WEB_ROLE = 'web'

export function roleRoute({ router: folder }: Pick<Layout, 'router'>): Router {
  const path = posix.join(folder, 'route.json')
  const live = (): Query<Route> =>
    capture(sh.read`if [ -e ${path} ]; then cat ${path}; fi`, text => {
      if (text === '') return { slot: undefined, generation: undefined }
      try {
        const { slot, generation } = JSON.parse(text) as Route
        return { slot, generation }
      } catch (cause) {
        throw slotFaults.RECORD_UNREADABLE({ path }, cause)
      }
    })
  const asAnswer = (route: Route): PublicAnswer => ({ ...route, status: undefined, problem: undefined })
  const write = (route: Route) => fileQuery(path, `${JSON.stringify(route)}\n`)
  return {
    live,
    answer: () => mapped(live(), asAnswer),
    fetch: () => settled({ status: 0, body: '' }),
    check: () => settled([]),
    promote: ({ name }, generation) => write({ slot: name, generation }),
    restore: route => (route.slot === undefined ? perform(sh.write`rm -f -- ${path}`) : write(route)),
    verify: route =>
      mapped(live(), now => ({
        verified: now.slot === route.slot && now.generation === route.generation,
        asked: 1,
        last: asAnswer(now),
        firstAfter: undefined,
      })),
    provision: () => ({
      tools: {},
      files: [],
      folders: [{ path: folder, mode: 0o755 }],
      sudo: [],
      apply: [],
    }),
  }
}
