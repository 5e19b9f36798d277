/** Requests to slots directly, without the router. They are only sent if a promote had failures. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotAt } from '../address.ts'
import type { Router, Slot } from '../contracts.ts'
import type { Tally } from './tally.ts'

/** Requests per path and slot, which run in parallel, and the timeout of each in seconds, the same as for a probe. */
const TIMES = 5
const PATIENCE = 5

/** Requests the probed paths from slots directly. Prints `<index> <status>` for each request; 000 without a complete response. */
export const requestSlots = (slots: readonly Slot[], paths: readonly string[], site: URL | undefined): Script => {
  const options = ['-q', '--silent', '--globoff', '--noproxy', '*', '--max-time', PATIENCE, '--output', '/dev/null']
  const headers = site ? ['--header', `Host: ${site.host}`, '--header', `X-Forwarded-Proto: ${scheme(site)}`] : []
  const requests = slots.flatMap((slot, i) =>
    paths.flatMap(path => {
      const request = sh.read`request ${i} ${[...headers, `http://${slotAt(slot)}${path}`]} &`
      return Array.from({ length: TIMES }, () => request)
    }),
  )
  return sh.read`
request() {
  local slot=$1 status; shift
  status=$(curl ${options} --write-out '%{http_code}' "$@" < /dev/null) || status=000
  printf '%s %s\\n' "$slot" "$status"
}
${sh.lines(...requests)}
wait`
}

const scheme = ({ protocol }: URL): string => protocol.slice(0, -1)

/** Parses the output of `requestSlots` into one tally per slot. As for probes, a failure is a 5xx or a missing response. */
export function parseStatuses(output: string, slots: number): readonly Tally[] {
  const answers = output.split('\n').flatMap(line => {
    const [slot, status] = line.split(' ')
    return status === undefined ? [] : [{ slot: Number(slot), status: Number(status) }]
  })
  return Array.from({ length: slots }, (_, i) => {
    const own = answers.filter(({ slot }) => slot === i)
    return { sent: own.length, failed: own.filter(({ status }) => status === 0 || status >= 500).length }
  })
}

/** Resolves to one tally per slot, in the order of `slots`. `paths`: as in the Taskfile's `probe`. */
export function serving(router: Router, slots: readonly Slot[], paths: readonly string[]): Query<readonly Tally[]> {
  const url = router.curl?.('/').at(-1)
  const script = requestSlots(slots, paths, url === undefined ? undefined : new URL(url))
  return capture(script, output => parseStatuses(output, slots.length))
}
