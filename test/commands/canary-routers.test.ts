/** `promote --percent` behind HAProxy, Caddy, and a router on a host of its own. */
import { describe, expect, it } from 'vitest'
import { startPair } from '../support/balancer.ts'
import { installCaddy } from '../support/caddy.ts'
import { startCanarySite } from '../support/canary-site.ts'
import { installHaproxy } from '../support/haproxy.ts'

describe.each([
  ['HAProxy', "haproxy({ site: '127.0.0.1', canary: true })", installHaproxy, true],
  ['Caddy', "caddy({ site: '127.0.0.1', url: 'http://127.0.0.1', canary: true })", installCaddy, false],
])('a canary behind %s', (name, router, prepare, counts) => {
  it('is raised to all of the traffic under load without a lost request, and taken back by itself if its slot fails', async () => {
    await using site = await startCanarySite(router, prepare)
    await site.release('1.1.0')
    await site.done('deploy')
    const load = await site.load()
    expect(await site.done('promote', 'green', '--percent', '5', '--sticky')).toMatch(
      /green gets 5 %: \d+ of 418 requests/,
    )
    const watched = await site.done('promote', 'green', '--percent', '50', '--for', '3s')
    expect(watched).toMatch(/green failed 0 of \d+ requests, blue 0 of \d+\./)
    if (counts) expect(watched).toMatch(/The router counted: green failed 0 of [1-9]\d+ requests, blue 0 of [1-9]\d+\./)
    else expect(watched).not.toContain('The router counted')
    expect(await site.at('7ff')).toEqual({ slot: 'green', version: '1.1.0' })
    expect(await site.done('status')).toMatch(/Canary: green gets 50 % .*; visitors stay with their slot/)
    expect(await site.done('promote', 'green')).toMatch(/probes, 0 failed/)
    expect(await site.at('fff')).toEqual({ slot: null, version: '1.1.0' })
    await site.release('1.2.0', true)
    await site.done('deploy')
    const report = await load.stop()
    process.stdout.write(`canary behind ${name}: ${report.failed} of ${report.sent} requests failed\n`)
    expect(report).toMatchObject({ failed: 0, endedBy: 'stop' })
    const cause =
      /blue fails more than green, and its 20 % were taken back: blue failed [1-9]\d* of \d+ requests, green 0 of/
    await site.refused(1, cause, 'promote', 'blue', '--percent', '20', '--for', '60s')
    expect(await site.at('000')).toEqual({ slot: null, version: '1.1.0' })
  })
})

it('a canary is begun, watched and ended by a router on a host of its own', async () => {
  await using pair = await startPair(`
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'shop',
  host: ssh('web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({ start: 'bin/server' }),
  router: nginx({ site: 'shop.example', canary: true, on: ssh('lb-1', { configFile: env.SSH_CONFIG }), upstream: env.UPSTREAM ?? '' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, status, retire } = tasks
`)
  await pair.ends(0, ['setup'])
  await pair.ends(0, ['deploy', '--promote'])
  await pair.version('1.1.0')
  await pair.ends(0, ['deploy'])
  const at = async (number: string) => {
    const answer = await fetch(pair.url, { headers: { cookie: `switchyard_canary=${number}` } })
    return [answer.headers.get('x-deployment-slot'), ((await answer.json()) as { version: string }).version]
  }
  expect(await pair.ends(0, ['promote', 'green', '--percent', '20', '--for', '2s'])).toMatch(
    /green failed 0 of \d+ requests, blue 0 of \d+\./,
  )
  expect([await at('332'), await at('333')]).toEqual([
    ['green', '1.1.0'],
    ['blue', '1.0.0'],
  ])
  expect(await pair.ends(0, ['status'])).toContain('Canary: green gets 20 %')
  expect(await pair.ends(3, ['retire'])).toContain('green gets 20 % of the traffic')
  expect(await pair.ends(0, ['promote', 'blue'])).toContain('all traffic goes to blue again, verified.')
  expect(await at('000')).toEqual([null, '1.0.0'])
  await pair.ends(0, ['promote', 'green', '--percent', '20'])
  await pair.ends(0, ['promote', 'green'])
  expect(await at('fff')).toEqual([null, '1.1.0'])
})
