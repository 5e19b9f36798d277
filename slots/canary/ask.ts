/** Requests that show what the router does with a canary. They are sent on the router's host. */
import { program } from '../../host/program.ts'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Router } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { headerInput } from '../health/headers.ts'
import type { Health } from '../model.ts'
import { besideRouter } from '../place.ts'
import { NO_REQUESTS, sum, type Tally } from '../promote/tally.ts'
import { NUMBER_COOKIE, NUMBERS, numberText, SLOT_HEADER } from './share.ts'

/** Timeout of one request, and of all those without a number, in seconds. */
const PATIENCE = 5
const MOST = 60

/** Requests to each slot in a second of a watch. */
const ROUND = 10

export interface Asked {
  /** `any` if the request had none. */
  readonly number: string
  /** Undefined if the response named none. */
  readonly slot: string | undefined
  /** 0 without a complete response. */
  readonly status: number
  readonly count: number
}

export interface Answers {
  readonly asked: readonly Asked[]
  /** The answer of the health path with the first number; '' without one. */
  readonly body: string
}

interface Asking {
  readonly paths: readonly string[]
  readonly numbers: readonly string[]
  readonly sample: number
}

type Curl = (path: string) => readonly string[]

const optionsOf = (curl: Curl) => [
  ...curl('/').slice(0, -1),
  ...['--silent', '--globoff', '--max-time', PATIENCE, '--header', 'Connection: close'],
]
const urlOf = (curl: Curl, path: string) => (curl(path).at(-1) ?? '').replace(/["\\]/g, '\\$&')

export const askScript = (curl: Curl, health: Pick<Health, 'path' | 'headers'>, asking: Asking): Script =>
  program(new URL('./ask.sh', import.meta.url), {
    parameters: {
      options: optionsOf(curl),
      urls: asking.paths.map(path => urlOf(curl, path)),
      headers: Object.keys(health.headers).length === 0 ? sh.read`:` : headerInput(health.headers),
      cookie: NUMBER_COOKIE,
      slotHeader: SLOT_HEADER,
      health: curl(health.path).at(-1) ?? '',
      numbers: asking.numbers,
      sample: asking.sample,
      most: MOST,
    },
  })

/** Parses the output of `askScript`. */
export function parseAnswers(printed: string): Answers {
  const [, encoded = ''] = /^body (.*)$/m.exec(printed) ?? []
  const asked = printed.split('\n').flatMap(line => {
    const [, count, number, slot, status] = /^ *(\d+) (\S+) (\S+) (\d{3})$/.exec(line) ?? []
    if (number === undefined) return []
    return [{ number, slot: slot === '-' ? undefined : slot, status: Number(status), count: Number(count) }]
  })
  return { asked, body: Buffer.from(encoded, 'base64').toString() }
}

/** Each of the numbers twice, and a sample without one. */
export const ask = ({ router, health }: Pick<Deps, 'router' | 'health'>, asking: Asking): Query<Answers> =>
  capture(besideRouter(router, askScript(curlOf(router), health, asking)), parseAnswers)

/** What a slot answered, in requests whose response named it. As for probes, a failure is a 5xx status or a missing response. */
export const tallyOf = ({ asked }: Answers, slot: string): Tally =>
  sum(
    ...asked.map(answer => {
      if (answer.slot !== slot) return NO_REQUESTS
      return { sent: answer.count, failed: answer.status === 0 || answer.status >= 500 ? answer.count : 0 }
    }),
  )

/** The numbers that always lead to the canary and to the live slot. */
const ENDS = [numberText(0), numberText(NUMBERS - 1)] as const

export const watchScript = (curl: Curl, paths: readonly string[]): Script =>
  program(new URL('./watch.sh', import.meta.url), {
    parameters: {
      options: optionsOf(curl),
      urls: paths.map(path => urlOf(curl, path)),
      cookie: NUMBER_COOKIE,
      numbers: ENDS,
      round: ROUND,
    },
  })

/** The script of a watch, for `Host.spawn`. */
export const watching = (router: Router, paths: readonly string[]): Script =>
  besideRouter(router, watchScript(curlOf(router), paths))

/** One second of a watch: the canary's tally, then that of the live slot. */
export function parseRound(line: string): readonly [Tally, Tally] {
  const words = line.split(' ')
  const tally = (number: string) => ({ sent: ROUND, failed: Number(words[words.indexOf(number) + 1] ?? ROUND) })
  return [tally(ENDS[0]), tally(ENDS[1])]
}

/** A router that has a canary must have it. */
function curlOf(router: Router): Curl {
  const { curl } = router
  if (!curl) throw new TypeError('a router that has a canary needs the method `curl`')
  return path => curl.call(router, path)
}
