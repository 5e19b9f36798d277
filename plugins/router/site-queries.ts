/** The queries that every router sends to its own site, from the host itself; only the address differs. */
import { capture } from '../../host/query.ts'
import type { Script } from '../../host/script.ts'
import type { PluginContext, Router } from '../../slots/contracts.ts'
import { type Guard, guardOf } from './guard.ts'
import {
  curlArgs,
  get,
  getFollowing,
  getOutside,
  type Place,
  parseAnswer,
  parseOutside,
  parsePublicFollowed,
  parseVerification,
  verifyLoop,
} from './site-request.ts'

export interface SiteAccess {
  readonly url: URL
  /** The address on the host to send requests to. */
  readonly address: string
  /** Whether `/deployment_id` carries the generation of a promote. */
  readonly generations: boolean
  /** Redirect targets of `url`, by host: once a redirect was seen, all routers of the same run use its target. */
  readonly moved: Map<string, URL>
}

interface SiteQueries extends Required<Pick<Router, 'answer' | 'fetch' | 'curl' | 'verify' | 'site' | 'outside'>> {
  place(): Place
  /**
   * For the script of `Router.check`: two scripts that detect that the router answers `path` itself, for example with a password prompt. `begin` starts the
   * request, and `end` exits with 84, after a line with the HTTP status, if the site answers 401 or 403 and the live slot does not. Without a path
   * they do nothing.
   *
   * @param livePort prints the port of the live slot; fails if no slot is live
   */
  guard(path: string | undefined, livePort: Script): Guard
}

export function siteQueries(context: PluginContext, { url, address, generations, moved }: SiteAccess): SiteQueries {
  const names = context.slots.map(slot => slot.name)
  const upstream = context.slots[0]?.address
  const place = (): Place => ({ url: moved.get(context.host) ?? url, address, upstream })
  return {
    place,
    guard: (path, livePort) => guardOf(path, place(), livePort),
    answer: () => ({
      script: getFollowing(place(), '/deployment_id'),
      read(output) {
        const found = parsePublicFollowed(output, place().url, names)
        if (found.url) moved.set(context.host, found.url)
        return found.answer
      },
    }),
    fetch: path => ({
      script: get(place(), path),
      read({ code, stdout }) {
        const { status, body } = parseAnswer(stdout)
        return code === 0 ? { status, body } : { status: 0, body: '' }
      },
    }),
    curl: path => curlArgs(place(), path),
    outside: path => ({
      script: getOutside(place(), path),
      read: ({ stdout }) => parseOutside(stdout, place().url),
    }),
    get site() {
      const { host, protocol } = place().url
      return { host, https: protocol === 'https:' }
    },
    verify({ slot, generation }, limits) {
      const route = { slot, generation: generations ? generation : undefined }
      return capture(verifyLoop(place(), route, limits), text => parseVerification(text, names))
    },
  }
}
