import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { slotFaults } from '../../../slots/faults.ts'
import { firstWords } from '../../../slots/health/format.ts'
import { headersOf, secretsIn } from '../../../slots/health/headers.ts'
import { askOnce, healthLoop, healthOf, parseHealth } from '../../../slots/health/health.ts'
import type { HealthCheck, HealthResult } from '../../../slots/model.ts'

const exec = promisify(execFile)
const SITE = { host: 'life.example', https: true }

/** An application on a port of this machine. */
async function application(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  return { name: 'green', port: (server.address() as AddressInfo).port, env: {} }
}

/** What it hears when it is asked once, in an environment. */
async function heard(
  check: HealthCheck,
  site?: typeof SITE,
  env: NodeJS.ProcessEnv = {},
): Promise<IncomingHttpHeaders> {
  let headers: IncomingHttpHeaders = {}
  const slot = await application((request, response) => {
    headers = request.headers
    response.end('ok')
  })
  const { text } = askOnce(slot, healthOf(check, site), 5_000)
  const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${text}`], { env: { ...process.env, ...env } })
  expect(stdout).toBe('ok\n200 ')
  return headers
}

describe('an application is asked', () => {
  it('as the router asks it', async () => {
    expect(await heard({}, SITE)).toMatchObject({ host: 'life.example', 'x-forwarded-proto': 'https' })
    const plain = await heard({}, { host: 'life.example:8080', https: false })
    expect(plain.host).toBe('life.example:8080')
    expect(plain).not.toHaveProperty('x-forwarded-proto')
    expect((await heard({})).host).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('with what the Taskfile says instead, byte for byte', async () => {
    const value = `Basic "a\\b" $(id) 'c' %s %{http_code} ü`
    const headers = { authorization: value, 'X-FORWARDED-PROTO': 'http' }
    const said = await heard({ host: 'other.example', headers }, SITE)
    expect(said).toMatchObject({ host: 'other.example', 'x-forwarded-proto': 'http' })
    expect(Buffer.from(said.authorization ?? '', 'latin1').toString()).toBe(value)
  })

  it('past every proxy and rc file of the account', async () => {
    const home = await mkdtemp(join(tmpdir(), 'switchyard-curlrc-'))
    await writeFile(join(home, '.curlrc'), 'proxy = "http://127.0.0.1:9"\nuser-agent = "rc"\nfail\n')
    const proxy = 'http://127.0.0.1:9'
    for (const env of [
      { HOME: home, CURL_HOME: home },
      { http_proxy: proxy, ALL_PROXY: proxy, all_proxy: proxy, HTTPS_PROXY: proxy, no_proxy: '' },
    ])
      expect(await heard({}, SITE, env)).not.toMatchObject({ 'user-agent': 'rc' })
  })

  it('with no header among the arguments of a process', () => {
    const { text } = askOnce(
      { name: 'green', port: 5000, env: {} },
      healthOf({ headers: { 'X-Key': 'S3cret' } }, SITE),
      1,
    )
    expect(text).toMatch(/^printf 'header = %s\\n' .*S3cret.* \| curl -q /)
    expect(text.replace(/^printf .* \| curl/, 'curl')).not.toContain('S3cret')
  })
})

describe('headers', () => {
  it('that would be two are refused before anything is contacted', () => {
    for (const headers of [{ 'a: b\r\nc': 'd' }, { a: 'b\nc: d' }, { '': 'x' }])
      expect(() => headersOf({}, headers)).toThrow(
        expect.objectContaining({ code: 'HEALTH_HEADER_INVALID', exitCode: 2 }),
      )
  })

  it('that name a secret are hidden, and no everyday word with them', () => {
    const headers = {
      Authorization: 'Basic dXNlcjpwYXNz',
      'X-Api-Key': 'k3y',
      'X-Forwarded-Proto': 'https',
      Accept: 'text/html',
    }
    expect(secretsIn(headers)).toEqual(['dXNlcjpwYXNz', 'k3y'])
  })
})

/** What comes of asking such an application. */
async function asked(answer: RequestListener, check: HealthCheck = {}): Promise<HealthResult> {
  const slot = await application(answer)
  const health = healthOf({ within: 200, ...check }, { host: 'life.example', https: false })
  const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${healthLoop(slot, process.pid, health).text}`])
  return parseHealth(stdout)
}
const fault = (result: HealthResult, log = '') =>
  slotFaults.SLOT_NOT_HEALTHY({
    slot: { name: 'green', port: 5000, env: {} },
    health: healthOf({}, { host: 'life.example', https: false }),
    result,
    log,
  })

describe('an answer that is not good', () => {
  it.each<[string, number, Record<string, string>, string, RegExp, RegExp]>([
    [
      'a redirect to https',
      301,
      { Location: 'https://life.example/health' },
      '',
      /It wants https.*`url: 'https:/,
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
      'a list of hosts',
      403,
      {},
      '<html><head><title>x</title></head><body><h1>Blocked host:</h1>',
      /asked for the host life\.example.*health: \{ host:/,
      /403: x Blocked host:$/,
    ],
    ['a login', 401, { 'WWW-Authenticate': 'Basic' }, '\n\nwho are you\n', /Authorization/, /401: who are you$/],
    ['no such page', 404, {}, 'Not Found', /health: \{ path \}/, /404: Not Found$/],
    [
      'an error',
      500,
      {},
      'no \u001b[2Jdatabase',
      /^Look at the application, then deploy again\.$/,
      /500: no {2}\[2Jdatabase$/,
    ],
  ])('says what it was and what to set: %s', async (_, status, headers, body, next, detail) => {
    const result = await asked((_, response) => response.writeHead(status, headers).end(body))
    expect(result).toMatchObject({ outcome: 'late', status, body })
    const { message, hint: advice, detail: below } = fault(result)
    expect(message).toContain(`last status ${status}.`)
    expect(advice).toMatch(next)
    expect(below).toMatch(detail)
  })

  it('that never comes is told by its reason, with the end of the log', async () => {
    const result = await asked(request => request.socket.destroy())
    expect(result).toMatchObject({ outcome: 'late', status: 0 })
    const { message, hint: next, detail } = fault(result, 'boom')
    expect(message).toMatch(/last status none \((?:an empty answer|connection reset)\)/)
    expect(next).toMatch(/plain HTTP.*The end of its log is above/)
    expect(detail).toBe('boom')
  })

  it('of whatever bytes is one line of printable words', () => {
    expect(firstWords('\u202e\u0007abc\u0000\u009b\nnext')).toMatch(/^abc$/)
    expect(firstWords('x'.repeat(500))).toHaveLength(203)
    expect(firstWords('<!DOCTYPE html><style>p {}</style><script>if (a < b) {}</script><p>Oh &amp; no')).toBe(
      'Oh &amp; no',
    )
    expect(firstWords('')).toBe('')
  })
})
