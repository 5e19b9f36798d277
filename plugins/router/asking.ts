/** What a router asks of its own site, from the host itself. The same for any program: only the place differs. */
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

export interface AskedSite {
  readonly url: URL
  /** The address of the host at which it is asked. */
  readonly address: string
  /** Whether `/deployment_id` carries the generation of a promote. */
  readonly generations: boolean
  /** Where a host's site sends whoever asks it at `url`: once that was seen it is asked there, by the other routers of the same run as well. */
  readonly moved: Map<string, URL>
}

interface Asking extends Required<Pick<Router, 'answer' | 'fetch' | 'curl' | 'verify' | 'site'>> {
  place(): Place
}

export function asking(kit: PluginContext, { url, address, generations, moved }: AskedSite): Asking {
  const names = kit.slots.map(slot => slot.name)
  const place = (): Place => ({ url: moved.get(kit.host) ?? url, address })
  return {
    place,
    answer: () => ({
      script: getFollowing(place(), '/deployment_id'),
      read(output) {
        const found = parsePublicFollowed(output, place().url, names)
        if (found.url) moved.set(kit.host, found.url)
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
