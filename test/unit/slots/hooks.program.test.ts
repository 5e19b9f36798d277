/** The hooks of an application, run by the scripts of a service on this machine. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { perform } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { hooksOf as runtimeHooks } from '../../../plugins/runtime/hooks.ts'
import { oneCommand } from '../../../plugins/runtime/service/command.ts'
import type { Runtime } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { type FailedHook, hooksAfter, hooksBack, reportHooks } from '../../../slots/promote/hooks.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { repairProcesses } from '../../../slots/state/repair.ts'
import type { SlotRecord } from '../../../slots/state/slot-record.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const [blue, green] = [slots.get('blue'), slots.get('green')]
const records = [{ slot: 'blue', adopted: null } as SlotRecord, undefined]
const switched = { from: blue, to: green, records }

let root: string
let host: Host
let folders: ReturnType<typeof layout>
let logged: string[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'switchyard-hooks-'))
  folders = layout(root)
  logged = []
  for (const { name } of slots.all) {
    const slot = folders.slot(name)
    await mkdir(folders.release(name), { recursive: true })
    await mkdir(slot.dir, { recursive: true })
    await writeFile(slot.env, `NAME="the ${name} one"\n`)
    await symlink(folders.release(name), slot.current)
  }
  host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

interface Given {
  readonly promoted?: string
  readonly demoted?: string
  readonly limit?: number
  /** The slots that are down. */
  readonly down?: readonly string[]
}

function runtimeOf({ promoted, demoted, limit = 30, down = [] }: Given): Runtime {
  const command = (text: string | undefined) => (text === undefined ? undefined : () => oneCommand(text))
  return runtimeHooks(pluginKit({ layout: folders, log: line => logged.push(line) }), {
    pid: ({ name }) => (down.includes(name) ? sh.read`:` : sh.read`echo 7`),
    limit,
    commands: { promoted: command(promoted), demoted: command(demoted) },
  }) as Runtime
}

async function run(queries: ReturnType<typeof hooksAfter>): Promise<readonly FailedHook[]> {
  const batch = host.pipeline()
  batch.push(perform(sh.write`echo recorded > ${join(root, 'record')}`))
  const results = queries.map(query => batch.add(query))
  await batch.run()
  return (await Promise.all(results)).filter(failed => failed !== undefined)
}

const SAY = { promoted: 'echo "$NAME is promoted in $(basename "$PWD")"', demoted: 'echo "$NAME is demoted"' }

describe('the hooks of an application', () => {
  it('run in the release and with the environment of their slot, first in the slot that was live before', async () => {
    expect(await run(hooksAfter(runtimeOf(SAY), switched))).toEqual([])
    expect(logged).toEqual(['the blue one is demoted', 'the green one is promoted in current'])
  })

  it('run in the other direction when a switch is undone', async () => {
    await run(hooksBack(runtimeOf(SAY), switched))
    expect(logged).toEqual(['the green one is demoted', 'the blue one is promoted in current'])
  })

  it('run in the new slot alone if no slot was live, or one that was adopted', async () => {
    await run(hooksAfter(runtimeOf(SAY), { ...switched, from: undefined }))
    const adopted = [{ slot: 'blue', adopted: { pid: 1, startTime: '1' } } as SlotRecord]
    await run(hooksAfter(runtimeOf(SAY), { ...switched, records: adopted }))
    expect(logged).toEqual(Array.from({ length: 2 }, () => 'the green one is promoted in current'))
  })

  it('that fail skip neither each other nor what was recorded before them', async () => {
    const failed = await run(
      hooksAfter(runtimeOf({ demoted: 'echo no queue >&2; exit 3', promoted: 'false' }), switched),
    )
    expect(await readFile(join(root, 'record'), 'utf8')).toBe('recorded\n')
    expect(failed).toMatchObject([
      { slot: 'blue', fault: { code: 'HOOK_FAILED', detail: 'no queue' } },
      { slot: 'green', fault: { code: 'HOOK_FAILED' } },
    ])
    expect(failed.map(({ fault }) => fault.message)).toEqual([
      'The hook `demoted` of blue failed with exit code 3.',
      'The hook `promoted` of green failed with exit code 1.',
    ])
    expect(logged).toEqual(['no queue'])
  })

  it('that hang are ended at their limit, with what they started', async () => {
    const command = `sleep 555.5 & echo $! > ${root}/pid; wait`
    expect(await run(hooksAfter(runtimeOf({ promoted: command, limit: 1 }), switched))).toMatchObject([
      { slot: 'green', fault: { code: 'HOOK_TIMED_OUT' } },
    ])
    const pid = (await readFile(join(root, 'pid'), 'utf8')).trim()
    const state = () => readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    await expect.poll(state).not.toMatch(/^State:\s+[^Z]/m)
  })

  it('of a slot that is down are not run, because nobody is there to be told', async () => {
    expect(await run(hooksAfter(runtimeOf({ ...SAY, down: ['blue'] }), switched))).toEqual([])
    expect(logged).toEqual(['the green one is promoted in current'])
  })

  it('are run again by a repair, in every slot', async () => {
    const log = (line: string) => void logged.push(line)
    const deps = { host, layout: folders, slots, deploy: { id: 'd1', by: 'me', where: 'desk', began: 0 }, log }
    await repairProcesses({ ...deps, runtime: runtimeOf({ ...SAY, promoted: 'exit 4' }) }, 'green')
    expect(logged[0]).toBe('the blue one is demoted')
    expect(logged[1]).toContain('warning: The hook `promoted` of green failed with exit code 4.')
    expect(await readFile(folders.journal, 'utf8')).toMatch(/"event":"hook","slot":"green".*"why":"HOOK_FAILED"/)
  })

  it('that succeed are reported nowhere, and a runtime without hooks adds nothing to a switch', async () => {
    const contacted = { query: () => expect.fail('contacted') } as never
    await reportHooks({ host: contacted, layout: folders, deploy: {} as never }, [], () => expect.fail('warned'))
    expect(hooksAfter({} as Runtime, switched)).toEqual([])
    expect(runtimeOf({}).hooks).toBeUndefined()
    expect(existsSync(folders.journal)).toBe(false)
  })
})
