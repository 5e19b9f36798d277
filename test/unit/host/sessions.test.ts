import { type Duplex, PassThrough } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { describe, expect, test, vi } from 'vitest'
import { startBash } from '../../../host/exec/ready.ts'
import type { Session } from '../../../host/machine.ts'
import { sessionsOn } from '../../../host/ssh/channels.ts'
import type { Connection } from '../../../host/ssh/connection.ts'
import { deferred } from '../../../runner/promises.ts'

/** A server that allows this many sessions at a time and opens each within a tick. Its shells are ready once `awake` resolves. */
function server(
  allowed: number,
  slowToEnd = false,
  refuses = (_: string): string | undefined => undefined,
  awake?: Promise<void>,
) {
  const stats = { requested: 0, open: 0, most: 0, commands: [] as string[], ran: [] as string[] }
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
    stats.requested++
    stats.commands.push(command)
    const refused = stats.open >= allowed
    if (!refused) stats.open++
    if (!refused) stats.ran.push(command)
    stats.most = Math.max(stats.most, stats.open)
    setImmediate(() => (refused ? done(new Error('open failed')) : done(undefined, channel(refuses(command)))))
  }
  const channel = (refusal?: string) => {
    const duplex = new PassThrough()
    const stderr = new PassThrough()
    const close = () => {
      if (duplex.destroyed) return
      if (slowToEnd) setTimeout(() => stats.open--, 500)
      else stats.open--
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
    // The shell ends with its input.
    return Object.assign(duplex as Duplex, { stderr, close, end: close }) as unknown as ClientChannel
  }
  const connection: Connection = {
    client: { exec } as unknown as Client,
    lost,
    ended: () => reason,
    close: async () => cut('closed'),
  }
  return { stats, connection, cut }
}

const ticks = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

test('at most eight sessions are open at a time, and all requests are served', async () => {
  const { stats, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  const use = async () => {
    const session = await sessions.shell()
    await ticks(2)
    session.close()
  }
  await Promise.all(Array.from({ length: 30 }, use))
  expect(stats.most).toBe(8)
})

test('spare shells are opened for the next commands', async () => {
  const { stats, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  await sessions.shell()
  await ticks()
  expect(stats.open).toBe(4)
  const before = stats.requested
  let got: Session | undefined
  void sessions.shell().then(session => {
    got = session
  })
  await Promise.resolve()
  expect([got === undefined, stats.requested - before]).toEqual([false, 1])
})

test('shells prepared in advance are available without waiting', async () => {
  const { stats, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  sessions.prepare()
  await ticks()
  expect(stats.open).toBe(3)
  const got: Session[] = []
  for (let i = 0; i < 3; i++) void sessions.shell().then(session => got.push(session))
  await Promise.resolve()
  expect(got).toHaveLength(3)
  await ticks()
  expect(stats.open).toBe(6)
})

test('requests before the first response of the server are sent together with those for spare shells', async () => {
  const { stats, connection } = server(10)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  const three = Promise.all([sessions.shell(), sessions.shell(), sessions.shell()])
  expect(stats.requested).toBe(6)
  await three
  await ticks()
  expect([stats.requested, stats.open]).toEqual([6, 6])
})

test('a spare shell is opened after the shell that a script waits for, not before it', async () => {
  const awake = deferred<void>()
  const { stats, connection } = server(10, false, undefined, awake.promise)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  await ticks()
  const shell = sessions.shell()
  expect(stats.requested).toBe(3)
  awake.resolve()
  await shell
  await ticks()
  expect([stats.requested, stats.open]).toEqual([4, 4])
})

test('a server that allows no sessions is reported to the first request after prepare()', async () => {
  const { connection } = server(0)
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  await ticks()
  await expect(sessions.shell()).rejects.toMatchObject({ code: 'NO_SESSION' })
})

test.each([1, 2, 3, 5, 7])('a server with a limit of %i serves all session requests', async allowed => {
  const { connection } = server(allowed)
  const sessions = sessionsOn('web', connection)
  const use = async (n: number) => {
    const session = await sessions.shell()
    await ticks(2)
    session.close()
    return n
  }
  sessions.prepare()
  const numbers = Array.from({ length: 20 }, (_, i) => i)
  expect(await Promise.all(numbers.map(use))).toEqual(numbers)
})

test('a server that allows no sessions is reported to each request and not retried forever', async () => {
  const { stats, connection } = server(0)
  const sessions = sessionsOn('web', connection)
  const results = await Promise.allSettled([sessions.shell(), sessions.shell(), sessions.shell()])
  expect(results.map(result => (result.status === 'rejected' ? result.reason.code : result.status))).toEqual([
    'NO_SESSION',
    'NO_SESSION',
    'NO_SESSION',
  ])
  const before = stats.requested
  await ticks()
  expect(stats.requested).toBe(before)
})

test('a server that still counts an ended session is retried', async () => {
  const { stats, connection } = server(1, true)
  const sessions = sessionsOn('web', connection)
  const first = await sessions.shell()
  await ticks()
  first.close()
  await sessions.shell()
  expect(stats.requested).toBeGreaterThan(4)
})

test('a waiting request is rejected when the connection is lost', async () => {
  const { connection, cut } = server(10)
  const sessions = sessionsOn('web', connection)
  const eight = Promise.all(Array.from({ length: 8 }, () => sessions.shell()))
  const ninth = sessions.shell()
  await eight
  cut('cable cut')
  await expect(ninth).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  await expect(sessions.shell()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
})

test('a signal is sent to the process group in another session, by a bash started like that of a script', async () => {
  const { stats, connection } = server(10)
  const session = await sessionsOn('web', connection).shell()
  session.kill('SIGTERM')
  await ticks(2)
  expect(stats.commands.at(-1)).toBe(startBash('kill -s TERM -- -42 2>/dev/null || kill -s TERM 42', 'exec'))
})

describe('F66 a server that allows few sessions', () => {
  /** Several connections to one server, each of which allows this many sessions. */
  const servers = (allowed: number, fails = false) => {
    const made = [server(allowed)]
    const another = async () => {
      if (fails) throw new Error('a second factor is wanted')
      const further = server(allowed)
      made.push(further)
      return further.connection
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
    '(%i per connection) serves three long sessions, others beside them, and a signal to one',
    async allowed => {
      const { made, sessions } = servers(allowed)
      sessions.prepare()
      const stay = [await sessions.shell(), await sessions.shell(), await sessions.shell()]
      for (let i = 0; i < 5; i++) {
        const session = await sessions.shell()
        await ticks(2)
        session.close()
      }
      stay[0]?.kill('SIGTERM')
      await vi.waitFor(() =>
        expect(made.flatMap(({ stats }) => stats.ran).filter(command => command.includes('kill'))).toHaveLength(1),
      )
      expect(made.every(({ stats }) => stats.most <= allowed)).toBe(true)
      expect(made.length).toBeLessThanOrEqual(Math.ceil(4 / allowed) + 1)
    },
  )

  test('gets no further connection if none is needed', async () => {
    const { made, sessions } = servers(10)
    await Promise.all(Array.from({ length: 8 }, () => sessions.shell()))
    const ninth = sessions.shell()
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(made).toHaveLength(1)
    await sessions.close()
    await expect(ninth).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('and rejects a further connection is reported within seconds, and a session that ends meanwhile is reused', async () => {
    const { sessions } = servers(1, true)
    const first = await sessions.shell()
    const second = sessions.shell()
    setTimeout(first.close, 500)
    await second
    await expect(sessions.shell()).rejects.toMatchObject({
      code: 'NO_SESSION',
      message: expect.stringContaining('a second factor is wanted'),
    })
  })

  test('loses only the sessions of a further connection when that is lost', async () => {
    const { made, sessions } = servers(1)
    await sessions.shell()
    await sessions.shell()
    made[1]?.cut('cable cut')
    await sessions.shell()
    expect(made).toHaveLength(3)
  })
})

test('F69 shells are started without exec if the login shell forbids it', async () => {
  const { stats, connection } = server(10, false, command =>
    command.startsWith('exec ') ? 'rbash: exec: restricted' : undefined,
  )
  const sessions = sessionsOn('web', connection)
  sessions.prepare()
  const [session] = await Promise.all([sessions.shell(), sessions.shell()])
  expect(stats.commands.at(-1)).toMatch(/^"bash" --norc -p -c /)
  session.kill('SIGTERM')
  await ticks(2)
  expect(stats.commands.at(-1)).toMatch(/^"bash" --norc -p -c 'kill /)
  await sessions.terminal('iex', {})
  expect(stats.commands.at(-1)).toBe(startBash('iex', 'plain'))
})
