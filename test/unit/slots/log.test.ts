import { describe, expect, it } from 'vitest'
import type { Host, RemoteProcess } from '../../../host/host.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { LogLine, Slot } from '../../../slots/contracts.ts'
import { followLogs } from '../../../slots/log/follow.ts'
import { merged } from '../../../slots/log/merge.ts'

const blue: Slot = { name: 'blue', port: 4000, env: {} }
const green: Slot = { name: 'green', port: 5000, env: {} }

describe('the lines of two slots', () => {
  const page = (slot: Slot, ...times: number[]) => ({ slot, lines: times.map(time => ({ time, text: `${time}` })) })
  const shown = (...args: Parameters<typeof merged>) => merged(...args).map(({ slot, text }) => `${slot.name} ${text}`)

  it('are in the order of their times, and in that of the slot for equal ones', () => {
    expect(shown([page(blue, 1, 4, 4), page(green, 2, 4)], undefined)).toEqual([
      'blue 1',
      'green 2',
      'blue 4',
      'blue 4',
      'green 4',
    ])
  })

  it('are limited together, to the newest ones', () => {
    expect(shown([page(blue, 1, 4), page(green, 2, 3)], 2)).toEqual(['green 3', 'blue 4'])
    expect(shown([page(blue, 1), page(green, 2)], 5)).toEqual(['blue 1', 'green 2'])
    expect(shown([page(blue, 1), page(green, 2)], 0)).toEqual([])
  })

  it('stay together and complete if they have no times', () => {
    const lines: LogLine[] = [{ text: 'a' }, { text: 'b' }]
    expect(
      shown(
        [
          { slot: blue, lines },
          { slot: green, lines },
        ],
        2,
      ),
    ).toEqual(['blue a', 'blue b', 'green a', 'green b'])
  })
})

describe('a followed log', () => {
  /** A host whose spawned scripts are controlled by the test. */
  function puppets() {
    const made: { script: Script; say(line: string): void; end(code: number | undefined): void; disposed: boolean }[] =
      []
    const spawn = async (script: Script): Promise<RemoteProcess> => {
      const waiting: string[] = []
      let wake = () => {}
      let ending: { code: number | undefined } | undefined
      let ended = (_: number | undefined) => {}
      const puppet = {
        script,
        disposed: false,
        say(line: string) {
          waiting.push(line)
          wake()
        },
        end(code: number | undefined) {
          ending = { code }
          ended(code)
          wake()
        },
      }
      made.push(puppet)
      return {
        lines: (async function* () {
          for (;;) {
            yield* waiting.splice(0)
            if (ending) return
            await new Promise<void>(resolve => {
              wake = resolve
            })
          }
        })(),
        send: () => undefined,
        ended: new Promise(resolve => {
          ended = resolve
        }),
        async [Symbol.asyncDispose]() {
          puppet.disposed = true
        },
      }
    }
    return { host: { name: 'web-1', spawn } as Partial<Host> as Host, made }
  }
  const stream = (name: string) => ({
    script: sh.read`follow ${name}`,
    parse: (output: string) => (output === '' ? [] : [{ text: output.toUpperCase() }]),
  })
  const begin = () => {
    const { host, made } = puppets()
    const seen: string[] = []
    const controller = new AbortController()
    const followed = [blue, green].map(slot => ({ slot, stream: stream(slot.name) }))
    const ended = followLogs(host, followed, ({ slot, text }) => seen.push(`${slot.name} ${text}`), controller.signal)
    return { made, seen, controller, ended }
  }
  const ready = ({ made }: Pick<ReturnType<typeof begin>, 'made'>) => expect.poll(() => made.length).toBe(2)

  it('has the lines of all slots as they arrive, and ends when the run is aborted', async () => {
    const { made, seen, controller, ended } = begin()
    await ready({ made })
    expect(made.map(({ script }) => script.text)).toEqual(['follow blue', 'follow green'])
    made[1]?.say('b')
    await expect.poll(() => seen).toEqual(['green B'])
    made[0]?.say('')
    made[0]?.say('a')
    await expect.poll(() => seen).toEqual(['green B', 'blue A'])
    controller.abort()
    await ended
    expect(made.map(({ disposed }) => disposed)).toEqual([true, true])
  })

  it('fails when the connection is lost, and when the reader ends', async () => {
    for (const [code, fault] of [
      [undefined, { code: 'LOG_CUT', exitCode: 1, message: expect.stringContaining('web-1') }],
      [3, { code: 'LOG_ENDED', exitCode: 1, message: expect.stringContaining('exit code 3') }],
      [0, { code: 'LOG_ENDED', exitCode: 1 }],
    ] as const) {
      const { made, seen, ended } = begin()
      await ready({ made })
      made[0]?.say('last words')
      made[0]?.end(code)
      await expect(ended).rejects.toMatchObject(fault)
      expect(seen).toEqual(['blue LAST WORDS'])
      expect(made.every(({ disposed }) => disposed)).toBe(true)
    }
  })

  it('ends at once if the run was aborted before', async () => {
    const { host, made } = puppets()
    await followLogs(host, [{ slot: blue, stream: stream('blue') }], () => undefined, AbortSignal.abort())
    expect(made.every(({ disposed }) => disposed)).toBe(true)
  })
})
