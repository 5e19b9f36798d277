/** `npm run rehearse` as in the README: its report, what it leaves behind, and its interruption. */

import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { USAGE } from '../../vagrant/options.ts'
import { type Rehearsals, rehearsals } from '../support/rehearsal.ts'

const run = promisify(execFile)

let all: Rehearsals
beforeAll(async () => {
  all = await rehearsals()
})
afterAll(() => all?.[Symbol.asyncDispose]())

const rehearse = (...flags: string[]) => all.start(...flags)

/** The name of the container of the running rehearsal, which is the comment of its key. */
async function container(): Promise<string> {
  const [folder = ''] = (await readdir(all.temporary)).filter(name => name.startsWith('switchyard-host-'))
  const key = await readFile(join(all.temporary, folder, 'id_ed25519.pub'), 'utf8')
  return key.trim().split(' ').at(-1) ?? ''
}
const exists = async (name: string) =>
  (await run('docker', ['ps', '--all', '--format', '{{.Names}}'])).stdout.split('\n').includes(name)

it('the rehearsal deploys, promotes under load, rolls back and opens the console, loses nothing, and cleans up', async () => {
  const rehearsal = rehearse()
  await rehearsal.says(/npx task setup/)
  const name = await container()
  expect(await exists(name)).toBe(true)
  const { code, stdout, stderr } = await rehearsal.ended
  expect(code, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/^promote green \(0\.1\.0 to 0\.1\.1\): \d+ requests sent, 0 failed$/m)
  expect(stdout).toMatch(/^rollback \(0\.1\.1 to 0\.1\.0\): \d+ requests sent, 0 failed$/m)
  expect(stdout.match(/^ {2}WebSockets: 50 of 50 kept, \d+ messages sent, 0 failed$/gm)).toHaveLength(2)
  expect(stdout).toMatch(/^ {2}fresh connections saw 0\.1\.0 then 0\.1\.1, .* \d+ ms apart$/m)
  expect(stdout.match(/^ {2}switched at [\d:.]+ UTC; the whole command took \d+ ms$/gm)).toHaveLength(2)
  expect(stdout).toContain('\nthis is life_green@127.0.0.1, version 0.1.1\n')
  expect(stdout).toMatch(/^Nothing was lost: 0 requests failed, 0 WebSockets cut\.$/m)
  expect(await exists(name)).toBe(false)
  expect(await all.left()).toEqual([])
})

it('the rehearsal cleans up after Ctrl-C', async () => {
  const rehearsal = rehearse()
  await rehearsal.says(/npx task deploy/)
  const name = await container()
  rehearsal.kill('SIGINT')
  const { code, stdout } = await rehearsal.ended
  expect(stdout).toContain('Interrupted: what was created is gone.')
  expect(code).toBe(130)
  expect(await exists(name)).toBe(false)
  expect(await all.left()).toEqual([])
})

it('the rehearsal keeps the host with --keep, also when interrupted, and prints how to enter and how to remove it', async () => {
  const rehearsal = rehearse('--keep')
  await rehearsal.says(/npx task deploy/)
  const name = await container()
  rehearsal.kill('SIGTERM')
  const { stdout } = await rehearsal.ended
  const [, enter = ''] = /^The host was kept\. Log in: +(.+)$/m.exec(stdout) ?? []
  const [, remove = ''] = /^Delete it: (.+)$/m.exec(stdout) ?? []
  const [, project = ''] = /^Project: +(.+)$/m.exec(stdout) ?? []
  try {
    expect((await run('bash', ['-c', `${enter} ls /srv/life`])).stdout).toContain('releases')
    expect(await readdir(project)).toContain('Taskfile.ts')
  } finally {
    await run('bash', ['-c', remove])
  }
  expect(await exists(name)).toBe(false)
})

it('the rehearsal refuses an unknown flag, and starts nothing', async () => {
  const { code, stdout, stderr } = await rehearse('--kepe').ended
  expect(code).toBe(2)
  expect(stderr).toContain(USAGE)
  expect(stdout).toBe('')
})
