/** The queries that every router sends to its own site, from the host itself; only the address differs. */
import { capture } from '../../host/query.ts'
import type { PluginContext, Router } from '../../slots/contracts.ts'
import {
  curlArgs,
  get,
  getFollowing,
  type Place,
  parseAnswer,
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

interface SiteQueries extends Required<Pick<Router, 'answer' | 'fetch' | 'curl' | 'verify' | 'site'>> {
  place(): Place
}

export function siteQueries(context: PluginContext, { url, address, generations, moved }: SiteAccess): SiteQueries {
  const names = context.slots.map(slot => slot.name)
  const place = (): Place => ({ url: moved.get(context.host) ?? url, address })
  return {
    place,
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
