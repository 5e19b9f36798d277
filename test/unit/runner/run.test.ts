import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { type Run, run } from '../../../runner/engine/run.ts'
import type { ProcessHooks } from '../../../runner/engine/stops.ts'
import type { RunEvent } from '../../../runner/events.ts'
import { catalogue, fault } from '../../../runner/fault.ts'
import { MASK, redactor } from '../../../runner/secrets/redact.ts'
import {
  type AnyTask,
  definer,
  type OpenScope,
  type RunOutcome,
  type RunSetting,
  type Scope,
} from '../../../runner/task.ts'
import { runOf } from '../../support/run.ts'

const { task, flow } = definer()
const faults = catalogue({ REFUSED: fault<object>({ exitCode: 3, message: () => 'Refused.', hint: () => 'Do not.' }) })

/** Runs a task and collects its events. `world` simulates signals, stray errors and an empty event loop. */
function started(root: AnyTask, more: Partial<Run> = {}, onEvent: (event: RunEvent, world: World) => void = () => {}) {
  const events: RunEvent[] = []
  const world = outsideWorld()
  const ended = run({
    ...runOf(root, import.meta.filename, event => {
      events.push(event)
      onEvent(event, world)
    }),
    hooks: world.hooks,
    ...more,
  })
  const of = <T extends RunEvent['type']>(type: T) =>
    events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type)
  return { events, of, ended, world }
}

interface World {
  readonly hooks: ProcessHooks
  readonly exits: number[]
  signal(name: string): void
  stray(error: unknown): void
  starve(): void
  print(line: string): void
}

function outsideWorld(): World {
  const signals = new Set<(signal: string) => void>()
  const strays = new Set<(error: unknown) => void>()
  const starved = new Set<() => void>()
  const lines = new Set<(line: string) => void>()
  const exits: number[] = []
  const on =
    <T>(listeners: Set<T>) =>
    (listener: T) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
  return {
    exits,
    hooks: {
      onSignal: on(signals),
      onStray: on(strays),
      onStarved: on(starved),
      onLine: on(lines),
      exit: code => void exits.push(code),
    },
    signal: name => signals.forEach(listener => void listener(name)),
    starve: () => starved.forEach(listener => void listener()),
    stray: error => strays.forEach(listener => void listener(error)),
    print: line => lines.forEach(listener => void listener(line)),
  }
}

const until = (signal: AbortSignal) => new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))

describe('a run', () => {
  it('passes each step its arguments and the results of the steps that it needs', async () => {
    const seen: object[] = []
    const build = task('Build', { args: { tag: arg.text('Tag') }, run: ({ tag }) => ({ artifact: `${tag}.tgz` }) })
    const upload = task('Upload', { needs: [build], run: ({ artifact }) => ({ path: `/srv/${artifact}` }) })
    const other = task('Other', { run: context => void seen.push(context) })
    const last = task('Last', {
      needs: [upload],
      run({ artifact, path, tag }) {
        seen.push({ artifact, path, tag })
      },
    })
    const { ended, of } = started(flow('All', [upload, other, last]), { values: { tag: '1.2' } })
    expect(await ended).toBe(0)
    expect(seen[1]).toEqual({ artifact: '1.2.tgz', path: '/srv/1.2.tgz', tag: '1.2' })
    expect(seen[0]).not.toHaveProperty('artifact')
    expect(of('end').map(({ step, ok }) => [step, ok])).toEqual([
      ['build', true],
      ['upload', true],
      ['other', true],
      ['last', true],
    ])
  })

  it('runs a task only once when several tasks need it', async () => {
    let runs = 0
    const once = task('Once', { run: () => ({ n: ++runs }) })
    const a = task('A', { needs: [once], run: ({ n }) => ({ a: n }) })
    const b = task('B', { needs: [once, a], run: ({ n, a }) => expect([n, a]).toEqual([1, 1]) as undefined })
    expect(await started(flow('All', [a, b, once])).ended).toBe(0)
    expect(runs).toBe(1)
  })

  it('passes on what a step prints, without secrets and with its text as it is', async () => {
    const hidden = redactor()
    hidden.hide(['hunter2-hunter2'])
    const root = task('Logs', {
      run({ print }) {
        print('password hunter2-hunter2, run `npx task look`', {
          label: 'blue',
          data: { text: 'hunter2-hunter2', n: 1 },
        })
        print('oh no', { to: 'stderr' })
      },
    })
    const names = (text: string) => text.replaceAll('npx task look', 'npx task see')
    const { ended, of } = started(root, { redactor: hidden, names })
    expect(await ended).toBe(0)
    expect(of('print')).toEqual([
      {
        type: 'print',
        step: 'logs',
        line: `password ${MASK}, run \`npx task look\``,
        label: 'blue',
        data: { text: MASK, n: 1 },
      },
      { type: 'print', step: 'logs', line: 'oh no', to: 'stderr' },
    ])
  })

  it('has the exit code that a step which streams returns, and that of no other step', async () => {
    const run = () => ({ exitCode: 4 })
    const streams = started(task('Exec', { streams: true, run }))
    expect(await streams.ended).toBe(4)
    expect(streams.of('end')).toMatchObject([{ ok: false }])
    expect(streams.of('result')).toMatchObject([{ ok: false, exitCode: 4 }])
    expect(await started(task('Plain', { run })).ended).toBe(0)
  })

  it('reports output, notes, results and the time of each step', async () => {
    const root = task('Look', {
      run({ log, note, show }) {
        log('one\ntwo')
        note('fine')
        show('a table', { rows: 1 })
      },
    })
    const { ended, of } = started(root, { timings: true })
    await ended
    expect(of('output').map(({ line }) => line)).toEqual(['one', 'two'])
    expect(of('note')).toEqual([{ type: 'note', step: 'look', note: 'fine' }])
    expect(of('show')).toEqual([{ type: 'show', text: 'a table', data: { rows: 1 } }])
    expect(of('result')).toMatchObject([{ ok: true, exitCode: 0, data: { rows: 1 }, timings: [{ step: 'look' }] }])
  })

  it('attributes direct console output to the running step', async () => {
    const { ended, of } = started(
      task('Print', { run: () => undefined }),
      {},
      (event, world) => event.type === 'start' && world.print('from console.log'),
    )
    await ended
    expect(of('output')).toEqual([{ type: 'output', step: 'print', line: 'from console.log' }])
  })
})

describe('a failed run', () => {
  const undoing = (order: string[], name: string, more: object = {}) =>
    task(name, { run: () => ({ [name]: true }), undo: () => void order.push(name), ...more })

  it('undoes its steps newest first, including the failed one, and exits with 1', async () => {
    const order: string[] = []
    const bad = undoing(order, 'c', { run: () => Promise.reject(new Error('no')) })
    const { ended, of } = started(flow('All', [undoing(order, 'a'), undoing(order, 'b'), bad, undoing(order, 'd')]))
    expect(await ended).toBe(1)
    expect(order).toEqual(['c', 'b', 'a'])
    expect(of('result')).toMatchObject([{ ok: false, exitCode: 1, undone: ['c', 'b', 'a'], left: [] }])
    expect(of('error')).toMatchObject([{ step: 'c', during: 'run', message: 'no' }])
  })

  it('exits with the exit code of its fault', async () => {
    const { ended } = started(task('No', { run: () => Promise.reject(faults.REFUSED({})) }))
    expect(await ended).toBe(3)
  })

  it('passes an undo the result of its own run, or undefined if that run failed', async () => {
    const seen: unknown[] = []
    const whole = task('Whole', { run: () => ({ made: 1 }), undo: ({ made }) => void seen.push(made) })
    const half = task('Half', {
      needs: [whole],
      run: (): { got: number } => {
        throw new Error('half way')
      },
      undo: ({ made, got }) => void seen.push([made, got]),
    })
    await started(half).ended
    expect(seen).toEqual([[1, undefined], 1])
  })

  it('reports a failed undo and continues with the others', async () => {
    const order: string[] = []
    const stuck = undoing(order, 'b', { undo: () => Promise.reject(new Error('cannot')) })
    const bad = task('c', { run: () => Promise.reject(new Error('no')) })
    const { ended, of } = started(flow('All', [undoing(order, 'a'), stuck, bad]))
    expect(await ended).toBe(1)
    expect(order).toEqual(['a'])
    expect(of('error').map(({ during, message }) => [during, message])).toEqual([
      ['run', 'no'],
      ['undo', 'cannot'],
    ])
    expect(of('result')).toMatchObject([{ undone: ['a'], left: ['b'] }])
  })

  it('aborts the signal of its steps but not of their undos, which can still run commands', async () => {
    const aborted: boolean[] = []
    const lines: string[] = []
    const first = task('First', {
      run: ({ signal }) => ({ early: signal }),
      async undo({ signal, early, $ }) {
        aborted.push(signal.aborted, early?.aborted === true)
        lines.push(await $`echo undone`.text())
      },
    })
    await started(flow('All', [first, task('Bad', { run: () => Promise.reject(new Error('no')) })])).ended
    expect(aborted).toEqual([false, true])
    expect(lines).toEqual(['undone\n'])
  })

  it('attributes an unhandled rejection to the running step', async () => {
    const root = task('Wait', { run: ({ signal }) => until(signal), undo: () => undefined })
    const { ended, of } = started(root, {}, (event, world) => {
      if (event.type === 'start') setImmediate(() => world.stray(new Error('floating')))
    })
    expect(await ended).toBe(1)
    expect(of('error')).toMatchObject([{ step: 'wait', during: 'run', message: 'floating' }])
    expect(of('result')).toMatchObject([{ undone: ['Wait'] }])
  })
})

describe('a promise that can never settle', () => {
  const never = () => new Promise<undefined>(() => {})

  it('fails its step, and the earlier steps are undone', async () => {
    const undone: string[] = []
    const a = task('A', { run: () => undefined, undo: () => void undone.push('a') })
    const b = task('B', { needs: [a], run: never, undo: () => void undone.push('b') })
    const { ended, of } = started(b, { grace: 20 }, (event, world) => {
      if (event.type === 'start' && event.step === 'b') setTimeout(world.starve, 10)
    })
    expect(await ended).toBe(1)
    expect(of('error')).toMatchObject([{ code: 'WAITS_FOR_NOTHING', step: 'b' }])
    expect(undone).toEqual(['b', 'a'])
  })

  it('fails its undo, and the other undos still run', async () => {
    const undone: string[] = []
    const a = task('A', { run: () => undefined, undo: () => void undone.push('a') })
    const b = task('B', { needs: [a], run: () => Promise.reject(new Error('no')), undo: never })
    const { ended, of } = started(b, {}, (event, world) => {
      if (event.type === 'undo' && event.step === 'b' && event.state === 'start') setTimeout(world.starve, 10)
    })
    expect(await ended).toBe(1)
    expect(of('error').map(({ code, during }) => `${during} ${code}`)).toEqual(['run FAILED', 'undo WAITS_FOR_NOTHING'])
    expect(undone).toEqual(['a'])
    expect(of('result')).toMatchObject([{ undone: ['A'], left: ['B'] }])
  })
})

describe('an interrupt', () => {
  /** Sends the signal when a step prints `press`. */
  const pressing =
    (signal = 'SIGINT') =>
    (event: RunEvent, world: World) => {
      if (event.type === 'output' && event.line === 'press') world.signal(signal)
    }

  it('stops the running step, undoes newest first, and exits with 130', async () => {
    const order: string[] = []
    const first = task('First', { run: () => undefined, undo: () => void order.push('first') })
    const second = task('Second', {
      needs: [first],
      run: ({ $ }) => $`echo press; sleep 60`.then(() => undefined),
      undo: () => void order.push('second'),
    })
    const { ended, of } = started(second, {}, pressing())
    expect(await ended).toBe(130)
    expect(order).toEqual(['second', 'first'])
    expect(of('interrupt')).toEqual([{ type: 'interrupt', signal: 'SIGINT', step: 'second', title: 'Second' }])
    expect(of('error')).toMatchObject([{ code: 'INTERRUPTED', exitCode: 130 }])
  })

  it('keeps the result of a step that completed in spite of it', async () => {
    const seen: unknown[] = []
    const root = task('Stubborn', {
      async run({ signal, log }) {
        const aborted = until(signal)
        log('press')
        await aborted
        return { made: 'it' }
      },
      undo: ({ made }) => void seen.push(made),
    })
    expect(await started(root, {}, pressing('SIGTERM')).ended).toBe(130)
    expect(seen).toEqual(['it'])
  })

  it('abandons a step that does not stop, and reports it', async () => {
    const free = new AbortController()
    onTestFinished(() => free.abort())
    const undone: string[] = []
    const root = task('Deaf', {
      run({ log }) {
        log('press')
        return until(free.signal)
      },
      undo: () => void undone.push('deaf'),
    })
    const { ended, of } = started(root, { grace: 30 }, pressing())
    expect(await ended).toBe(130)
    expect(of('stuck')).toMatchObject([{ step: 'deaf' }])
    expect(undone).toEqual(['deaf'])
  })

  it('exits at once when repeated, and lists the steps left to undo', async () => {
    const first = task('First', { run: () => undefined, undo: () => undefined })
    const plain = task('Plain', { run: () => undefined })
    const bad = task('Bad', {
      run({ signal, log }) {
        const aborted = until(signal)
        log('press')
        return aborted
      },
      async undo({ signal, log }) {
        const aborted = until(signal)
        log('press')
        await aborted
        throw new Error('aborted')
      },
    })
    const { ended, of, world } = started(flow('All', [first, plain, bad]), {}, pressing())
    await ended
    expect(world.exits).toEqual([130])
    expect(of('abandon')).toEqual([{ type: 'abandon', signal: 'SIGINT', left: ['Bad', 'First'] }])
  })

  it('does not stop the undoing of a failed run', async () => {
    const first = task('First', { run: () => undefined, undo: ({ log }) => log('press') })
    const bad = task('Bad', { run: () => Promise.reject(new Error('no')) })
    const { ended, of, world } = started(flow('All', [first, bad]), {}, pressing())
    expect(await ended).toBe(1)
    expect(of('interrupt')).toEqual([{ type: 'interrupt', signal: 'SIGINT' }])
    expect(of('result')).toMatchObject([{ undone: ['First'] }])
    expect(world.exits).toEqual([])
  })

  it('ends a step that streams, which then prints nothing more', async () => {
    const root = task('Follow', {
      streams: true,
      async run({ log, print, signal }) {
        print('one')
        log('press')
        await until(signal)
      },
    })
    const { ended, of } = started(root, {}, pressing())
    expect(await ended).toBe(130)
    expect(of('print')).toEqual([{ type: 'print', step: 'follow', line: 'one' }])
  })

  it('is left to an interactive step', async () => {
    const root = task('Console', {
      interactive: true,
      run({ log }) {
        log('press')
        return { exitCode: 7 }
      },
    })
    const { ended, of } = started(root, {}, pressing())
    expect(await ended).toBe(7)
    expect(of('interrupt')).toEqual([])
  })
})

describe('a scope', () => {
  const scopeWith = (log: string[], more: Partial<OpenScope> = {}): Scope => ({
    name: 'web-1',
    async open(setting: RunSetting) {
      log.push(`open ${setting.command} ${setting.dryRun}`)
      return {
        context: kit => ({ host: `host of ${typeof kit.log}` }),
        async [Symbol.asyncDispose]() {
          log.push('close')
        },
        ...more,
      }
    },
  })

  it('is opened once, by the first step that needs it, and closed at the end', async () => {
    const log: string[] = []
    const own = definer<{ host: string }>(scopeWith(log))
    const none = task('None', { run: () => void log.push('none') })
    const a = own.task('A', { run: ({ host }) => void log.push(host) })
    const b = own.task('B', { run: () => void log.push('b') })
    expect(await started(flow('All', [none, a, b])).ended).toBe(0)
    expect(log).toEqual(['none', 'open it false', 'host of function', 'b', 'close'])
  })

  it('reports its traffic even when a secret equals one of the numbers', async () => {
    const hiding = redactor()
    hiding.hide(['1234'])
    const traffic = { roundTrips: 1234, sent: 1234, received: 0 }
    const own = definer<{ host: string }>(scopeWith([], { traffic: () => traffic }))
    const { ended, of } = started(own.task('A', { run: () => undefined }), { timings: true, redactor: hiding })
    await ended
    expect(of('result')).toMatchObject([{ traffic, timings: [{ traffic }] }])
  })

  it('has its traffic measured before and after each step, and after closing', async () => {
    const total = { roundTrips: 0, sent: 0, received: 0 }
    const travel = (roundTrips: number) => {
      total.roundTrips += roundTrips
      total.sent += 100 * roundTrips
      total.received += 10 * roundTrips
    }
    const scope = scopeWith([], { traffic: () => ({ ...total }), [Symbol.asyncDispose]: async () => travel(1) })
    const own = definer<{ host: string }>(scope)
    const none = task('None', { run: () => undefined })
    const a = own.task('A', { run: () => travel(2) })
    const b = own.task('B', { run: () => undefined })
    const c = own.task('C', { run: () => travel(3) })
    const { ended, of } = started(flow('All', [none, a, b, c]), { timings: true })
    expect(await ended).toBe(0)
    const expectedTraffic = (n: number) => ({ roundTrips: n, sent: 100 * n, received: 10 * n })
    expect(of('end').map(({ traffic }) => traffic)).toEqual([
      undefined,
      expectedTraffic(2),
      expectedTraffic(0),
      expectedTraffic(3),
    ])
    expect(of('result')).toMatchObject([{ traffic: expectedTraffic(6) }])
    expect(of('result')[0]?.timings?.map(({ traffic }) => traffic)).toEqual([
      undefined,
      expectedTraffic(2),
      expectedTraffic(0),
      expectedTraffic(3),
    ])
  })

  it('is told in the end which steps ran and what they said, without secrets and not what their undo said', async () => {
    const told: RunOutcome[] = []
    const hiding = redactor()
    hiding.hide(['sesame-street'])
    const ending = scopeWith([], {
      async ended(outcome) {
        told.push(outcome)
        return []
      },
    })
    const own = definer<{ host: string }>(ending)
    const a = own.task('A', {
      run: ({ note }) => note('at sesame-street'),
      undo: ({ note }) => note('taken back'),
    })
    const b = own.task('B', {
      run() {
        throw new Error('no')
      },
    })
    expect(await started(flow('All', [a, b]), { redactor: hiding }).ended).toBe(1)
    expect(told).toMatchObject([
      {
        ok: false,
        steps: [
          { title: 'A', note: `at ${MASK}`, ok: true, ms: expect.any(Number) },
          { title: 'B', note: undefined, ok: false },
        ],
      },
    ])
  })

  it('without traffic adds none to the events', async () => {
    const own = definer<{ host: string }>(scopeWith([], { traffic: () => undefined }))
    const { ended, events } = started(own.task('A', { run: () => undefined }), { timings: true })
    expect(await ended).toBe(0)
    expect(JSON.stringify(events)).not.toContain('traffic')
  })

  it('receives all tasks of the run when it is opened', async () => {
    const received: (readonly AnyTask[])[] = []
    const own = definer<{ host: string }>({
      name: 'web-1',
      async open({ tasks }) {
        received.push(tasks)
        return { context: () => ({}), async [Symbol.asyncDispose]() {} }
      },
    })
    const [a, b] = [own.task('A', { run: () => undefined }), task('B', { run: () => undefined })]
    await started(flow('All', [a, b])).ended
    expect(received).toEqual([[a, b]])
  })

  it('is closed only after the undo steps, which can use it', async () => {
    const log: string[] = []
    const own = definer<{ host: string }>(scopeWith(log))
    const a = own.task('A', { run: () => undefined, undo: ({ host }) => void log.push(`undo on ${host}`) })
    const bad = own.task('Bad', { needs: [a], run: () => Promise.reject(new Error('no')) })
    await started(bad).ended
    expect(log).toEqual(['open it false', 'undo on host of function', 'close'])
  })

  it('may know what the error of a step comes from', async () => {
    const scope = scopeWith([], { causeOf: error => (error instanceof Error ? faults.REFUSED({}) : error) })
    const { ended, events } = started(definer(scope).task('A', { run: () => Promise.reject(new Error('seen')) }))
    expect(await ended).toBe(3)
    expect(JSON.stringify(events)).not.toContain('seen')
  })

  it('fails the step when it cannot be opened, and that step is not undone', async () => {
    const own = definer({ name: 'x', open: () => Promise.reject(faults.REFUSED({})) })
    const undone: string[] = []
    const { ended } = started(own.task('A', { run: () => undefined, undo: () => void undone.push('a') }))
    expect(await ended).toBe(3)
    expect(undone).toEqual([])
  })

  it('is reported when it does not close, and does not keep the program running', async () => {
    const hangs = scopeWith([], { [Symbol.asyncDispose]: () => new Promise<void>(() => {}) })
    const fails = scopeWith([], { [Symbol.asyncDispose]: () => Promise.reject(new Error('lost')) })
    const a = definer(hangs).task('A', { run: () => undefined })
    const b = definer(fails).task('B', { run: () => undefined })
    const { ended, of } = started(flow('All', [a, b]), { grace: 20 })
    expect(await ended).toBe(0)
    expect(of('error').map(({ during, message }) => [during, message])).toEqual([
      ['close', 'lost'],
      ['close', 'web-1 did not close within 0.02 s'],
    ])
  })
})

describe('a dry run', () => {
  it('prints local commands instead of running them, and supports pipes and options', async () => {
    const root = task('Write', {
      async run({ $, dryRun }) {
        const output = await $`touch ${'/nonexistent/a b'}`.pipe`cat > /nonexistent/c`
        const text = await $({ nothrow: true, cwd: '/', env: { ...process.env, MODE: 'a b' } })`false`.text()
        return { all: [dryRun, output.exitCode, text] }
      },
    })
    const seen: unknown[] = []
    const reader = task('Look', { needs: [root], run: ({ all }) => void seen.push(...all) })
    const { ended, of } = started(reader, { dryRun: true })
    expect(await ended).toBe(0)
    expect(seen).toEqual([true, 0, ''])
    expect(of('output').map(({ line }) => line)).toEqual([
      "would run: touch $'/nonexistent/a b'",
      'would run: cat > /nonexistent/c',
      "would run: export MODE=$'a b'; cd /; false",
    ])
  })

  it('undoes nothing, because nothing was done', async () => {
    const undone: string[] = []
    const a = task('A', { run: () => undefined, undo: () => void undone.push('a') })
    const bad = task('Bad', { needs: [a], run: () => Promise.reject(new Error('no')) })
    expect(await started(bad, { dryRun: true }).ended).toBe(1)
    expect(undone).toEqual([])
  })
})

describe('local commands', () => {
  it('send each line of both streams to the step', async () => {
    const { ended, of } = started(
      task('Talk', { run: ({ $ }) => $`echo out; echo err >&2; printf end`.then(() => undefined) }),
    )
    await ended
    expect(
      of('output')
        .map(({ line }) => line)
        .toSorted(),
    ).toEqual(['end', 'err', 'out'])
  })

  it('print nothing when quiet or piped', async () => {
    const { ended, of } = started(
      task('Whisper', {
        async run({ $ }) {
          await $({ quiet: true })`echo quiet`
          await $`echo piped`.pipe`tr a-z A-Z`
        },
      }),
    )
    await ended
    expect(of('output').map(({ line }) => line)).toEqual(['PIPED'])
  })

  it('run in the folder of the Taskfile', async () => {
    const { ended, of } = started(task('Where', { run: ({ $ }) => $`pwd`.then(() => undefined) }))
    await ended
    expect(of('output')).toMatchObject([{ line: import.meta.dirname }])
  })

  it('do not read a start-up file of the shell', async () => {
    const home = await mkdtemp(join(tmpdir(), 'switchyard-home-'))
    await writeFile(join(home, '.bashrc'), 'echo start-up file\n')
    vi.stubEnv('HOME', home).stubEnv('SHLVL', undefined)
    const { ended, of } = started(task('Hello', { run: ({ $ }) => $`echo hello`.then(() => undefined) }))
    await ended
    vi.unstubAllEnvs()
    await rm(home, { recursive: true })
    expect(of('output').map(({ line }) => line)).toEqual(['hello'])
  })

  it('succeed when piped into a command that stops reading', async () => {
    const root = task('Head', { run: ({ $ }) => $({ nothrow: true })`seq 300000`.pipe`head -1`.then(() => undefined) })
    const { ended, of } = started(root)
    await ended
    expect(of('output')).toMatchObject([{ line: '1' }])
  })

  it('leave the global settings of zx unchanged', async () => {
    const { $ } = await import('zx/core')
    const settings = () => [$.verbose, $.quiet, $.cwd, $.log, $.spawn, $.detached]
    const before = settings()
    await started(task('Do', { run: ({ $ }) => $`true`.then(() => undefined) })).ended
    expect(settings()).toEqual(before)
  })
})

describe('hidden values', () => {
  it('are redacted in output (even when split), notes, results, errors, stacks and thrown values', async () => {
    const secret = 'hunter2-hunter2'
    const scope: Scope = {
      name: 'x',
      async open({ hide }) {
        hide([secret, '918273'])
        return { context: () => ({}), [Symbol.asyncDispose]: async () => undefined }
      },
    }
    const own = definer(scope)
    const talk = own.task('Talk', {
      async run({ $, log, note, show }) {
        log(`log ${secret}`)
        note(`note ${secret}`)
        show(`show ${secret}`, { deep: [{ [secret]: secret, code: secret, type: secret }], number: 918273 })
        await $`printf hunter2-; sleep 0.05; printf 'hunter2\n'; printf hunter2-hun >&2; sleep 0.05; echo ter2 >&2`
      },
      undo: () => Promise.reject(`thrown ${secret}`),
    })
    const dies = own.task('Die', { needs: [talk], run: ({ $ }) => $`echo ${secret} >&2; exit 1`.then(() => undefined) })
    const { ended, events, of } = started(dies)
    expect(await ended).toBe(1)
    const all = JSON.stringify(events)
    expect(all).not.toMatch(/hunter2|918273/)
    expect(of('output').filter(({ line }) => line === MASK)).toHaveLength(3)
    expect(of('error')).toMatchObject([{ command: `echo ${MASK} >&2; exit 1` }, { code: 'THROWN' }])
    expect(of('show')).toMatchObject([{ data: { deep: [{ [MASK]: MASK, code: MASK, type: MASK }], number: MASK } }])
  })

  it('are redacted in the output of a dry run', async () => {
    const hidden = redactor()
    hidden.hide(['s3cret-token'])
    const root = task('Call', { run: ({ $ }) => $`curl -H ${'Authorization: s3cret-token'} x`.then(() => undefined) })
    const { ended, of } = started(root, { dryRun: true, redactor: hidden })
    await ended
    expect(of('output')).toMatchObject([{ line: `would run: curl -H $'Authorization: ${MASK}' x` }])
  })
})

describe('a confirmation', () => {
  it.each([
    ['y', true],
    ['Yes', true],
    ['n', false],
    ['', false],
    [undefined, false],
  ])('answered with %j returns %s', async (answer, expected) => {
    const seen: boolean[] = []
    const root = task('Ask', { run: async ({ confirm }) => void seen.push(await confirm('Go on?')) })
    const handle = () => undefined
    const nothing = async () => undefined
    await started(root, {
      renderer: { handle, unwind: nothing, leave: nothing, close: nothing, ask: async () => answer },
    }).ended
    expect(seen).toEqual([expected])
  })
})
