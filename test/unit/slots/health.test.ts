import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { slotFaults } from '../../../slots/faults.ts'
import { excerpt } from '../../../slots/health/format.ts'
import { headersOf, secretsIn } from '../../../slots/health/headers.ts'
import { healthLoop, healthRequest, parseHealth } from '../../../slots/health/health.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { describeTry, parseTry } from '../../../slots/health/tries.ts'
import type { HealthCheck, HealthResult } from '../../../slots/model.ts'

const exec = promisify(execFile)
const SITE = { host: 'life.example', https: true }

/** Starts an application on a free port of this machine. */
async function application(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  return { name: 'green', port: (server.address() as AddressInfo).port, env: {} }
}

/** The request headers that the application receives from one health check in this environment. */
async function requestHeaders(
  check: HealthCheck,
  site?: typeof SITE,
  env: NodeJS.ProcessEnv = {},
): Promise<IncomingHttpHeaders> {
  let headers: IncomingHttpHeaders = {}
  const slot = await application((request, response) => {
    headers = request.headers
    response.end('ok')
  })
  const { text } = healthRequest(slot, healthOf(check, site), 5_000)
  const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${text}`], { env: { ...process.env, ...env } })
  expect(stdout).toBe('ok\n200 ')
  return headers
}

describe('a health request', () => {
  it('has the headers of a request through the router', async () => {
    expect(await requestHeaders({}, SITE)).toMatchObject({ host: 'life.example', 'x-forwarded-proto': 'https' })
    const plain = await requestHeaders({}, { host: 'life.example:8080', https: false })
    expect(plain.host).toBe('life.example:8080')
    expect(plain).not.toHaveProperty('x-forwarded-proto')
    expect((await requestHeaders({})).host).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('has the headers of the Taskfile instead, byte for byte', async () => {
    const value = `Basic "a\\b" $(id) 'c' %s %{http_code} ü`
    const headers = { authorization: value, 'X-FORWARDED-PROTO': 'http' }
    const headersReceived = await requestHeaders({ host: 'other.example', headers }, SITE)
    expect(headersReceived).toMatchObject({ host: 'other.example', 'x-forwarded-proto': 'http' })
    expect(Buffer.from(headersReceived.authorization ?? '', 'latin1').toString()).toBe(value)
  })

  it('ignores proxies and the curlrc file of the account', async () => {
    const home = await mkdtemp(join(tmpdir(), 'switchyard-curlrc-'))
    await writeFile(join(home, '.curlrc'), 'proxy = "http://127.0.0.1:9"\nuser-agent = "rc"\nfail\n')
    const proxy = 'http://127.0.0.1:9'
    for (const env of [
      { HOME: home, CURL_HOME: home },
      { http_proxy: proxy, ALL_PROXY: proxy, all_proxy: proxy, HTTPS_PROXY: proxy, no_proxy: '' },
    ])
      expect(await requestHeaders({}, SITE, env)).not.toMatchObject({ 'user-agent': 'rc' })
  })

  it('passes no header as a process argument', () => {
    const { text } = healthRequest(
      { name: 'green', port: 5000, env: {} },
      healthOf({ headers: { 'X-Key': 'S3cret' } }, SITE),
      1,
    )
    expect(text).toMatch(/^printf 'header = %s\\n' .*S3cret.* \| curl -q /)
    expect(text.replace(/^printf .* \| curl/, 'curl')).not.toContain('S3cret')
  })
})

describe('health check headers', () => {
  it('with line breaks are rejected before anything is contacted', () => {
    for (const headers of [{ 'a: b\r\nc': 'd' }, { a: 'b\nc: d' }, { '': 'x' }])
      expect(() => headersOf({}, headers)).toThrow(
        expect.objectContaining({ code: 'HEALTH_HEADER_INVALID', exitCode: 2 }),
      )
  })

  it('with secrets are redacted, everyday values are not', () => {
    const headers = {
      Authorization: 'Basic dXNlcjpwYXNz',
      'X-Api-Key': 'k3y',
      'X-Forwarded-Proto': 'https',
      Accept: 'text/html',
    }
    expect(secretsIn(headers)).toEqual(['dXNlcjpwYXNz', 'k3y'])
  })
})

/** The result of the health check on such an application. */
async function resultOf(answer: RequestListener, check: HealthCheck = {}): Promise<HealthResult> {
  const slot = await application(answer)
  const health = healthOf({ within: 200, ...check }, { host: 'life.example', https: false })
  const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${healthLoop(slot, process.pid, health).text}`])
  return parseHealth(stdout)
}
it('a health check says while it runs what it sees, each time that changes', async () => {
  let requests = 0
  const slot = await application((_, response) => {
    requests += 1
    response.writeHead(requests < 5 ? 503 : 200).end('{}')
  })
  const health = healthOf({ within: 20_000, every: 5 }, { host: 'life.example', https: false })
  const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${healthLoop(slot, process.pid, health).text}`])
  const seen = stdout.split('\n').flatMap(line => parseTry(line) ?? [])
  expect(seen[0]).toMatchObject({ tries: 1, status: 503, passes: 0 })
  expect(seen.find(({ status }) => status === 200)).toMatchObject({ tries: 5, passes: 1 })
  // Once a second besides.
  expect(seen.length).toBeLessThanOrEqual(2 + (seen.at(-1)?.ms ?? 0) / 1_000)
  expect(parseHealth(stdout)).toMatchObject({ outcome: 'passed', tries: 7, status: 200, body: '{}' })
  expect(describeTry(slot, health, { tries: 12, status: 503, curl: 0, passes: 0, ms: 1_440 })).toBe(
    '/health of green: 503 (try 12, after 1.4 s)',
  )
  expect(describeTry(slot, health, { tries: 1, status: 0, curl: 7, passes: 0, ms: 3 })).toContain('connection refused')
  expect(describeTry(slot, health, { tries: 5, status: 200, curl: 0, passes: 1, ms: 3 })).toContain(
    '200, 1 of 3 in a row',
  )
})

const fault = (result: HealthResult, log = '') =>
  slotFaults.SLOT_NOT_HEALTHY({
    slot: { name: 'green', port: 5000, env: {} },
    health: healthOf({}, { host: 'life.example', https: false }),
    result,
    log,
  })

describe('an unhealthy response', () => {
  it.each<[string, number, Record<string, string>, string, RegExp, RegExp]>([
    [
      'a redirect to https',
      301,
      { Location: 'https://life.example/health' },
      '',
      /The application requires https.*`url: 'https:/,
      /^it answered 301 to https:\/\/life\.example\/health$/,
    ],
    [
      'another redirect',
      302,
      { Location: '/login' },
      '',
      /health: \{ path:/,
      /302 to http:\/\/127\.0\.0\.1:\d+\/login$/,
    ],
    [
      'a host allow-list',
      403,
      {},
      '<html><head><title>x</title></head><body><h1>Blocked host:</h1>',
      /request was for the host life\.example.*health: \{ host:/,
      /403: x Blocked host:$/,
    ],
    ['a login', 401, { 'WWW-Authenticate': 'Basic' }, '\n\nwho are you\n', /Authorization/, /401: who are you$/],
    ['a missing page', 404, {}, 'Not Found', /health: \{ path \}/, /404: Not Found$/],
    [
      'an error',
      500,
      {},
      'no \u001b[2Jdatabase',
      /^Check the application, then deploy again\.$/,
      /500: no {2}\[2Jdatabase$/,
    ],
  ])('is reported with what to configure: %s', async (_, status, headers, body, hint, detail) => {
    const result = await resultOf((_, response) => response.writeHead(status, headers).end(body))
    expect(result).toMatchObject({ outcome: 'late', status, body })
    const described = fault(result)
    expect(described.message).toContain(`last status ${status}.`)
    expect(described.hint).toMatch(hint)
    expect(described.detail).toMatch(detail)
  })

  it('that never arrives is reported with its reason and the end of the log', async () => {
    const result = await resultOf(request => request.socket.destroy())
    expect(result).toMatchObject({ outcome: 'late', status: 0 })
    const { message, hint, detail } = fault(result, 'boom')
    expect(message).toMatch(/last status none \((?:an empty answer|connection reset)\)/)
    expect(hint).toMatch(/plain HTTP.*The end of its log is above/)
    expect(detail).toBe('boom')
  })

  it('of any bytes is shortened to one printable line', () => {
    expect(excerpt('\u202e\u0007abc\u0000\u009b\nnext')).toMatch(/^abc$/)
    expect(excerpt('x'.repeat(500))).toHaveLength(203)
    expect(excerpt('<!DOCTYPE html><style>p {}</style><script>if (a < b) {}</script><p>Oh &amp; no')).toBe(
      'Oh &amp; no',
    )
    expect(excerpt('')).toBe('')
  })
})
