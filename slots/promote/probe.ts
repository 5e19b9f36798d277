/**
 * What a promote measures of itself: bounded requests through the router while the traffic moves, never sent twice. They
 * run on the host, in one script that we hold, so that they need no way from here to the site.
 */

import { gunzipSync } from 'node:zlib'
import { program } from '../../host/program.ts'
import { perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { atLeast, count, fields, list, number, optional, path } from '../../runner/taskfile/shape.ts'
import type { Deps } from '../deps.ts'

export interface ProbeSetting {
  /** What is asked of the site. Default: the health path. */
  readonly paths?: readonly string[]
  /** Requests a second of each kind. Default 40. */
  readonly rate?: number
  /** Failures after the switch, 5xx and connections without an answer, that do not switch back. Default 0. */
  readonly tolerate?: number
  /**
   * Milliseconds that the site is watched after the switch, at least: until each kind has been answered once since then, too. Default 250, and 500
   * where a switch closes kept connections.
   */
  readonly watch?: number
}

export const probeRules = fields<ProbeSetting>({
  paths: optional(list(path)),
  rate: optional(number('a number of requests a second, from 1 to 1000', value => value >= 1 && value <= 1000)),
  tolerate: optional(count(0)),
  watch: optional(atLeast(0, 'milliseconds')),
})

export type Probing = Required<Omit<ProbeSetting, 'watch'>> & Pick<ProbeSetting, 'watch'>

export const probingOf = (setting: ProbeSetting, healthPath: string): Probing => ({
  paths: [healthPath],
  rate: 40,
  tolerate: 0,
  ...setting,
})

/**
 * `fresh`: a connection for each request · `kept`: one after the other on a connection · `route`: which slot is live, asked
 * of the router.
 */
export const KINDS = ['fresh', 'kept', 'route'] as const
export type ProbeKind = (typeof KINDS)[number]

/** One request that is over. */
export interface Probe {
  readonly kind: ProbeKind
  /** Milliseconds since the router was told to switch: when it was sent, negative before, and how long it took. */
  readonly at: number
  readonly took: number
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** Which release answered, where that could be told. */
  readonly by: 'old' | 'new' | undefined
  /** Why there was no good answer. */
  readonly problem: string | undefined
}

export interface Probed {
  /** In the order in which they ended. */
  readonly probes: readonly Probe[]
  /** When the router said that it was done, on the same clock. */
  readonly returnedAt: number
}

/** Milliseconds. What a reload loses, it loses in the third of a second in which its old workers still answer. */
const WATCH = { link: 250, reload: 500 }

/** No run of probes lasts longer, whatever happens to the one that holds it. In seconds. */
const LONGEST = 60
const PATIENCE = 5

/** Prints why a host cannot measure a promote; nothing when it can. */
export const probeTrouble: Script = sh.read`
case "$(curl --help all 2>/dev/null)" in
  *' --rate '*) if [ -z "\${EPOCHREALTIME-}" ]; then echo 'the bash there is older than 5'; fi ;;
  *) echo 'the curl there is older than 7.84' ;;
esac
for tool in base64 gzip mkfifo; do command -v "$tool" > /dev/null || echo "$tool is not there"; done`

/**
 * The held script. It creates `dir`, and says there when each kind has a response; or it prints `unable <why>` and ends. It runs until its standard
 * input says `end`, or `watched` does; `stamp` may add timestamps in `dir` meanwhile. Then it prints the results, packed, for `unpacked` and `parseProbes`.
 */
export function probeLoop(curl: (path: string) => readonly string[], { paths, rate }: Probing, dir: string): Script {
  const asked: Readonly<Record<ProbeKind, readonly string[]>> = { fresh: paths, kept: paths, route: ['/deployment_id'] }
  const prepared = KINDS.map(kind => {
    const options = curl('/').slice(0, -1)
    const urls = asked[kind].map(path => `url = ${configText(curl(path).at(-1) ?? '')}`).join('\n')
    const words = [
      ...options,
      ...['--silent', '--verbose', '--trace-time', '--no-buffer', '--globoff', '--max-time', PATIENCE],
      ...['--max-filesize', 65_536],
      ...['--rate', `${rate}/s`, '--write-out', SAID],
      ...(kind === 'kept' ? [] : ['--header', 'Connection: close']),
    ]
    const rounds = Math.ceil((rate * LONGEST) / asked[kind].length)
    return sh.read`start ${kind} ${rounds} ${urls} ${words}`
  })
  return program(new URL('./probe.sh', import.meta.url), {
    parameters: { dir, longest: LONGEST, findTrouble: probeTrouble, startAll: sh.lines(...prepared) },
  })
}

/** Keeps this moment, when the probes run. */
const stamp = (dir: string, moment: Moment): Script => sh.read`
if [ -d ${dir} ]; then printf '%s %s\\n' "\${EPOCHREALTIME//[!0-9]/}" ${moment} >> ${`${dir}/moments`}; fi`

/** `asked`: just before the router is told; `returned`: just after it said that it was done. */
type Moment = 'asked' | 'returned'

/** Waits until the probes run, or cannot. */
const probing = (dir: string): Script => sh.read`
for ((i = 0; i < 500; i++)); do
  if [ -e ${`${dir}/probing`} ]; then break; fi
  if [ -e ${`${dir}.unable`} ]; then rm -f -- ${`${dir}.unable`}; break; fi
  sleep 0.01
done`

/**
 * Ends the probes, not before the site was watched so many milliseconds since the router was done, and each kind has the answer of a request that
 * began after that: one that waits for a slot that hangs is waited for, or the new slot would never be asked.
 */
const watched = (dir: string, watch: number): Script =>
  program(new URL('./watched.sh', import.meta.url), {
    parameters: { dir, watch: watch * 1000, patience: 2 * PATIENCE + 1 },
  })

/** What curl says of each request, on its standard error, which it does not buffer. */
const SAID = '%{stderr}@ %{http_code} %{exitcode} %{time_total} %{size_download}\\n'

/** A value of curl's configuration. */
const configText = (value: string) => `"${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`

/** How to tell who answered. */
export interface Telling {
  readonly to: string
  readonly from: string | undefined
  /** The version in a body, if it tells one, and the versions that the two slots have. Equal ones tell nothing. */
  readonly versionOf: (body: string) => string | undefined
  readonly version: string
}

/** The lines that the host has packed: most of their bytes say the same again and again. */
export const unpacked = ([packed = '', ...rest]: readonly string[]): readonly string[] =>
  rest.at(-1) === 'over'
    ? [...gunzipSync(Buffer.from(packed, 'base64')).toString().split('\n').slice(0, -1), ...rest]
    : rest

/** Reads what `probeLoop` printed. Throws an `Error` when it ended before its end. */
export function parseProbes(lines: readonly string[], telling: Telling): Probed {
  if (lines.at(-1) !== 'over') throw new Error('The probes ended before they had said what they saw')
  const sections = new Map<string, string[]>()
  for (const line of lines) {
    if (/^(moments|said \w+|bodies \w+)$/.test(line)) sections.set(line, [])
    else [...sections.values()].at(-1)?.push(line)
  }
  const moments = new Map(
    (sections.get('moments') ?? []).map(line => {
      const [at = '', word = ''] = line.split(' ')
      return [word, Number(at) / 1000]
    }),
  )
  const asked = moments.get('asked')
  if (asked === undefined) return { probes: [], returnedAt: 0 }
  const probes = KINDS.flatMap(kind => {
    const bodies = Buffer.from((sections.get(`bodies ${kind}`) ?? [''])[0] ?? '', 'base64')
    const said = sections.get(`said ${kind}`) ?? []
    const ahead = aheadOf(said)
    let read = 0
    return said.map((line): Probe => {
      const [at = '', mark, status = '', exit = '', seconds = '', size = '', ...began] = line.split(' ')
      const ended = Number(at) / 1000 - asked
      if (mark !== '@') return { kind, at: ended, took: 0, status: 0, by: undefined, problem: 'reset' }
      const body = bodies.subarray(read, read + Number(size)).toString()
      read += Number(size)
      const took = Number(seconds) * 1000
      const code = Number(status)
      const start = startedAt(began, ahead) ?? Number(at) / 1000 - took
      const problem = exit === '0' ? (code >= 500 ? status : undefined) : (CURL[exit] ?? `curl ${exit}`)
      return { kind, at: start - asked, took, status: code, by: who(kind, code, body, telling), problem }
    })
  })
  const returnedAt = (moments.get('returned') ?? asked) - asked
  return { probes: probes.toSorted((a, b) => a.at + a.took - (b.at + b.took)), returnedAt }
}

/** Milliseconds of a day, from curl's own stamp; NaN when it is none. */
function timeOfDay(stamp = ''): number {
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d\.\d{6})$/.exec(stamp) ?? []
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
}

const DAY = 86_400_000
/** The nearest to zero of times that differ by whole days. */
const withinADay = (ms: number): number => ms - Math.round(ms / DAY) * DAY

/**
 * How many milliseconds curl's stamps are behind the host's clock. They are exact among themselves, but curl makes them from another clock, up to a
 * second off. The shell that hears of them is late by an unknown time, on a busy host by many milliseconds: what it heard soonest tells.
 */
function aheadOf(said: readonly string[]): number {
  const differences = said.flatMap(line => {
    const [heard = '', stamp] = line.split(' ').slice(6)
    const difference = withinADay(Number(heard) / 1000 - timeOfDay(stamp))
    return Number.isFinite(difference) ? [difference] : []
  })
  return Math.min(...differences)
}

/** When a request began, by curl's stamp, in milliseconds of the host's clock; undefined when it left none. */
function startedAt([heard = '', stamp]: readonly string[], ahead: number): number | undefined {
  const at = Number(heard) / 1000
  const late = withinADay(at - timeOfDay(stamp)) - ahead
  return Number.isFinite(late) ? at - late : undefined
}

/** curl's exit codes, in words. */
const CURL: Readonly<Record<string, string>> = {
  7: 'refused',
  18: 'cut off',
  28: 'timeout',
  52: 'empty answer',
  55: 'reset',
  56: 'reset',
}

function who(kind: ProbeKind, status: number, body: string, { to, from, versionOf, version }: Telling): Probe['by'] {
  if (status !== 200) return undefined
  if (kind === 'route') return body.trim() === to ? 'new' : body.trim() === from ? 'old' : undefined
  const said = versionOf(body)
  if (said === undefined) return undefined
  return said === version ? 'new' : 'old'
}

/** Probes that run, or are about to. Its queries are for the pipeline of the switch. */
export interface Prober extends AsyncDisposable {
  /** Waits until they run, and keeps the moment: the router is told next. */
  asked(): Query<void>
  /** The router said that it was done. */
  returned(): Query<void>
  /** Waits until the site was watched for long enough since then, and ends them. */
  watched(): Query<void>
  /** Ends them, if they run still, and resolves to what they saw; undefined, with a word to the log, where nothing can be probed. */
  end(telling: Telling): Promise<Probed | undefined>
}

/**
 * Begins to start them; undefined where the router cannot be probed. `dir`: a folder on the host that is not there yet, in one that
 * is nobody else's.
 */
export function startProbes(
  { host, router, log }: Pick<Deps, 'host' | 'router' | 'log'>,
  setting: Probing,
  dir: string,
): Prober | undefined {
  if (!router.curl) return undefined
  const held = host.spawn(probeLoop(path => router.curl?.(path) ?? [], setting, dir))
  held.catch(() => undefined)
  return {
    asked: () => perform(sh.lines(probing(dir), stamp(dir, 'asked'))),
    returned: () => perform(stamp(dir, 'returned')),
    watched: () => perform(watched(dir, setting.watch ?? (router.dropsKeepAlive ? WATCH.reload : WATCH.link))),
    async end(telling) {
      const { send, lines } = await held
      send('end')
      const all: string[] = []
      for await (const line of lines) all.push(line)
      const [, why] = /^unable (.*)$/.exec(all[0] ?? '') ?? []
      if (why === undefined) return parseProbes(unpacked(all), telling)
      log(`The switch was not measured: ${why}. It was proven all the same.`)
      return undefined
    },
    async [Symbol.asyncDispose]() {
      await (await held.catch(() => undefined))?.[Symbol.asyncDispose]()
    },
  }
}
