/** A migration continues when its client is killed, and the next run does not repeat it. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { exits } from '../support/ended.ts'

let site: Site

const run = (code: number, ...args: string[]) => exits(code, site.task(...args))
const count = async () => (await site.host.exec('cat /tmp/migrations | wc -l')).stdout.trim()

beforeAll(async () => {
  site = await startSite({
    runtime: `beam({ migrate: 'File.write!("/tmp/migrations", "ran\\n", [:append]); Process.sleep(6000); IO.puts("all done")' })`,
    tasks: 'export const { history } = tasks',
  })
  await run(0, 'setup')
  await run(0, 'deploy', '--promote')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('a migrate after one whose client was killed follows that migration to its end, and reports it', async () => {
  const cut = site.start({}, 'migrate', '--slot', 'blue', '--verbose')
  await expect.poll(count).toBe('1')
  cut.kill('SIGKILL')
  await cut.ended
  const free = async () => (await site.host.exec('flock -n /srv/life/lock true')).code
  await expect.poll(free).toBe(0)
  expect(await run(0, 'migrate', '--slot', 'blue', '--verbose')).toContain('which lost its connection; not run again')
  expect(await count()).toBe('1')
  expect(await run(0, 'history', '--last', '1')).toMatch(/migrate +blue .*done/)
})

it('a migration whose result was reported runs again with the next migrate', async () => {
  expect(await run(0, 'migrate', '--slot', 'blue', '--verbose')).toContain('all done')
  expect(await count()).toBe('2')
})
