/** `npm run rehearse -- --example NAME` with each of them, and on three hosts; test/commands/rehearse.test.ts has the first example. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EXAMPLES } from '../../dev/examples.ts'
import { type Rehearsals, rehearsals } from '../support/rehearsal.ts'

const LIMIT = { timeout: 900_000 }

let all: Rehearsals
beforeAll(async () => {
  all = await rehearsals()
})
afterAll(() => all?.[Symbol.asyncDispose]())

it.each(EXAMPLES.map(({ name }) => name).filter(name => name !== 'life'))(
  'the rehearsal of examples/%s loses nothing, and cleans up',
  LIMIT,
  async name => {
    const { code, stdout, stderr } = await all.start('--example', name).ended
    expect(code, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/^promote green \(0\.1\.0 to 0\.1\.1\): [1-9]\d* requests sent, 0 failed$/m)
    expect(stdout).toMatch(/^rollback \(0\.1\.1 to 0\.1\.0\): [1-9]\d* requests sent, 0 failed$/m)
    expect(stdout).toMatch(/^Nothing was lost: 0 requests failed\.$/m)
    expect(await all.left()).toEqual([])
  },
)

it('the rehearsal on three hosts loses nothing on any of them, and its control does', LIMIT, async () => {
  const { code, stdout, stderr } = await all.start('--fleet', '3').ended
  expect(code, stdout + stderr).toBe(0)
  for (const host of ['web-1', 'web-2', 'web-3'])
    expect(stdout).toMatch(
      new RegExp(
        String.raw`^promote green \(0\.1\.0 to 0\.1\.1\) through ${host}: [1-9]\d* requests sent, 0 failed$`,
        'm',
      ),
    )
  expect(stdout).toMatch(/^Control, .*: \d+ requests sent, [1-9]\d* failed, so the load sees what is lost\.$/m)
  expect(await all.left()).toEqual([])
})
