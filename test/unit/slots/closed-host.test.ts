/** A host that is closed for deploys: detected during a build, and parsed from the inspection of the host. */
import { setTimeout as later } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../../runner/promises.ts'
import { layout } from '../../../slots/layout.ts'
import { closedScript, parseClosed, unlessClosed } from '../../../slots/lock/maintenance.ts'
import { fakeHost } from '../../support/fake-host.ts'

const CLOSED = { by: 'anna', since: '2026-11-25T12:00:00.000Z', reason: 'new disks' }

const deps = (answer: () => Promise<string>) => ({
  host: fakeHost(answer),
  layout: layout('/srv/life'),
  signal: new AbortController().signal,
})

describe('a build', () => {
  it('is aborted when the host is closed for deploys, and the fault names who closed it', async () => {
    let stopped = false
    const building = unlessClosed(
      deps(async () => `closed ${JSON.stringify(CLOSED)} `),
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

  it('is rejected when the host is closed for deploys, even if it ignores the abort', async () => {
    const asked = deferred<string>()
    const building = unlessClosed(
      deps(() => asked.promise),
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
    ['an unreachable host, which the preflight reports', () => Promise.reject(new Error('no route'))],
  ])('succeeds for %s', async (_, answer) => {
    expect(await unlessClosed(deps(answer), async () => 'made')).toBe('made')
  })

  it('keeps its own error, and the reason of an interrupt', async () => {
    const failing = unlessClosed(
      deps(async () => ''),
      () => Promise.reject(new Error('it does not compile')),
    )
    await expect(failing).rejects.toThrow('it does not compile')
    const run = new AbortController()
    const interrupted = unlessClosed({ ...deps(async () => ''), signal: run.signal }, async signal => {
      run.abort(new Error('interrupted'))
      signal.throwIfAborted()
    })
    await expect(interrupted).rejects.toThrow('interrupted')
  })
})

describe('the file that closes a host', () => {
  it.each([
    [JSON.stringify(CLOSED), CLOSED],
    ['new disks', { by: 'somebody', since: 'an unknown time', reason: 'new disks' }],
    ['', { by: 'somebody', since: 'an unknown time', reason: 'no reason given' }],
  ])('with the content %j is parsed, even if it was written by hand', (text, expected) => {
    expect(parseClosed(`closed ${text}`)).toEqual(expected)
  })

  it('is undefined while the host is open', () => {
    expect(parseClosed('')).toBeUndefined()
    expect(closedScript(layout('/srv/life')).writes).toBeFalsy()
  })
})
