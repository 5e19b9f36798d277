/** Asking a site from its own host, with curl, on a connection of its own each time. */
import { type Script, sh } from '../../host/script.ts'
import type { Answer, Proof, ProofLimits, PublicAnswer, Route } from '../../slots/contracts.ts'

/** Seconds that one answer may take. */
const PATIENCE = 5

/**
 * One GET; prints the answer with its headers. It goes to this machine, whatever the DNS says of the name, and past any
 * proxy and .curlrc. A certificate is not looked at: it is the name's, and who answers is not in question.
 */
export function get(url: URL, path: string, patience: number | Script = PATIENCE): Script {
  const options = ['-q', '-sS', '-i', ...REACH, '--no-keepalive']
  return sh.read`curl ${options} --max-time ${patience} ${target(url, path)}`
}

/** The same as words for a curl of somebody else's making, the URL last: on HTTP/1.1, to this machine. */
export const reach = (url: URL, path: string): readonly string[] => ['-q', ...REACH, ...target(url, path)]

const REACH = ['--http1.1', '--insecure', '--noproxy', '*']

function target(url: URL, path: string): readonly string[] {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return ['--connect-to', `${url.hostname}:${port}:127.0.0.1:${port}`, url.origin + path]
}

/** Splits what `get` printed. Interim answers (1xx) are left out. */
export function parseAnswer(printed: string): Answer & { readonly headers: ReadonlyMap<string, string> } {
  const text = printed.replace(/^(?:HTTP\/\S+ 1\d\d.*\r?\n(?:.+\r?\n)*\r?\n)+/, '')
  const [head = ''] = /^[\s\S]*?\r?\n\r?\n/.exec(text) ?? [text]
  const [first = '', ...lines] = head.trimEnd().split(/\r?\n/)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const status = Number(/^HTTP\/\S+ (\d{3})\b/.exec(first)?.[1] ?? 0)
  return { status, headers: new Map(headers), body: text.slice(head.length) }
}

export const NOBODY = 'no slot is live'

/** What an answer of `/deployment_id` says. `failure` is curl's own word when there was no whole answer. */
export function parsePublic(printed: string, failure: string | undefined, slots: readonly string[]): PublicAnswer {
  const none = { slot: undefined, generation: undefined }
  if (failure !== undefined) return { ...none, status: undefined, problem: failure }
  const { status, headers, body } = parseAnswer(printed)
  const said = body.trim()
  if (status === 503 && said === NOBODY) return { ...none, status, problem: undefined }
  if (status !== 200) return { ...none, status, problem: `the site answers ${status || 'no HTTP'} to /deployment_id` }
  if (!slots.includes(said))
    return { ...none, status, problem: `/deployment_id names no slot: ${JSON.stringify(said.slice(0, 80))}` }
  return { slot: said, generation: headers.get('x-deployment-generation'), status, problem: undefined }
}

/**
 * Asks again and again, on the host itself, until `answers` in a row are the route's or `within` milliseconds are over.
 * Prints `<1 or 0> <questions> <ms until the first answer of the route, or -> <exit of the last curl>`, a line with what the application
 * says to `path`, in base64, when that is asked, and the last answer.
 */
export function proveLoop(url: URL, { slot, generation }: Route, { answers, within, path }: ProofLimits): Script {
  const [status, body] = slot === undefined ? ['503', NOBODY] : ['200', slot]
  const application =
    path === undefined ? sh.read`echo` : sh.read`${get(url, path)} 2> /dev/null | base64 -w 0 || printf ' failed'; echo`
  const header = generation === undefined ? '' : `\nX-Deployment-Generation: ${generation}\n`
  return sh.read`
now() { date +%s%N; }
begin=$(now) passed=0 asked=0 row=0 first=-
while :; do
  limit=$(( (${within} - passed) / 1000 + 1 ))
  if [ $limit -gt ${PATIENCE} ]; then limit=${PATIENCE}; fi
  asked=$((asked + 1)) code=0
  answer=$(${get(url, '/deployment_id', sh.read`$limit`)} 2>&1) || code=$?
  passed=$(( ($(now) - begin) / 1000000 ))
  answer=\${answer//$'\\r'/}
  head=\${answer%%$'\\n\\n'*}$'\\n' body=\${answer#*$'\\n\\n'}
  case "$code $head" in
    ${`0 HTTP/1.1 ${status} `}*${header}*) if [ "$body" = ${body} ]; then row=$((row + 1)); else row=0; fi ;;
    *) row=0 ;;
  esac
  if [ $row = 1 ] && [ $first = - ]; then first=$passed; fi
  if [ $row -ge ${answers} ]; then echo "1 $asked $first $code"; ${application}; break; fi
  if [ $passed -ge ${within} ]; then echo "0 $asked $first $code"; echo; break; fi
  if [ $row = 0 ]; then sleep 0.05; fi
done
printf '%s\\n' "$answer"`
}

/** Reads what `proveLoop` printed. */
export function parseProof(printed: string, slots: readonly string[]): Proof {
  const [head = '', application = '', ...lines] = printed.split('\n')
  const [proven, asked, first, code] = head.split(' ')
  const answer = lines.join('\n')
  return {
    proven: proven === '1',
    asked: Number(asked),
    firstAfter: first === '-' ? undefined : Number(first),
    answer: application === '' ? undefined : applicationAnswer(application),
    last: parsePublic(answer, code === '0' ? undefined : curlSaid(answer), slots),
  }
}

function applicationAnswer(line: string): Answer {
  const [encoded = '', failed] = line.split(' ')
  if (failed) return { status: 0, body: '' }
  const { status, body } = parseAnswer(Buffer.from(encoded, 'base64').toString())
  return { status, body }
}

/** curl's own line about a failure, without its name. */
export const curlSaid = (text: string): string => /^curl: \(\d+\) (.*)$/m.exec(text)?.[1] ?? 'curl gave no answer'
