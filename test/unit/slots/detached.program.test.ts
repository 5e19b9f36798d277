import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { type Script, sh } from '../../../host/script.ts'
import { detachedHost, follow, newest, parseNewest } from '../../../slots/migration/detached.ts'

let dir: string
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'switchyard-detached-')), 'tasks')
})

const open = (signal = new AbortController().signal) => local().open({ signal, confirm: async () => false })
const state = async (host: Host) => parseNewest(await host.ask(newest(dir, 'migrate')))
const run = (host: Host, script: Script, onLine?: (line: string) => void) =>
  detachedHost(host, dir, 'd1', 'migrate').run(script, onLine ? { onLine } : {})

it('a detached step gives its output and its code, as if it were not', async () => {
  await using host = await open()
  expect(await state(host)).toBeUndefined()
  const lines: string[] = []
  const done = await run(host, sh.write`echo one; echo two >&2; (exit 3)`, line => lines.push(line))
  expect(done.code).toBe(3)
  expect(lines).toEqual(['one', 'two'])
  expect(await state(host)).toEqual({ deploy: 'd1', state: 3 })
})

it('a detached step goes on when the one who began it is gone, and can be followed to its end', async () => {
  const interruption = new AbortController()
  const go = join(dir, 'go')
  {
    await using host = await open(interruption.signal)
    const script = sh.write`echo begun; until [ -e ${go} ]; do sleep 0.05; done; echo ended`
    await expect(run(host, script, () => interruption.abort())).rejects.toThrowError()
  }
  await using host = await open()
  expect(await state(host)).toEqual({ deploy: 'd1', state: 'running' })
  const following = host.run(follow(dir, 'd1', 'migrate'))
  await host.ask(sh.write`touch ${go}`)
  expect(await following).toMatchObject({ code: 0, stdout: 'begun\nended\n' })
  expect(await state(host)).toEqual({ deploy: 'd1', state: 0 })
})

it('a step that left no result, as after a reboot, is known as lost', async () => {
  await using host = await open()
  await host.ask(sh.write`mkdir -p ${dir}; echo 999999999 > ${join(dir, 'd1-migrate.pid')}`)
  expect(await state(host)).toEqual({ deploy: 'd1', state: 'lost' })
  expect((await host.run(follow(dir, 'd1', 'migrate'))).code).toBe(98)
})
