import { expect, it } from 'vitest'
import { oneByOne, queriesOver } from '../../../host/exec/queries.ts'
import type { Host } from '../../../host/host.ts'
import { capture, caught, group, type Query } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { hostWith } from '../../../host/several.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const on = <T>(machine: string, query: Query<T>): Query<T> => ({ ...query, script: { ...query.script, machine } })
const look = (text: string) => capture({ ...sh.read``, text })
const change = (text: string) => capture({ ...sh.write``, text })
/** The name of the host that a query was sent to. */
const where: Query<string> = { script: { ...sh.read``, text: 'where' }, read: (_, asked) => asked.name }

/** Two machines that note what they were sent; a script that begins with `bad` fails there. */
function machines(interruption = new AbortController()) {
  const sent: string[] = []
  const named = (name: string): Host => {
    const run: Host['run'] = async ({ text }) => {
      sent.push(`${name} ${text}`)
      if (text === 'interrupt') interruption.abort()
      return { code: text.startsWith('bad') ? 1 : 0, stdout: `${text} of ${name}`, stderr: '' }
    }
    const spawn: Host['spawn'] = async ({ text }) => sent.push(`${name} spawns ${text}`) as never
    const traffic = () => ({ roundTrips: 1, sent: 2, received: 3 })
    return { name, run, spawn, traffic, ...queriesOver(name, oneByOne(name, run)) } as Partial<Host> as Host
  }
  return { sent, host: hostWith(named('web-1'), { lb: named('lb-1') }, interruption.signal) }
}

it('a host of several machines runs each script on its machine, and is called like the main one', async () => {
  const { sent, host } = machines()
  expect(host.name).toBe('web-1')
  expect(await host.query(where)).toBe('web-1')
  expect(await host.query(on('lb', where))).toBe('lb-1')
  await host.run({ ...sh.read`a`, machine: 'lb' })
  await host.spawn({ ...sh.read`b`, machine: 'lb' })
  await host.spawn(sh.read`c`)
  expect(sent).toEqual(['web-1 where', 'lb-1 where', 'lb-1 a', 'lb-1 spawns b', 'web-1 spawns c'])
  expect(() => host.run({ ...sh.read`a`, machine: 'other' })).toThrow('there is no machine other')
  expect(host.traffic?.()).toEqual({ roundTrips: 2, sent: 4, received: 6 })
})

it('all() of several machines returns the results in the order of the queries, also of nested groups', async () => {
  const { host } = machines()
  const nested = group([look('c'), on('lb', look('d')), undefined], (c, d, none) => [c, d, none])
  expect(await host.all([on('lb', look('a')), undefined, look('b'), nested])).toEqual([
    'a of lb-1',
    undefined,
    'b of web-1',
    ['c of web-1', 'd of lb-1', undefined],
  ])
})

it('all() of several machines rejects with the first failure, and a caught one is a value', async () => {
  const { host } = machines()
  const failing = on('lb', look('bad one'))
  expect(await faultOf(host.all([look('a'), failing]))).toMatchObject({
    code: 'COMMAND_FAILED',
    message: expect.stringContaining('lb-1'),
  })
  const [a, { fault }] = await host.all([look('a'), caught(failing)])
  expect([a, fault?.code]).toEqual(['a of web-1', 'COMMAND_FAILED'])
})

it('all() of several machines takes no query that writes', () => {
  const { sent, host } = machines()
  expect(() => host.all([look('a'), on('lb', change('b'))])).toThrow('only queries that do not write, not: b')
  expect(sent).toEqual([])
})

it('a pipeline of several machines keeps its order', async () => {
  const { sent, host } = machines()
  const batch = host.pipeline()
  const first = batch.add(change('a'))
  batch.push(on('lb', look('b')), on('lb', change('c')))
  const both = batch.add(group([change('d'), on('lb', change('e'))], (...results) => results))
  await batch.run()
  expect(sent).toEqual(['web-1 a', 'lb-1 b', 'lb-1 c', 'web-1 d', 'lb-1 e'])
  expect(await first).toBe('a of web-1')
  expect(await both).toEqual(['d of web-1', 'e of lb-1'])
  expect(() => batch.push(look('late'))).toThrow('already running')
})

it('a pipeline runs nothing on another machine after a failure, of a script or of reading it', async () => {
  for (const failing of [change('bad one'), { ...change('odd'), read: () => Promise.reject(new Error('odd')) }]) {
    const { sent, host } = machines()
    const batch = host.pipeline()
    const failed = batch.add(failing)
    const skipped = batch.add(on('lb', change('b')))
    await expect(batch.run()).rejects.toThrow(/bad one|odd/)
    await expect(failed).rejects.toThrow(/bad one|odd/)
    expect(await faultOf(skipped)).toMatchObject({
      code: 'COMMAND_SKIPPED',
      message: expect.stringContaining('not run on lb-1'),
    })
    expect(sent).toHaveLength(1)
  }
})

it('a pipeline that is interrupted does not go on to another machine, and one that is sent later runs to its end', async () => {
  const { sent, host } = machines()
  const batch = host.pipeline()
  batch.push(change('interrupt'))
  const second = batch.add(on('lb', change('b')))
  await expect(batch.run()).rejects.toThrow('Interrupted on lb-1')
  expect(await faultOf(second)).toMatchObject({ code: 'COMMAND_INTERRUPTED', exitCode: 130 })
  const undo = host.pipeline()
  undo.push(on('lb', change('c')), change('d'))
  await undo.run()
  expect(sent).toEqual(['web-1 interrupt', 'lb-1 c', 'web-1 d'])
})

it('a query of several machines that writes is a pipeline', async () => {
  const { sent, host } = machines()
  await host.query(group([on('lb', change('a')), look('b'), on('lb', look('c'))], () => undefined))
  expect(sent).toEqual(['lb-1 a', 'web-1 b', 'lb-1 c'])
})
