/** What slots answer by themselves, past the router: asked only when something went wrong. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Router, Slot } from '../contracts.ts'
import type { Tally } from './tally.ts'

/** How often each path is asked of a slot, all at once, and how long an answer may take, in seconds: as long as that of a probe. */
const TIMES = 5
const PATIENCE = 5

/**
 * Asks slots themselves, past the router, for what a promote asks of the site. Prints `<position> <status>` for each request, 000 where
 * there was no whole answer.
 */
export const askSlots = (slots: readonly Slot[], paths: readonly string[], site: URL | undefined): Script => {
  const words = ['-q', '--silent', '--globoff', '--noproxy', '*', '--max-time', PATIENCE, '--output', '/dev/null']
  const headers = site ? ['--header', `Host: ${site.host}`, '--header', `X-Forwarded-Proto: ${scheme(site)}`] : []
  const asked = slots.flatMap((slot, i) =>
    paths.flatMap(path => {
      const one = sh.read`asked ${i} ${[...headers, `http://127.0.0.1:${slot.port}${path}`]} &`
      return Array.from({ length: TIMES }, () => one)
    }),
  )
  return sh.read`
asked() {
  local slot=$1 status; shift
  status=$(curl ${words} --write-out '%{http_code}' "$@" < /dev/null) || status=000
  printf '%s %s\\n' "$slot" "$status"
}
${sh.lines(...asked)}
wait`
}

const scheme = ({ protocol }: URL): string => protocol.slice(0, -1)

/** What each slot answered, in the order in which they were asked. A failure is what one of a probe is: a 5xx, or no answer. */
export function parseAsked(printed: string, slots: number): readonly Tally[] {
  const answers = printed.split('\n').flatMap(line => {
    const [slot, status] = line.split(' ')
    return status === undefined ? [] : [{ slot: Number(slot), status: Number(status) }]
  })
  return Array.from({ length: slots }, (_, i) => {
    const own = answers.filter(({ slot }) => slot === i)
    return { sent: own.length, failed: own.filter(({ status }) => status === 0 || status >= 500).length }
  })
}

/** Asks each slot itself. `paths`: as in the Taskfile's `probe`. */
export function serving(router: Router, slots: readonly Slot[], paths: readonly string[]): Query<readonly Tally[]> {
  const url = router.curl?.('/').at(-1)
  const script = askSlots(slots, paths, url === undefined ? undefined : new URL(url))
  return capture(script, printed => parseAsked(printed, slots.length))
}
