import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { type Script, sh } from '../../../host/script.ts'
import { type Layout, layout } from '../../../slots/layout.ts'
import { type DetachedStep, detached, follow, newestMigration } from '../../../slots/migration/detached.ts'

let folders: Layout
beforeEach(async () => {
  folders = layout(join(await mkdtemp(join(tmpdir(), 'switchyard-detached-')), 'app'))
  await mkdir(folders.root)
})

const step: DetachedStep = { slot: 'blue', kind: 'migrate-1.0', deploy: 'd1', by: 'ann' }
const open = (signal = new AbortController().signal) => local().open({ signal, confirm: async () => false })
const state = (host: Host) => host.query(newestMigration(folders))
const run = (host: Host, script: Script, onLine?: (line: string) => void, of = step) =>
  host.query(detached({ script, ...(onLine && { onLine }), read: output => output }, folders, of))
/** Runs until the file exists. */
const waiting = (go: string) => sh.write`echo begun; until [ -e ${go} ]; do sleep 0.05; done; echo ended`
/** Starts a step and disconnects. */
async function startAndDisconnect(script: Script, of = step): Promise<void> {
  const interruption = new AbortController()
  await using host = await open(interruption.signal)
  await expect(run(host, script, () => interruption.abort(), of)).rejects.toThrowError()
}

it('a detached step returns its output and exit code like an attached one', async () => {
  await using host = await open()
  expect(await state(host)).toBeUndefined()
  const lines: string[] = []
  const done = await run(host, sh.write`echo one; echo two >&2; (exit 3)`, line => lines.push(line))
  expect(done.code).toBe(3)
  expect(lines).toEqual(['one', 'two'])
  expect(await state(host)).toEqual({ ...step, state: 3, since: expect.stringMatching(/^\d{4}-.*Z$/) })
})

it('a detached step keeps running after its starter disconnects, and can be followed to its end', async () => {
  const go = join(folders.root, 'go')
  await startAndDisconnect(waiting(go))
  await using host = await open()
  expect(await state(host)).toMatchObject({ deploy: 'd1', state: 'running' })
  const following = host.run(follow(folders, step))
  await host.capture(sh.write`touch ${go}`)
  expect(await following).toMatchObject({ code: 0, stdout: 'begun\nended\n' })
  expect(await state(host)).toMatchObject({ deploy: 'd1', state: 0 })
})

it.each([
  ['of the same release', { ...step, deploy: 'd2' }],
  ['of another release, in the other slot', { slot: 'green', kind: 'migrate-2.0', deploy: 'd2', by: 'bob' }],
  ['of a deploy whose clock is behind', { ...step, kind: 'migrate-2.0', deploy: 'd0' }],
])('a second detached step is refused while one runs, and starts nothing: one %s', async (_, second) => {
  const go = join(folders.root, 'go')
  await startAndDisconnect(waiting(go))
  await using host = await open()
  const refused = run(host, sh.write`touch ${join(folders.root, 'second')}`, undefined, second)
  await expect(refused).rejects.toMatchObject({ code: 'MIGRATION_RUNNING', message: expect.stringContaining('ann') })
  expect((await host.run(sh.read`test -e ${join(folders.root, 'second')}`)).code).toBe(1)
  expect(await state(host)).toMatchObject({ deploy: 'd1', state: 'running' })
  await host.capture(sh.write`touch ${go}`)
  await host.run(follow(folders, step))
  await run(host, sh.write`true`, undefined, second)
  expect(await state(host)).toMatchObject({ deploy: second.deploy, state: 0 })
})

it('detached steps that start at the same moment never run concurrently', async () => {
  await using host = await open()
  const alone = join(folders.root, 'alone')
  const ended = await Promise.allSettled(
    [1, 2, 3].map(i =>
      run(host, sh.write`mkdir ${alone}; sleep 0.5; rmdir ${alone}`, () => undefined, { ...step, deploy: `d${i}` }),
    ),
  )
  const codes = ended.map(result => (result.status === 'fulfilled' ? result.value.code : result.reason.code))
  expect(codes).toContain(0)
  expect(codes.filter(code => code !== 0 && code !== 'MIGRATION_RUNNING')).toEqual([])
})

it('a detached step whose shell was killed is running while its program runs, and then lost', async () => {
  const [go, shell] = [join(folders.root, 'go'), join(folders.root, 'shell')]
  await startAndDisconnect(sh.write`echo $PPID > ${shell}; ${waiting(go)}`)
  await using host = await open()
  await host.capture(sh.write`kill -KILL "$(cat ${shell})"`)
  expect(await state(host)).toMatchObject({ state: 'running' })
  await host.capture(sh.write`touch ${go}`)
  await expect.poll(() => state(host), { timeout: 10_000 }).toMatchObject({ state: 'lost' })
  expect((await host.run(follow(folders, step))).code).toBe(98)
})

it('a detached step without a result, as after a reboot, is lost; a record that names no step is ignored', async () => {
  await using host = await open()
  await run(host, sh.write`true`)
  const base = join(folders.slot('blue').tasks, 'd1-migrate-1.0')
  await host.capture(sh.write`rm ${`${base}.exit`}`)
  expect(await state(host)).toMatchObject({ deploy: 'd1', state: 'lost' })
  await writeFile(folders.migration, `${join(folders.root, 'nothing')}\n{}\n`)
  expect(await state(host)).toBeUndefined()
  expect((await run(host, sh.write`true`)).code).toBe(0)
})
