import { type Duplex, PassThrough } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { describe, expect, test, vi } from 'vitest'
import { startBash } from '../../../host/exec/ready.ts'
import type { Session } from '../../../host/machine.ts'
import { sessionsOn } from '../../../host/ssh/channels.ts'
import type { Connection } from '../../../host/ssh/connection.ts'
import { deferred } from '../../../runner/promises.ts'

/** A server that allows so many sessions at a time; it takes a turn of the event loop to open one. Its shells say that they wait when `awake`. */
function server(
  allowed: number,
  slowToEnd = false,
  refuses = (_: string): string | undefined => undefined,
  awake?: Promise<void>,
) {
  const seen = { asked: 0, open: 0, most: 0, commands: [] as string[], ran: [] as string[] }
  let cut = (_: string) => {}
  let reason: string | undefined
  const lost = new Promise<string>(resolve => {
    cut = why => {
      reason = why
      resolve(why)
    }
  })
  const exec = (
    command: string,
    _options: object,
    done: (error: Error | undefined, channel?: ClientChannel) => void,
  ) => {
    seen.asked++
    seen.commands.push(command)
    const refused = seen.open >= allowed
    if (!refused) seen.open++
    if (!refused) seen.ran.push(command)
    seen.most = Math.max(seen.most, seen.open)
    setImmediate(() => (refused ? done(new Error('open failed')) : done(undefined, channel(refuses(command)))))
  }
  const channel = (refusal?: string) => {
    const duplex = new PassThrough()
    const stderr = new PassThrough()
    const close = () => {
      if (duplex.destroyed) return
      if (slowToEnd) setTimeout(() => seen.open--, 500)
      else seen.open--
      duplex.destroy()
      duplex.emit('close', 0)
    }
    const speak = () => {
      duplex.write(refusal ?? '\0\n')
      stderr.write(refusal ?? '\x0042\n')
    }
    if (awake !== undefined) void awake.then(speak)
    else speak()
    if (refusal !== undefined) setImmediate(() => close())
    // Its shell ends when its input does.
    return Object.assign(duplex as Duplex, { stderr, close, end: close }) as unknown as ClientChannel
  }
  const connection: Connection = {
    client: { exec } as unknown as Client,
    lost,
    ended: () => reason,
    close: async () => cut('closed'),
  }
  return { seen, connection, cut }
}

const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

test('at most eight are open at a time, and all that were asked for come', async () => {
  const { seen, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  const use = async () => {
    const session = await sessions.shell()
    await turns(2)
    session.close()
  }
  await Promise.all(Array.from({ length: 30 }, use))
  expect(seen.most).toBe(8)
})

test('shells stand ready for the next commands', async () => {
  const { seen, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  await sessions.shell()
  await turns()
  expect(seen.open).toBe(4)
  const before = seen.asked
  let got: Session | undefined
  void sessions.shell().then(session => {
    got = session
  })
  await Promise.resolve()
  expect([got === undefined, seen.asked - before]).toEqual([false, 1])
})

test('shells can be opened before anything is asked for, and then nothing waits', async () => {
  const { seen, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  sessions.prepare()
  await turns()
  expect(seen.open).toBe(3)
  const got: Session[] = []
  for (let i = 0; i < 3; i++) void sessions.shell().then(session => got.push(session))
  await Promise.resolve()
  expect(got).toHaveLength(3)
  await turns()
  expect(seen.open).toBe(6)
})

test('those who ask before the server has answered are served by the same flight, and shells stand ready beside them', async () => {
  const { seen, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  const three = Promise.all([sessions.shell(), sessions.shell(), sessions.shell()])
  expect(seen.asked).toBe(6)
  await three
  await turns()
  expect([seen.asked, seen.open]).toEqual([6, 6])
})

test('when the server has answered, a shell for later is opened behind the script that waits, not ahead of it', async () => {
  const awake = deferred<void>()
  const { seen, connection } = server(10, false, undefined, awake.promise)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  await turns()
  const shell = sessions.shell()
  expect(seen.asked).toBe(3)
  awake.resolve()
  await shell
  await turns()
  expect([seen.asked, seen.open]).toEqual([4, 4])
})

test('a server that allows none is told to who asks, also when shells were to be prepared', async () => {
  const { connection } = server(0)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  await turns()
  await expect(sessions.shell()).rejects.toMatchObject({ code: 'NO_SESSION' })
})

test.each([1, 2, 3, 5, 7])(
  'a server that allows %i serves all of them, and never fewer than one at a time',
  async allowed => {
    const { connection } = server(allowed)
    const sessions = sessionsOn('web', connection)
    const use = async (n: number) => {
      const session = await sessions.shell()
      await turns(2)
      session.close()
      return n
    }
    sessions.prepare()
    const numbers = Array.from({ length: 20 }, (_, i) => i)
    expect(await Promise.all(numbers.map(use))).toEqual(numbers)
  },
)

test('a server that allows none is told, for each that asked, and not asked for ever', async () => {
  const { seen, connection } = server(0)
  const sessions = sessionsOn('web', connection)
  const asked = await Promise.allSettled([sessions.shell(), sessions.shell(), sessions.shell()])
  expect(asked.map(it => (it.status === 'rejected' ? it.reason.code : it.status))).toEqual([
    'NO_SESSION',
    'NO_SESSION',
    'NO_SESSION',
  ])
  const before = seen.asked
  await turns()
  expect(seen.asked).toBe(before)
})

test('a server that still counts a session that has ended is asked again', async () => {
  const { seen, connection } = server(1, true)
  const sessions = sessionsOn('web', connection)
  const first = await sessions.shell()
  await turns()
  first.close()
  await sessions.shell()
  expect(seen.asked).toBeGreaterThan(4)
})

test('who waits when the connection is lost is told', async () => {
  const { connection, cut } = server(10)
  const sessions = sessionsOn('web', connection)
  const eight = Promise.all(Array.from({ length: 8 }, () => sessions.shell()))
  const ninth = sessions.shell()
  await eight
  cut('cable cut')
  await expect(ninth).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  await expect(sessions.shell()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
})

test('the signal for a process group is sent beside it, by a bash that is started as those of scripts are', async () => {
  const { seen, connection } = server(10)
  const session = await sessionsOn('web', connection).shell()
  session.kill('SIGTERM')
  await turns(2)
  expect(seen.commands.at(-1)).toBe(startBash('kill -s TERM -- -42 2>/dev/null || kill -s TERM 42', 'exec'))
})

describe('F66 a server that allows few sessions', () => {
  /** Several connections to one server, each of which allows so many. */
  const servers = (allowed: number, fails = false) => {
    const made = [server(allowed)]
    const another = async () => {
      if (fails) throw new Error('a second factor is wanted')
      const one = server(allowed)
      made.push(one)
      return one.connection
    }
    const sessions = sessionsOn('web', server0(made), another)
    return { made, sessions }
  }
  const server0 = (made: ReturnType<typeof server>[]) => {
    const [first] = made
    if (!first) throw new Error('there is none')
    return first.connection
  }

  test.each([1, 2, 3])(
    '%i on a connection: three stay open, others come and go beside them, and one can be ended',
    async allowed => {
      const { made, sessions } = servers(allowed)
      sessions.prepare()
      const stay = [await sessions.shell(), await sessions.shell(), await sessions.shell()]
      for (let i = 0; i < 5; i++) {
        const session = await sessions.shell()
        await turns(2)
        session.close()
      }
      stay[0]?.kill('SIGTERM')
      await vi.waitFor(() =>
        expect(made.flatMap(({ seen }) => seen.ran).filter(it => it.includes('kill'))).toHaveLength(1),
      )
      expect(made.every(({ seen }) => seen.most <= allowed)).toBe(true)
      expect(made.length).toBeLessThanOrEqual(Math.ceil(4 / allowed) + 1)
    },
  )

  test('no further connection is made where none is needed', async () => {
    const { made, sessions } = servers(10)
    await Promise.all(Array.from({ length: 8 }, () => sessions.shell()))
    const ninth = sessions.shell()
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(made).toHaveLength(1)
    await sessions.close()
    await expect(ninth).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('and lets nobody in a second time is told within seconds, and one that ends meanwhile is used', async () => {
    const { sessions } = servers(1, true)
    const first = await sessions.shell()
    const second = sessions.shell()
    setTimeout(first.close, 500)
    await second
    await expect(sessions.shell()).rejects.toMatchObject({
      code: 'NO_SESSION',
      message: expect.stringContaining('a second factor is wanted'),
    })
  }, 15_000)

  test('a further connection that is lost takes only its own sessions with it', async () => {
    const { made, sessions } = servers(1)
    await sessions.shell()
    await sessions.shell()
    made[1]?.cut('cable cut')
    await sessions.shell()
    expect(made).toHaveLength(3)
  })
})

test('F69 where the login shell forbids exec, shells are started without it', async () => {
  const { seen, connection } = server(10, false, command =>
    command.startsWith('exec ') ? 'rbash: exec: restricted' : undefined,
  )
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  const [session] = await Promise.all([sessions.shell(), sessions.shell()])
  expect(seen.commands.at(-1)).toMatch(/^"bash" --norc -p -c /)
  session.kill('SIGTERM')
  await turns(2)
  expect(seen.commands.at(-1)).toMatch(/^"bash" --norc -p -c 'kill /)
  await sessions.terminal('iex', {})
  expect(seen.commands.at(-1)).toBe(startBash('iex', 'plain'))
})
