/** A site in use is moved from the router on its own host to a balancer, as the README says. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Pair, startPair } from '../support/balancer.ts'

const TASKFILE = `
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const place = env.MOVED ? { on: ssh('lb-1', { configFile: env.SSH_CONFIG }), upstream: env.UPSTREAM ?? '' } : {}
const { tasks } = project({
  app: 'shop',
  host: ssh('web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({ start: 'bin/server', stopLimit: 3 }),
  router: nginx({ site: '127.0.0.1', ...place }),
  slots: { blue: { port: 4000 }, green: { port: 4001 } },
})
export const { setup, deploy, repair, status } = tasks
`
const MOVED = { MOVED: 'yes' }

let pair: Pair
beforeAll(async () => {
  pair = await startPair(TASKFILE)
})
afterAll(async () => {
  await pair?.[Symbol.asyncDispose]()
})

it('a site that is moved to a balancer is served by its own host until the name is, and then by the balancer', async () => {
  const { web, lb, ends, run, version, url } = pair
  /** The version that the router of a host answers with, or the status without one. */
  const served = (at: string) => `curl -s ${at}/health | sed 's/[^0-9.]//g'`
  for (const args of [['setup'], ['deploy', '--promote']]) await ends(0, args)
  expect(await run(web, served('http://127.0.0.1'))).toBe('1.0.0')

  await ends(0, ['setup'], MOVED)
  expect(await ends(3, ['deploy'], MOVED)).toMatch(/router says no slot, public answer says no slot, records say blue/)
  expect(await ends(0, ['repair', '--force', 'blue'], MOVED)).toContain('blue is live again')
  await version('1.1.0')
  await ends(0, ['deploy', '--promote'], MOVED)
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ version: '1.1.0' })
  expect(await run(lb, served('http://127.0.0.1'))).toBe('1.1.0')
  // The name of the site may still point to its own host.
  expect(await run(web, served('http://127.0.0.1'))).toBe('1.0.0')
  expect(await ends(0, ['status'], MOVED)).toContain('All agree: router green, public answer green, records green')
})
