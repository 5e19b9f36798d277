import { describe, expect, it, vi } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { run } from '../../../runner/engine/run.ts'
import type { RunEvent } from '../../../runner/events.ts'
import { catalogue, fault } from '../../../runner/fault.ts'
import { type AnyTask, definer, type Fleet, type OpenScope, type Scope } from '../../../runner/task.ts'
import { runOf } from '../../support/run.ts'

const faults = catalogue({
  REFUSED: fault<{ why: string }>({ exitCode: 3, message: d => `Refused: ${d.why}.`, hint: () => 'Do not.' }),
})

/** A scope with these hosts; each step's context has the fleet. */
const scopeWith = (...hosts: readonly string[]): Scope => ({
  name: 'app',
  open: async (): Promise<OpenScope> => ({
    hosts,
    context: (_, fleet) => ({ fleet }),
    [Symbol.asyncDispose]: async () => undefined,
  }),
})

const three = definer<{ fleet: Fleet }>(scopeWith('a', 'b', 'c'))
const one = definer<{ fleet: Fleet }>(scopeWith('a'))

async function ran(root: AnyTask, values: Readonly<Record<string, unknown>> = {}, limit?: number) {
  const events: RunEvent[] = []
  const exit = await run({
    ...runOf(root, import.meta.filename, event => void events.push(event)),
    values,
    limit,
    hooks: { onSignal: unheard, onStray: unheard, onStarved: unheard, onLine: unheard, exit: () => undefined },
  })
  const of = <T extends RunEvent['type']>(type: T) =>
    events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type)
  return { exit, events, of }
}

const unheard = () => () => undefined

const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

describe('a step of a scope with several hosts', () => {
  it('runs on each of them at the same time, with the results of that host', async () => {
    const seen: string[] = []
    let running = 0
    let most = 0
    const first = three.task('First', {
      async run({ fleet }) {
        most = Math.max(most, ++running)
        await sleep(5)
        running -= 1
        return { name: `result of ${fleet.host}` }
      },
    })
    const second = three.task('Second', {
      needs: [first],
      run: ({ name, fleet }) => void seen.push(`${fleet.host}: ${name}`),
    })
    expect((await ran(second)).exit).toBe(0)
    expect(most).toBe(3)
    expect(seen.sort()).toEqual(['a: result of a', 'b: result of b', 'c: result of c'])
  })

  it('begins only when the step before it has ended on all of them', async () => {
    const order: string[] = []
    const first = three.task('First', {
      async run({ fleet }) {
        await sleep(fleet.first ? 30 : 1)
        order.push(`first ${fleet.host}`)
      },
    })
    const second = three.task('Second', { needs: [first], run: ({ fleet }) => void order.push(`second ${fleet.host}`) })
    await ran(second)
    expect(order.slice(0, 3).every(line => line.startsWith('first'))).toBe(true)
    expect(order).toHaveLength(6)
  })

  it('runs once with `once`, on the first, and all hosts get its result', async () => {
    const builds: string[] = []
    const got: unknown[] = []
    const build = three.task('Build', {
      once: true,
      run({ fleet }) {
        builds.push(fleet.host)
        return { artifact: 'x.tgz' }
      },
    })
    const use = three.task('Use', { needs: [build], run: ({ artifact }) => void got.push(artifact) })
    await ran(use)
    expect(builds).toEqual(['a'])
    expect(got).toEqual(['x.tgz', 'x.tgz', 'x.tgz'])
  })

  it('has one start and one end in the output, a note for all, and a host in each line', async () => {
    const { of } = await ran(
      three.task('Look', {
        run({ fleet, log, note, show }) {
          log(`line of ${fleet.host}`)
          note(fleet.host === 'c' ? 'green' : 'blue')
          show('the same')
          show('of the fleet', { whole: true }, { ofAll: true })
          show(`of ${fleet.host}`, { host: fleet.host })
        },
      }),
    )
    expect(of('start')).toHaveLength(1)
    expect(
      of('host')
        .map(({ host, state }) => `${host} ${state}`)
        .sort(),
    ).toEqual(['a done', 'a start', 'b done', 'b start', 'c done', 'c start'])
    expect(of('end')).toMatchObject([{ ok: true }])
    expect(of('output').map(({ host, line }) => [host, line])).toEqual([
      ['a', 'line of a'],
      ['b', 'line of b'],
      ['c', 'line of c'],
    ])
    expect(of('note').at(-1)).toEqual({ type: 'note', step: 'look', note: 'a, b: blue; c: green' })
    expect(of('show').map(({ text }) => text)).toEqual(['of the fleet', 'the same', 'a: of a', 'b: of b', 'c: of c'])
    expect(of('result')).toMatchObject([{ data: { hosts: { a: { host: 'a' }, b: { host: 'b' }, c: { host: 'c' } } } }])
  })

  it('shows a note once if all hosts have the same', async () => {
    const { of } = await ran(three.task('Look', { run: ({ note }) => note('blue') }))
    expect(of('note').at(-1)).toEqual({ type: 'note', step: 'look', note: 'blue' })
  })

  it('exits with the highest exit code of a step that streams', async () => {
    const codes: Readonly<Record<string, number>> = { a: 0, b: 7, c: 1 }
    const exec = three.task('Exec', { streams: true, run: ({ fleet }) => ({ exitCode: codes[fleet.host] }) })
    expect((await ran(exec)).exit).toBe(7)
  })
})

describe('a step that fails on one of several hosts', () => {
  it('ends on the others, is reported with its host, and is undone on all', async () => {
    const ended: string[] = []
    const undone: string[] = []
    const move = three.task('Move', {
      async run({ fleet }) {
        if (fleet.host === 'b') throw faults.REFUSED({ why: 'no room' })
        await sleep(10)
        ended.push(fleet.host)
        return { moved: fleet.host }
      },
      undo: ({ fleet, moved }) => void undone.push(`${fleet.host} ${moved}`),
    })
    const { exit, of } = await ran(move)
    expect(exit).toBe(3)
    expect(ended).toEqual(['a', 'c'])
    expect(of('error').map(({ code, host }) => [code, host])).toEqual([['REFUSED', 'b']])
    expect(undone.sort()).toEqual(['a a', 'b undefined', 'c c'])
    expect(of('result')).toMatchObject([{ ok: false, undone: ['Move'], left: [] }])
  })

  it('is not followed by another step', async () => {
    const after = vi.fn()
    const fail = three.task('Fail', {
      run({ fleet }) {
        if (!fleet.first) throw new Error(`lost ${fleet.host}`)
      },
    })
    const { of, exit } = await ran(three.task('After', { needs: [fail], run: after }))
    expect(exit).toBe(1)
    expect(after).not.toHaveBeenCalled()
    expect(of('error').map(({ message, host }) => [message, host])).toEqual([
      ['lost b', 'b'],
      ['lost c', 'c'],
    ])
  })

  it('is reported once if all hosts found out the same', async () => {
    const { of } = await ran(
      three.task('Compare', {
        async run({ fleet }) {
          await fleet.gather(fleet.host)
          throw faults.REFUSED({ why: 'they differ' })
        },
      }),
    )
    expect(of('error').map(({ message, host }) => [message, host])).toEqual([['Refused: they differ.', undefined]])
  })

  it('names the host whose undo failed, and undoes the others', async () => {
    const undone: string[] = []
    const move = three.task('Move', {
      run: () => undefined,
      undo({ fleet }) {
        if (fleet.host === 'c') throw new Error('gone')
        undone.push(fleet.host)
      },
    })
    const { of } = await ran(three.task('Fail', { needs: [move], run: () => Promise.reject(new Error('no')) }))
    expect(undone).toEqual(['a', 'b'])
    expect(of('result')).toMatchObject([{ undone: [], left: ['Move (c)'] }])
    expect(of('error').at(-1)).toMatchObject({ during: 'undo', host: 'c', message: 'gone' })
  })
})

describe('gather', () => {
  it('resolves on each host to the values of all, in order, round by round', async () => {
    const seen: unknown[] = []
    const meet = three.task('Meet', {
      async run({ fleet }) {
        await sleep(fleet.first ? 10 : 1)
        const first = await fleet.gather(fleet.host.toUpperCase())
        const second = await fleet.gather(first.length)
        seen.push([
          first.map(({ value }) => value).join(''),
          second.map(({ host, value }) => `${host}${value}`).join(''),
        ])
      },
    })
    expect((await ran(meet)).exit).toBe(0)
    expect(seen).toEqual(Array(3).fill(['ABC', 'a3b3c3']))
  })

  it('rejects if the step fails on another host, which is the only error that is reported', async () => {
    const waited = vi.fn()
    const meet = three.task('Meet', {
      async run({ fleet }) {
        if (fleet.host === 'b') {
          await sleep(5)
          throw new Error('b is lost')
        }
        await fleet.gather(1).catch(error => {
          waited()
          throw error
        })
      },
    })
    const { of, exit } = await ran(meet)
    expect(exit).toBe(1)
    expect(waited).toHaveBeenCalledTimes(2)
    expect(of('error').map(({ message, host }) => [message, host])).toEqual([['b is lost', 'b']])
  })

  it('does not wait for a host where the step has ended', async () => {
    const meet = three.task('Meet', {
      args: { skip: arg.text('Skip') },
      async run({ fleet, skip }) {
        if (fleet.host === skip) return { met: [] as string[] }
        return { met: (await fleet.gather(0)).map(({ host }) => host) }
      },
    })
    const seen: string[] = []
    const after = three.task('After', { needs: [meet], run: ({ met }) => void seen.push(met.join('')) })
    expect((await ran(after, { skip: 'b' })).exit).toBe(0)
    expect(seen.sort()).toEqual(['', 'ac', 'ac'])
  })

  it('resolves at once with one host, whose events have no host', async () => {
    const seen: unknown[] = []
    const { of } = await ran(
      one.task('Meet', {
        async run({ fleet, log }) {
          seen.push(await fleet.gather('x'))
          log('line')
        },
      }),
    )
    expect(seen).toEqual([[{ host: 'a', value: 'x' }]])
    expect(of('output')).toEqual([{ type: 'output', step: 'meet', line: 'line' }])
  })
})

describe('a step in batches', () => {
  const batches = [['a', 'c'], ['b']]

  it('goes on with a batch when the step has ended in the one before, whose hosts meet by themselves', async () => {
    const order: string[] = []
    const move = three.task('Move', {
      async run({ fleet }) {
        const mine = await fleet.batch(batches)
        order.push(`${fleet.host} of ${mine.hosts.join('')}${mine.first ? ', the first' : ''}`)
        const met = await mine.gather(fleet.host)
        await sleep(5)
        order.push(`${fleet.host} met ${met.map(({ value }) => value).join('')}`)
      },
    })
    expect((await ran(move)).exit).toBe(0)
    expect(order.slice(0, 2).sort()).toEqual(['a of ac, the first', 'c of ac'])
    expect(order.slice(2, 4).sort()).toEqual(['a met ac', 'c met ac'])
    expect(order.slice(4)).toEqual(['b of b, the first', 'b met b'])
  })

  it('never begins a batch after one that failed, reports that alone, and undoes the hosts of both', async () => {
    const begun: string[] = []
    const undone: string[] = []
    const move = three.task('Move', {
      async run({ fleet }) {
        await fleet.batch(batches)
        begun.push(fleet.host)
        if (fleet.host === 'c') throw faults.REFUSED({ why: 'c' })
      },
      undo: ({ fleet }) => void undone.push(fleet.host),
    })
    const { exit, of } = await ran(move)
    expect(exit).toBe(3)
    expect(begun.sort()).toEqual(['a', 'c'])
    expect(of('error').map(({ host, code }) => [host, code])).toEqual([['c', 'REFUSED']])
    expect(undone.sort()).toEqual(['a', 'b', 'c'])
  })

  it('does not wait for hosts where the step has ended already', async () => {
    const begun: string[] = []
    const move = three.task('Move', {
      async run({ fleet }) {
        if (fleet.host !== 'b') return
        await fleet.batch(batches)
        begun.push(fleet.host)
      },
    })
    expect((await ran(move)).exit).toBe(0)
    expect(begun).toEqual(['b'])
  })

  it('knows the limit, although all of them may work together', async () => {
    const limits: unknown[] = []
    const move = three.task('Move', { together: true, run: ({ fleet }) => void limits.push(fleet.limit) })
    await ran(move, {}, 2)
    await ran(move)
    expect(limits).toEqual([2, 2, 2, undefined, undefined, undefined])
  })
})

describe('an undo on several hosts', () => {
  it('can wait for the others, and not for one where it has ended or failed', async () => {
    const met: string[] = []
    const move = three.task('Move', {
      run: () => undefined,
      async undo({ fleet }) {
        if (fleet.first) return
        met.push((await fleet.gather(fleet.host)).map(({ value }) => value).join(''))
      },
    })
    const fail = three.task('Fail', { needs: [move], run: () => Promise.reject(new Error('no')) })
    await ran(fail)
    expect(met).toEqual(['bc', 'bc'])
    const lose = three.task('Move', {
      run: () => undefined,
      async undo({ fleet }) {
        if (fleet.host === 'c') throw new Error('gone')
        await fleet.gather(undefined).catch(() => met.push(`${fleet.host} goes on`))
      },
    })
    const { of } = await ran(three.task('Fail', { needs: [lose], run: () => Promise.reject(new Error('no')) }))
    expect(met.slice(2).sort()).toEqual(['a goes on', 'b goes on'])
    expect(of('result')).toMatchObject([{ left: ['Move (c)'] }])
  })
})

it('tasks without a scope run once, and get the result of the first host', async () => {
  const { task } = definer()
  const where = three.task('Where', { run: ({ fleet }) => ({ at: fleet.host }) })
  const seen: string[] = []
  await ran(task('Plain', { needs: [where], run: ({ at }) => void seen.push(at) }))
  expect(seen).toEqual(['a'])
})

it('a scope can adapt the value of an argument to each host', async () => {
  const scope: Scope = {
    ...scopeWith('a', 'b'),
    open: async run => ({
      ...(await scopeWith('a', 'b').open(run)),
      input: (value, { host }) => `${value} on ${host}`,
    }),
  }
  const seen: string[] = []
  const { task } = definer<{ fleet: Fleet }>(scope)
  await ran(task('Use', { args: { slot: arg.text('Slot') }, run: ({ slot }) => void seen.push(slot) }), {
    slot: 'blue',
  })
  expect(seen.sort()).toEqual(['blue on a', 'blue on b'])
})

describe('a limit of hosts that work at once', () => {
  /** A task that counts how many work at once, and says on which hosts it has begun. */
  const counting = (work: (fleet: Fleet) => Promise<void>, more: { together?: boolean } = {}) => {
    const seen = { running: 0, most: 0, begun: [] as string[], undone: [] as string[] }
    const task = three.task('Work', {
      ...more,
      async run({ fleet }) {
        seen.begun.push(fleet.host)
        seen.most = Math.max(seen.most, ++seen.running)
        await work(fleet).finally(() => {
          seen.running -= 1
        })
      },
      undo: ({ fleet }) => void seen.undone.push(fleet.host),
    })
    return { seen, task }
  }

  it.each([1, 2])('of %i is kept, in the order of the hosts', async limit => {
    const { seen, task } = counting(async fleet => {
      expect(fleet.limit).toBe(limit)
      await sleep(5)
    })
    expect((await ran(task, {}, limit)).exit).toBe(0)
    expect(seen).toMatchObject({ most: limit, begun: ['a', 'b', 'c'] })
  })

  it('ends at a barrier: what waits there works no more, and all go on at one moment', async () => {
    const after: number[] = []
    const { seen, task } = counting(async fleet => {
      await fleet.gather(undefined)
      after.push(seen.running)
      await sleep(5)
    })
    expect((await ran(task, {}, 1)).exit).toBe(0)
    expect(after).toEqual([3, 3, 3])
  })

  it('does not concern a task that runs everywhere together', async () => {
    const { seen, task } = counting(() => sleep(5), { together: true })
    expect((await ran(task, {}, 1)).exit).toBe(0)
    expect(seen.most).toBe(3)
  })

  it('does not begin on the next host if one has failed, and undoes where it has begun', async () => {
    const { seen, task } = counting(async fleet => {
      if (fleet.host === 'b') throw faults.REFUSED({ why: 'b' })
    })
    const { exit, of } = await ran(task, {}, 1)
    expect(exit).toBe(3)
    expect(of('error')).toMatchObject([{ host: 'b', code: 'REFUSED' }])
    expect(seen).toMatchObject({ begun: ['a', 'b'], undone: ['a', 'b'] })
  })
})
