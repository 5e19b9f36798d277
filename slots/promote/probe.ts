/**
 * Probes: requests through the router during a promote, without retries. They are sent on the host, by one spawned script, so that this machine needs no
 * access to the site.
 */
import { gunzipSync } from 'node:zlib'
import { program } from '../../host/program.ts'
import { perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Router } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { besideRouter } from '../place.ts'
import type { Probing } from './probe-setting.ts'

/** `fresh`: a new connection per request · `kept`: one keep-alive connection · `route`: requests for `/deployment_id`, which names the live slot. */
export const KINDS = ['fresh', 'kept', 'route'] as const
export type ProbeKind = (typeof KINDS)[number]

/** One completed request. */
export interface Probe {
  readonly kind: ProbeKind
  /** When it was sent, in milliseconds since the switch was ordered; negative before. */
  readonly at: number
  /** Milliseconds. */
  readonly took: number
  /** HTTP status; 0 if there was no response. */
  readonly status: number
  /** Which release responded, if that is known. */
  readonly by: 'old' | 'new' | undefined
  /** Why it failed: a 5xx status, or the reason for a missing response. */
  readonly problem: string | undefined
  /** Where it was sent to, if the probes go to several places; unknown for a connection that died. */
  readonly place?: string
}

export interface Probed {
  /** In the order in which they ended. */
  readonly probes: readonly Probe[]
  /** When the router's switch command returned, in milliseconds since the switch was ordered. */
  readonly returnedAt: number
}

/** Milliseconds. A reload loses requests only while its old workers still respond, about a third of a second. */
const WATCH = { link: 250, reload: 500 }

/** Timeout of the whole script and of one request, in seconds. The script ends after that even if the connection is lost. */
const LONGEST = 60
const PATIENCE = 5

/** Prints why a host cannot measure a promote, or nothing. */
export const probeTrouble: Script = sh.read`
case "$(curl --help all 2>/dev/null)" in
  *' --rate '*) if [ -z "\${EPOCHREALTIME-}" ]; then echo 'the bash there is older than 5'; fi ;;
  *) echo 'the curl there is older than 7.84' ;;
esac
for tool in base64 gzip mkfifo; do command -v "$tool" > /dev/null || echo "$tool is missing"; done`

/**
 * The spawned script. Protocol: it creates `dir`, and `dir/probing` once each kind has a response; or it prints `unable <why>` and exits. It runs until it
 * reads `end` on stdin or `watched` creates `dir/end`. Meanwhile `stamp` appends timestamps to `dir/moments`. Finally it prints the compressed results, for
 * `unpack` and `parseProbes`.
 */
export function probeLoop(
  curl: (path: string) => readonly string[],
  { paths, rate, routes = ['/deployment_id'] }: Probing,
  dir: string,
): Script {
  const pathsOf: Readonly<Record<ProbeKind, readonly string[]>> = {
    fresh: paths,
    kept: paths,
    route: routes,
  }
  const starts = KINDS.map(kind => {
    const urls = pathsOf[kind].map(path => `url = ${configText(curl(path).at(-1) ?? '')}`).join('\n')
    const options = [
      ...curl('/').slice(0, -1),
      ...['--silent', '--verbose', '--trace-time', '--no-buffer', '--globoff', '--max-time', PATIENCE],
      ...['--max-filesize', 65_536],
      ...['--rate', `${rate}/s`, '--write-out', WRITE_OUT],
      ...(kind === 'kept' ? [] : ['--header', 'Connection: close']),
    ]
    const rounds = Math.ceil((rate * LONGEST) / pathsOf[kind].length)
    return sh.read`start ${kind} ${rounds} ${urls} ${options}`
  })
  return program(new URL('./probe.sh', import.meta.url), {
    parameters: { dir, longest: LONGEST, findTrouble: probeTrouble, startAll: sh.lines(...starts) },
  })
}

/** Appends a timestamp to `dir/moments`, if the probes are running. */
const stamp = (dir: string, moment: Moment): Script => sh.read`
if [ -d ${dir} ]; then printf '%s %s\\n' "\${EPOCHREALTIME//[!0-9]/}" ${moment} >> ${`${dir}/moments`}; fi`

/** `asked`: just before the router's switch command; `returned`: just after it. */
type Moment = 'asked' | 'returned'

/** Waits until the probes are running, or cannot run. */
const probing = (dir: string): Script => sh.read`
for ((i = 0; i < 500; i++)); do
  if [ -e ${`${dir}/probing`} ]; then break; fi
  if [ -e ${`${dir}.unable`} ]; then rm -f -- ${`${dir}.unable`}; break; fi
  sleep 0.01
done`

/** Ends the probes once the site was watched for `watch` milliseconds after the switch, and each kind has a response from after it; see watched.sh. */
const watched = (dir: string, watch: number): Script =>
  program(new URL('./watched.sh', import.meta.url), {
    parameters: { dir, watch: watch * 1000, patience: 2 * PATIENCE + 1 },
  })

/** The line that curl writes after each request, to stderr because that is unbuffered. */
const WRITE_OUT = '%{stderr}@ %{http_code} %{exitcode} %{time_total} %{size_download}\\n'

/** Quotes a value for a curl configuration file. */
const configText = (value: string) => `"${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`

/** How to find out which release responded. */
export interface ParseOptions {
  /** Names of the new and the old slot. */
  readonly to: string
  readonly from: string | undefined
  /** Extracts the version from a body, if it has one. */
  readonly versionOf: (body: string) => string | undefined
  /** The version of the new release. */
  readonly version: string
  /** As in `Probing`. */
  readonly places?: readonly string[] | undefined
}

/** Decompresses the results; they are highly repetitive, so the host compresses them. */
export const unpack = ([packed = '', ...rest]: readonly string[]): readonly string[] =>
  rest.at(-1) === 'over'
    ? [...gunzipSync(Buffer.from(packed, 'base64')).toString().split('\n').slice(0, -1), ...rest]
    : rest

/** Parses the decompressed output of `probeLoop`. Throws an `Error` if it is incomplete. */
export function parseProbes(lines: readonly string[], options: ParseOptions): Probed {
  if (lines.at(-1) !== 'over') throw new Error('The probes ended before they printed their results')
  const sections = new Map<string, string[]>()
  for (const line of lines) {
    if (/^(moments|said \w+|bodies \w+)$/.test(line)) sections.set(line, [])
    else [...sections.values()].at(-1)?.push(line)
  }
  const moments = new Map(
    (sections.get('moments') ?? []).map(line => {
      const [at = '', moment = ''] = line.split(' ')
      return [moment, Number(at) / 1000]
    }),
  )
  const orderedAt = moments.get('asked')
  if (orderedAt === undefined) return { probes: [], returnedAt: 0 }
  const probes = KINDS.flatMap(kind => {
    const bodies = Buffer.from((sections.get(`bodies ${kind}`) ?? [''])[0] ?? '', 'base64')
    const output = sections.get(`said ${kind}`) ?? []
    const offset = clockOffset(output)
    let read = 0
    let requests = 0
    return output.map((line): Probe => {
      const [at = '', mark, status = '', exit = '', seconds = '', size = '', ...began] = line.split(' ')
      const ended = Number(at) / 1000 - orderedAt
      if (mark !== '@') return { kind, at: ended, took: 0, status: 0, by: undefined, problem: 'reset' }
      const body = bodies.subarray(read, read + Number(size)).toString()
      read += Number(size)
      const took = Number(seconds) * 1000
      const code = Number(status)
      const start = startedAt(began, offset) ?? Number(at) / 1000 - took
      const problem = exit === '0' ? (code >= 500 ? status : undefined) : (CURL_ERRORS[exit] ?? `curl ${exit}`)
      const by = responder(kind, code, body, options)
      const place = options.places?.[requests++ % options.places.length]
      return { kind, at: start - orderedAt, took, status: code, by, problem, ...(place !== undefined && { place }) }
    })
  })
  const returnedAt = (moments.get('returned') ?? orderedAt) - orderedAt
  return { probes: probes.toSorted((a, b) => a.at + a.took - (b.at + b.took)), returnedAt }
}

/** Milliseconds since midnight, from a timestamp of curl; NaN if it is malformed. */
function timeOfDay(stamp = ''): number {
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d\.\d{6})$/.exec(stamp) ?? []
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
}

const DAY = 86_400_000
/** Reduces a difference of times to less than half a day around zero, because curl's timestamps have no date. */
const withoutDays = (ms: number): number => ms - Math.round(ms / DAY) * DAY

/**
 * How many milliseconds the host's clock is ahead of curl's timestamps. These are precise relative to each other, but come from another clock that can be
 * off by up to a second. The shell reads curl's output with a delay that is unknown and, on a busy host, long: the smallest difference is the best estimate.
 */
function clockOffset(output: readonly string[]): number {
  const differences = output.flatMap(line => {
    const [readAt = '', stamp] = line.split(' ').slice(6)
    const difference = withoutDays(Number(readAt) / 1000 - timeOfDay(stamp))
    return Number.isFinite(difference) ? [difference] : []
  })
  return Math.min(...differences)
}

/** When a request began according to curl's timestamp, in milliseconds of the host's clock; undefined if there is none. */
function startedAt([readAt = '', stamp]: readonly string[], offset: number): number | undefined {
  const at = Number(readAt) / 1000
  const late = withoutDays(at - timeOfDay(stamp)) - offset
  return Number.isFinite(late) ? at - late : undefined
}

/** By curl's exit code. */
const CURL_ERRORS: Readonly<Record<string, string>> = {
  7: 'refused',
  18: 'cut off',
  28: 'timeout',
  52: 'empty answer',
  55: 'reset',
  56: 'reset',
}

function responder(
  kind: ProbeKind,
  status: number,
  body: string,
  { to, from, versionOf, version }: ParseOptions,
): Probe['by'] {
  if (status !== 200) return undefined
  if (kind === 'route') return body.trim() === to ? 'new' : body.trim() === from ? 'old' : undefined
  const reported = versionOf(body)
  if (reported === undefined) return undefined
  return reported === version ? 'new' : 'old'
}

/** Running probes. The queries are for the pipeline of the switch. */
export interface Prober extends AsyncDisposable {
  /** Waits until the probes are running, or cannot run. */
  ready(): Query<void>
  /** Waits until the probes are running, and records the time just before the switch. */
  beforeSwitch(): Query<void>
  /** Records the time just after the switch. */
  afterSwitch(): Query<void>
  /** Ends the probes once the site was watched for long enough after the switch. */
  watched(): Query<void>
  /** Ends the probes if they are still running, and resolves to their results. If the host cannot measure, logs why and resolves to undefined. */
  end(options: ParseOptions): Promise<Probed | undefined>
}

/** Starts the probes; undefined if the router does not support them. `dir`: a path that does not exist yet, in a folder that only this user can write. */
export function startProbes(
  {
    host,
    router,
    log,
  }: Pick<Deps, 'host' | 'log'> & { readonly router: Pick<Router, 'curl' | 'machine' | 'dropsKeepAlive'> },
  setting: Probing,
  dir: string,
): Prober | undefined {
  if (!router.curl) return undefined
  const here = (script: Script) => besideRouter(router, script)
  const spawned = host.spawn(here(probeLoop(path => router.curl?.(path) ?? [], setting, dir)))
  spawned.catch(() => undefined)
  return {
    ready: () => perform(here(probing(dir))),
    beforeSwitch: () => perform(here(sh.lines(probing(dir), stamp(dir, 'asked')))),
    afterSwitch: () => perform(here(stamp(dir, 'returned'))),
    watched: () => perform(here(watched(dir, setting.watch ?? (router.dropsKeepAlive ? WATCH.reload : WATCH.link)))),
    async end(options) {
      const { send, lines } = await spawned
      send('end')
      const all: string[] = []
      for await (const line of lines) all.push(line)
      const [, why] = /^unable (.*)$/.exec(all[0] ?? '') ?? []
      if (why === undefined) return parseProbes(unpack(all), { ...options, places: setting.places })
      log(`The switch was not measured: ${why}. It was verified nevertheless.`)
      return undefined
    },
    async [Symbol.asyncDispose]() {
      await (await spawned.catch(() => undefined))?.[Symbol.asyncDispose]()
    },
  }
}
