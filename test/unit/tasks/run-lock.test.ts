import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Guard, Host, RemoteProcess } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { sh } from '../../../host/script.ts'
import { deferred } from '../../../runner/promises.ts'
import { slotFaults } from '../../../slots/faults.ts'
import { newDeploy } from '../../../slots/journal/journal.ts'
import { layout } from '../../../slots/layout.ts'
import { takeLock } from '../../../slots/lock/lock.ts'
import { runLock } from '../../../tasks/run-lock.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const folder = async () => layout(await mkdtemp(join(tmpdir(), 'switchyard-run-lock-')))
async function open(
  name: string,
  { guard, held = [] }: { guard?: Guard | undefined; held?: RemoteProcess[] } = {},
): Promise<Host> {
  const host = await local().open({
    signal: new AbortController().signal,
    confirm: async () => false,
    ...(guard && { guard }),
  })
  const spawn: Host['spawn'] = async (script, first) => {
    const process = await host.spawn(script, first)
    held.push(process)
    return process
  }
  return { ...host, name, spawn }
}

/** A run with an application's host and a balancer, both this machine, with a folder each. */
async function started(abort = new AbortController()) {
  const machines = [
    { name: 'web-1', layout: await folder() },
    { name: 'lb-1', layout: await folder() },
  ] as const
  const deploy = newDeploy('me')
  const lock = runLock(machines, deploy, { signal: abort.signal, command: 'promote' })
  /** What holds the locks, in order. */
  const held: RemoteProcess[] = []
  const [ofWeb, ofLb] = lock.guards
  const hosts = [await open('web-1', { guard: ofWeb, held }), await open('lb-1', { guard: ofLb, held })] as const
  const owners = () =>
    Promise.all(machines.map(({ layout }) => readFile(layout.lock, 'utf8').then(text => text.includes(deploy.id))))
  return {
    machines,
    hosts,
    held,
    owners,
    take: () => lock.take(hosts.map(host => ({ host }))),
    lock,
    async [Symbol.asyncDispose]() {
      await Promise.all(hosts.map(host => host[Symbol.asyncDispose]()))
    },
  }
}

it('a run with a balancer takes the locks of both hosts, and writes on both', async () => {
  await using run = await started()
  await run.take()
  expect(await run.owners()).toEqual([true, true])
  for (const host of run.hosts) expect(await host.capture(sh.write`echo written`)).toBe('written')
})

it('a run that does not get the lock of the balancer releases that of the host', async () => {
  await using run = await started()
  await using other = await open('lb-1')
  const [web, lb] = run.machines
  const hers = await takeLock(other, lb.layout, newDeploy('ann@desk'), 'promote')
  expect(await faultOf(run.take())).toMatchObject({
    code: 'LOCK_TAKEN',
    message: expect.stringMatching(/ann@desk has held the lock on lb-1/),
  })
  await using again = await takeLock(other, web.layout, newDeploy('bob@desk'), 'promote')
  again.check()
  await hers[Symbol.asyncDispose]()
})

it('a run that was overtaken on the balancer is refused there, and still writes on the host', async () => {
  await using run = await started()
  await run.take()
  const [web, lb] = run.hosts
  await writeFile(run.machines[1].layout.lock, '{"by":"ann@desk","deploy":"hers","since":"noon"}\n')
  expect(await faultOf(lb.capture(sh.write`true`))).toMatchObject({
    code: 'OVERTAKEN',
    message: expect.stringMatching(/^lb-1 refused a late write/),
  })
  expect(await lb.capture(sh.read`echo looked`)).toBe('looked')
  expect(await web.capture(sh.write`echo written`)).toBe('written')
})

it('a run that has lost the lock of one host writes on neither, except to undo', async () => {
  const abort = new AbortController()
  await using run = await started(abort)
  await run.take()
  const [web, lb] = run.hosts
  // As if the connection had ended: the process that holds the lock is gone.
  await run.held[0]?.[Symbol.asyncDispose]()
  expect(await faultOf(lb.capture(sh.write`true`))).toMatchObject({ code: 'LOCK_LOST' })
  expect(await faultOf(web.capture(sh.write`true`))).toMatchObject({ code: 'LOCK_LOST' })
  abort.abort()
  for (const host of run.hosts) expect(await host.capture(sh.write`echo back`)).toBe('back')
})

it('a run whose lock a host has released begins no further step, except to undo', async () => {
  const abort = new AbortController()
  await using run = await started(abort)
  await run.take()
  run.lock.check()
  await run.held[1]?.[Symbol.asyncDispose]()
  await run.held[1]?.ended
  expect(() => run.lock.check()).toThrowError(expect.objectContaining({ code: 'LOCK_LOST' }))
  abort.abort()
  run.lock.check()
})

it('a run that sent no heartbeat in time has lost its locks before it hears of that', async () => {
  await using run = await started()
  await run.take()
  const [web] = run.hosts
  const now = performance.now()
  const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 14_000)
  onTestFinished(() => clock.mockRestore())
  run.lock.check()
  clock.mockReturnValue(now + 16_000)
  expect(() => run.lock.check()).toThrowError(expect.objectContaining({ code: 'LOCK_LOST' }))
  expect(await faultOf(web.capture(sh.write`true`))).toMatchObject({ code: 'LOCK_LOST' })
})

it('what a step of a run that was frozen has seen is no cause, unless it says why the run cannot go on', async () => {
  await using run = await started()
  await run.take()
  const seen = new Error('green ended with 143')
  const late = slotFaults.OVERTAKEN({ host: 'web-1', owner: undefined })
  expect(run.lock.causeOf(seen)).toBe(seen)
  const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 16_000)
  onTestFinished(() => clock.mockRestore())
  expect(run.lock.causeOf(seen)).toMatchObject({ code: 'LOCK_LOST' })
  expect(run.lock.causeOf(late)).toBe(late)
})

it('a setup takes only the locks that exist', async () => {
  await using run = await started()
  await run.lock.take([{ host: run.hosts[0] }, undefined])
  expect(await readFile(run.machines[0].layout.lock, 'utf8')).toContain('me')
  await expect(readFile(run.machines[1].layout.lock)).rejects.toThrow('ENOENT')
  expect(await run.hosts[1].capture(sh.write`echo free`)).toBe('free')
})

it('the locks of several hosts are taken together or not at all, the first one before the others', async () => {
  const machines = await Promise.all(['web-1', 'web-2', 'web-3'].map(async name => ({ name, layout: await folder() })))
  const lock = runLock(machines, newDeploy('me'), { signal: new AbortController().signal, command: 'deploy' })
  const hosts = await Promise.all(machines.map(({ name }, i) => open(name, { guard: lock.guards[i] })))
  await using other = await open('web-2')
  const [first, second, third] = machines
  if (!first || !second || !third) return expect.fail('there are three')
  const hers = await takeLock(other, second.layout, newDeploy('ann@desk'), 'promote')
  expect(await faultOf(lock.take(hosts.map(host => ({ host }))))).toMatchObject({ code: 'LOCK_TAKEN' })
  for (const { layout } of [first, third])
    await (await takeLock(other, layout, newDeploy('bob@desk'), 'promote', { wait: 5_000 }))[Symbol.asyncDispose]()
  await hers[Symbol.asyncDispose]()
  await Promise.all(hosts.map(host => host[Symbol.asyncDispose]()))
})

describe('a run that waits for the lock of one host', () => {
  /** Waits for that of the second one, which somebody else holds. */
  async function waiting(names: readonly string[]) {
    const machines = await Promise.all(names.map(async name => ({ name, layout: await folder() })))
    const lock = runLock(machines, newDeploy('me'), { signal: new AbortController().signal, command: 'deploy' })
    const hosts = await Promise.all(machines.map(({ name }, i) => open(name, { guard: lock.guards[i] })))
    const other = await open('another')
    onTestFinished(async () => {
      await Promise.all([other, ...hosts].map(host => host[Symbol.asyncDispose]()))
    })
    const of = (name: string) => machines[names.indexOf(name)]?.layout ?? expect.fail(`there is no ${name}`)
    const hers = await takeLock(other, of('web-2'), newDeploy('ann@desk'), 'promote')
    const waits = deferred<string>()
    const taken = lock.take(
      hosts.map(host => ({ host })),
      { wait: 30_000, onWait: ({ by }) => waits.resolve(by) },
    )
    taken.catch(waits.reject)
    expect(await waits.promise).toBe('ann@desk')
    const takenBy = (name: string, by: string) => takeLock(other, of(name), newDeploy(by), 'promote')
    return { hers, taken, takenBy, release: () => hers[Symbol.asyncDispose]() }
  }

  it.each([[['web-1', 'web-2', 'web-3']], [['web-3', 'web-2', 'web-1']]])(
    'holds none behind it meanwhile, in whatever order a Taskfile names them: %j',
    async names => {
      const { taken, takenBy, release } = await waiting(names)
      const his = await takenBy('web-3', 'bob@desk')
      expect(await faultOf(takenBy('web-1', 'bob@desk'))).toMatchObject({ code: 'LOCK_TAKEN' })
      // It waits for the next one then.
      await release()
      await his[Symbol.asyncDispose]()
      await taken
      for (const name of names)
        expect(await faultOf(takenBy(name, 'eve@desk'))).toMatchObject({
          code: 'LOCK_TAKEN',
          message: expect.stringContaining('me'),
        })
    },
  )
})
