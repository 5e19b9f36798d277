/** A host that is closed for maintenance: found out while a build runs, and told by what looks at the host. */
import { setTimeout as later } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../../runner/promises.ts'
import { layout } from '../../../slots/layout.ts'
import { closedWords, parseClosed, unlessClosed } from '../../../slots/lock/maintenance.ts'
import { fakeHost } from '../../support/fake-host.ts'

const CLOSED = { by: 'anna', since: '2026-11-25T12:00:00.000Z', reason: 'new disks' }

const ground = (answer: () => Promise<string>) => ({
  host: fakeHost(answer),
  layout: layout('/srv/life'),
  signal: new AbortController().signal,
})

describe('a build for a closed host', () => {
  it('is told to stop, and the refusal says who closed it', async () => {
    let stopped = false
    const building = unlessClosed(
      ground(async () => `closed ${JSON.stringify(CLOSED)} `),
      signal =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            stopped = true
            reject(new Error('the build was ended by SIGTERM'))
          })
        }),
    )
    await expect(building).rejects.toMatchObject({
      code: 'CLOSED',
      exitCode: 3,
      message: expect.stringContaining('anna'),
    })
    expect(stopped).toBe(true)
  })

  it('is refused also where the build goes on to its end', async () => {
    const asked = deferred<string>()
    const building = unlessClosed(
      ground(() => asked.promise),
      async signal => {
        asked.resolve('closed')
        while (!signal.aborted) await later(1)
        return 'made'
      },
    )
    await expect(building).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it.each<[string, () => Promise<string>]>([
    ['an open host', async () => ''],
    ['a host that does not answer in time', () => new Promise(() => {})],
    ['a host that cannot be reached: the preflight will say so', () => Promise.reject(new Error('no route'))],
  ])('is made for %s', async (_, answer) => {
    expect(await unlessClosed(ground(answer), async () => 'made')).toBe('made')
  })

  it('keeps its own failure, and the reason of a Ctrl-C', async () => {
    const failing = unlessClosed(
      ground(async () => ''),
      () => Promise.reject(new Error('it does not compile')),
    )
    await expect(failing).rejects.toThrow('it does not compile')
    const run = new AbortController()
    const interrupted = unlessClosed({ ...ground(async () => ''), signal: run.signal }, async signal => {
      run.abort(new Error('interrupted'))
      signal.throwIfAborted()
    })
    await expect(interrupted).rejects.toThrow('interrupted')
  })
})

describe('what stands on a closed host', () => {
  it.each([
    [JSON.stringify(CLOSED), CLOSED],
    ['new disks', { by: 'somebody', since: 'an unknown time', reason: 'new disks' }],
    ['', { by: 'somebody', since: 'an unknown time', reason: 'no reason given' }],
  ])('%j is read, also where somebody wrote it by hand', (text, words) => {
    expect(parseClosed(`closed ${text}`)).toEqual(words)
  })

  it('nothing is read while it is open', () => {
    expect(parseClosed('')).toBeUndefined()
    expect(closedWords(layout('/srv/life')).writes).toBeFalsy()
  })
})
