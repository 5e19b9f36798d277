/** `logs`, `exec` and `rpc` with runtimes that lack them, and the slot that they choose. */
import { describe, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { arg } from '../../../runner/cli/args.ts'
import type { AnyTask } from '../../../runner/task.ts'
import { definer } from '../../../runner/task.ts'
import type { Runtime } from '../../../slots/contracts.ts'
import { slotsOf } from '../../../slots/slot.ts'
import type { Readings } from '../../../slots/state/readings.ts'
import { namedOrLive } from '../../../tasks/chosen-slot.ts'
import { exec } from '../../../tasks/commands/exec.ts'
import { logs } from '../../../tasks/commands/logs.ts'
import { rpc } from '../../../tasks/commands/rpc.ts'
import type { Context, TaskDeps } from '../../../tasks/context.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
type Name = 'blue' | 'green'
const slot = arg.from('slot', slots.names, name => slots.get(name))
const deps = { ...definer<Context<Name>>(), slot } as TaskDeps<Name>

describe('a runtime', () => {
  const commands: readonly (readonly [string, AnyTask, object])[] = [
    ['logs', logs(deps), {}],
    ['exec', exec(deps), { command: ['ls'] }],
    ['rpc', rpc(deps), { expression: '1' }],
  ]

  it.each(commands)('without `%s` is refused before its host is contacted', async (verb, task, args) => {
    const host = new Proxy({} as Host, { get: () => expect.fail('contacted') })
    const readings = () => expect.fail('contacted')
    const context = { ...pluginKit(), slots, host, readings, runtime: {} as Runtime, slot: undefined, ...args }
    await expect(async () => task.run?.(context)).rejects.toMatchObject({
      code: 'CANNOT',
      exitCode: 2,
      message: `The runtime of this project does not support \`${verb}\`.`,
    })
  })
})

describe('the slot of a command', () => {
  const read = (router: Name | undefined, answer = router): Readings => ({
    router: { slot: router, generation: 'g1' },
    answer: { slot: answer, generation: 'g1', status: 200, problem: undefined },
    records: router
      ? [{ slot: router, promoted: { generation: 'g1', at: '2026-11-26', by: 'me' } } as Readings['records'][number]]
      : [],
  })
  const chosen = (readings: Readings, named?: Name) =>
    namedOrLive<Name>({ slots, readings: async () => readings }, named && slots.get(named))

  it('is the named one, without asking which is live', async () => {
    const readings = async () => expect.fail('asked')
    expect((await namedOrLive<Name>({ slots, readings }, slots.get('green'))).name).toBe('green')
  })

  it('is else the live one', async () => {
    expect((await chosen(read('green'))).name).toBe('green')
  })

  it('is never guessed', async () => {
    await expect(chosen(read('green', 'blue'))).rejects.toMatchObject({ code: 'LIVE_UNKNOWN', exitCode: 3 })
    await expect(chosen(read(undefined))).rejects.toMatchObject({
      code: 'NO_SLOT_LIVE',
      exitCode: 3,
      hint: expect.stringContaining('--slot'),
    })
  })
})
