/** WebSockets around a switch: whether the new slot accepts those that the previous one accepted. The probes send plain requests only. */
import { program } from '../../host/program.ts'
import { capture, type Query } from '../../host/query.ts'
import type { Script } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import { NUMBER_COOKIE, NUMBERS, numberText } from '../canary/share.ts'
import type { Router } from '../contracts.ts'
import { besideRouter } from '../place.ts'
import { probeFaults } from './probe-faults.ts'

/** Seconds. */
const PATIENCE = 5

/** Switching Protocols. */
const ACCEPTED = 101

/** The status of each path, in their order; 0 without an answer. */
export type SocketAnswers = readonly number[]

export const socketScript = (
  curl: (path: string) => readonly string[],
  origin: string,
  paths: readonly string[],
): Script => {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    // Any 16 bytes; this is the example of RFC 6455.
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    Origin: origin,
    // While a canary runs: of the live slot.
    Cookie: `${NUMBER_COOKIE}=${numberText(NUMBERS - 1)}`,
  }
  return program(new URL('./sockets.sh', import.meta.url), {
    parameters: {
      options: [
        ...curl('/').slice(0, -1),
        ...['--silent', '--globoff', '--dump-header', '-', '--output', '/dev/null', '--max-time', PATIENCE],
        ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
      ],
      urls: paths.map(path => curl(path).at(-1) ?? ''),
      patience: PATIENCE,
    },
  })
}

/** Asks for a WebSocket at each path, through the router and with the Origin of the site. None for a router that cannot be asked, or without paths. */
export function askSockets(
  router: Pick<Router, 'curl' | 'site' | 'machine'>,
  paths: readonly string[],
): readonly Query<SocketAnswers>[] {
  const { site } = router
  if (paths.length === 0 || !router.curl || !site) return []
  const origin = `${site.https ? 'https' : 'http'}://${site.host}`
  const script = socketScript(path => router.curl?.(path) ?? [], origin, paths)
  return [capture(besideRouter(router, script), text => text.split('\n').map(Number))]
}

/** A warning for each path at which neither slot accepts a WebSocket: nothing could be compared there. */
export const socketWarnings = (
  paths: readonly string[],
  before: SocketAnswers,
  after: SocketAnswers,
): readonly Fault[] =>
  paths.flatMap((path, i) =>
    before[i] === ACCEPTED || after[i] === ACCEPTED ? [] : [probeFaults.SOCKET_UNUSED({ path, status: after[i] ?? 0 })],
  )

/** The first path whose WebSocket was accepted before the switch and is not any more; undefined if there is none. */
export function socketFault(
  slot: string,
  paths: readonly string[],
  before: SocketAnswers,
  after: SocketAnswers,
): Fault | undefined {
  const at = paths.findIndex((_, i) => before[i] === ACCEPTED && after[i] !== ACCEPTED)
  return at < 0 ? undefined : probeFaults.SOCKET_REFUSED({ slot, path: paths[at] ?? '', status: after[at] ?? 0 })
}
