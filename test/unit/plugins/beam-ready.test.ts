import { describe, expect, it } from 'vitest'
import { type BeamOptions, beam } from '../../../plugins/runtime/beam/beam.ts'
import { question } from '../../../plugins/runtime/beam/ready.ts'
import { badness } from '../../../slots/journal/bad.ts'
import type { JournalEntry } from '../../../slots/model.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const green = slots.get('green')
const host = { name: 'web-1' } as never

/** What becomes of the output of the client: the warnings that are shown, or the fault. */
async function read(options: BeamOptions, code: number, stdout: string) {
  const shown: string[] = []
  const query = beam(options)
    .create(pluginKit({ slots: slots.all, show: text => shown.push(String(text)) }))
    .complete?.(green)
  const result = (async () => query?.read({ code, stdout, stderr: '' }, host))()
  return { result, shown, script: query?.script.text ?? '' }
}

describe('the question to a node', () => {
  const node = { name: 'life_green@127.0.0.2', address: '127.0.0.2', port: 14_000, peers: ['life_blue@127.0.0.1'] }

  it('connects it to its peer, and contains the expression without its characters', () => {
    const text = question({ node, ready: `Life.ready?("it's #{1}")`, limit: 60 })
    expect(text).toContain(':net_kernel.connect_node(:"life_blue@127.0.0.1")')
    expect(text).not.toContain('Life.ready')
    const encoded = /decode64!\("([^"]+)"\)/.exec(text)?.[1] ?? ''
    expect(Buffer.from(encoded, 'base64').toString()).toBe(`Life.ready?("it's #{1}")`)
    expect(text).toContain('+ 60000\n')
  })

  it('evaluates nothing without an expression', () => {
    expect(question({ node, ready: undefined, limit: 60 })).not.toContain('\n')
  })

  it('has a whole number of milliseconds', () => {
    expect(question({ node, ready: 'true', limit: 1.1 })).toContain('+ 1100\n')
  })
})

describe('beam()', () => {
  it('adds nothing to the health check without `ready` and `cluster`', () => {
    expect(beam().create(pluginKit()).complete).toBeUndefined()
  })

  it('asks in the folder and with the environment of the slot, and limits the client', async () => {
    const { script } = await read({ ready: 'Life.ready?()', readyLimit: 40 }, 0, '')
    expect(script).toContain('cd /srv/life/slots/green/current')
    expect(script).toContain('. /srv/life/slots/green/env')
    expect(script).toContain('timeout -k 10 60 bin/life rpc ')
    expect(script).not.toContain('systemctl')
  })

  it('asks with the program of a release that has another name than the application', async () => {
    const { script } = await read({ release: 'shop', ready: 'true' }, 0, '')
    expect(script).toContain(' bin/shop rpc ')
    expect(script).not.toContain('bin/life')
  })

  it('accepts a slot whose expression is true', async () => {
    const { result, shown } = await read({ ready: 'true' }, 0, 'what the application printed\n')
    expect(await result).toBeUndefined()
    expect(shown).toEqual([])
  })

  it.each([
    [
      'with its value',
      'printed\nswitchyard: unready, it was still {:warming, 3} after 60 s\n',
      'green is not ready: the expression `ready` was still {:warming, 3} after 60 s.',
      'printed',
    ],
    [
      'with the exception',
      'switchyard: alone\nswitchyard: unready, it failed\nan exception was raised:\n    ** (RuntimeError) no\n',
      'green is not ready: the expression `ready` failed.',
      'an exception was raised:\n    ** (RuntimeError) no',
    ],
    [
      'with what the client reports',
      '--rpc-eval : RPC failed with reason :nodedown\n',
      'green is not ready: the expression `ready` could not be evaluated.',
      '--rpc-eval : RPC failed with reason :nodedown',
    ],
  ])('rejects a slot whose expression is not true, %s', async (_, stdout, message, detail) => {
    const { result } = await read({ ready: 'Life.ready?()', cluster: true }, 1, stdout)
    expect(await faultOf(result)).toMatchObject({ code: 'APPLICATION_NOT_READY', exitCode: 1, message, detail })
  })

  it.each(['deploy', 'check', 'promote'] as const)('counts that against the release in a %s', event => {
    const entry = { event, result: 'failed', release: '1-abc', why: 'APPLICATION_NOT_READY' } as JournalEntry
    expect(badness([entry], '1-abc')).toBe(entry)
  })

  it.each([
    ['the other slot runs, and the nodes did not connect', 0, 'switchyard: runs\nswitchyard: alone\n', true],
    ['the other slot runs, and nobody could be asked', 1, 'switchyard: runs\nRPC failed\n', true],
    ['the nodes are connected', 0, 'switchyard: runs\n', false],
    ['the other slot is down', 0, 'switchyard: alone\n', false],
  ])('says in a cluster that messages do not arrive only where it matters: %s', async (_, code, stdout, says) => {
    const { result, shown, script } = await read({ cluster: true }, code, stdout)
    expect(await result).toBeUndefined()
    expect(shown).toEqual(
      says ? ['warning: green is not connected to blue: the messages of one slot do not reach the other.'] : [],
    )
    expect(script).toContain('systemctl show --property=MainPID life@blue.service')
  })
})
