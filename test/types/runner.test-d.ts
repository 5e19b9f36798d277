import { describe, expectTypeOf, it } from 'vitest'
import type { ProcessPromise } from 'zx/core'
import { arg } from '../../runner/cli/args.ts'
import { catalogue, type Fault, fault } from '../../runner/fault.ts'
import { type Arg, definer, type Scope, type Task, type TaskContext } from '../../runner/task.ts'

interface Slot {
  readonly name: 'blue' | 'green'
}
declare const scope: Scope
const { task, flow } = definer<{ readonly host: string }>(scope)
const slot: Arg<Slot> = arg.from('slot', ['blue', 'green'], name => ({ name }) as Slot)

const build = task('Build', { run: async () => ({ artifact: { path: 'a.tgz', version: '1' } }) })
const upload = task('Upload', {
  needs: [build],
  run: ({ artifact }) => ({ release: `${artifact.version}-3fa9c21` }),
})
const detect = task('Detect', {
  run: (): { live: Slot | undefined; idle: Slot } => ({ live: undefined, idle: { name: 'blue' } }),
})
const start = task('Start', { needs: [upload, detect], run: ({ release, idle }) => void [release, idle] })
const promote = task('Promote', { args: { slot }, run: ({ slot: to }) => void to })
const migrate = task('Migrate', { args: { slot: slot.optional() }, needs: [detect], run: () => undefined })

describe('arguments', () => {
  it('have the type of what they parse to', () => {
    expectTypeOf(arg.text('a')).toEqualTypeOf<Arg<string>>()
    expectTypeOf(arg.integer('a')).toEqualTypeOf<Arg<number>>()
    expectTypeOf(arg.duration('a')).toEqualTypeOf<Arg<number>>()
    expectTypeOf(arg.flag('a')).toEqualTypeOf<Arg<boolean>>()
    expectTypeOf(arg.choice(['fast', 'safe'], 'a')).toEqualTypeOf<Arg<'fast' | 'safe'>>()
    expectTypeOf(arg.from('slot', ['blue'], () => new Date())).toEqualTypeOf<Arg<Date>>()
    expectTypeOf(arg.integer('a').optional()).toEqualTypeOf<Arg<number | undefined>>()
    expectTypeOf(arg.time('a', { short: 't' })).toEqualTypeOf<Arg<Date>>()
    expectTypeOf(arg.rest('a')).toEqualTypeOf<Arg<readonly string[]>>()
    expectTypeOf(arg.rest('a').optional()).toEqualTypeOf<Arg<readonly string[] | undefined>>()
    // @ts-expect-error only a number has a least value
    arg.text('a', { least: 0 })
  })

  it('are in the context, optional ones possibly undefined', () => {
    task('x', {
      args: { slot, wait: arg.duration('w').optional(), force: arg.flag('f') },
      run(context) {
        expectTypeOf(context.slot).toEqualTypeOf<Slot>()
        expectTypeOf(context.wait).toEqualTypeOf<number | undefined>()
        expectTypeOf(context.force).toEqualTypeOf<boolean>()
      },
    })
  })

  it('of needed tasks are required too', () => {
    expectTypeOf(promote['~in']).toEqualTypeOf<{ slot: Slot }>()
    expectTypeOf(migrate['~in']).toEqualTypeOf<{ slot: Slot | undefined }>()
    const after = task('x', { needs: [promote], args: { n: arg.integer('n') }, run: () => undefined })
    expectTypeOf(after['~in']).toEqualTypeOf<{ n: number; slot: Slot }>()
  })

  it('are required if they are required in one task and optional in another', () => {
    expectTypeOf(flow('x', [migrate, promote])['~in']).toEqualTypeOf<{ slot: Slot }>()
  })
})

describe('a task that streams', () => {
  it('has `print` and whether it has the terminal, and takes the terminal as its definition says', () => {
    task('x', {
      interactive: 'if there is one',
      streams: true,
      args: { command: arg.rest('a') },
      run({ print, terminal, command }) {
        expectTypeOf(terminal).toEqualTypeOf<boolean>()
        expectTypeOf(command).toEqualTypeOf<readonly string[]>()
        print('a', { label: 'blue', data: { n: 1 }, to: 'stderr' })
        // @ts-expect-error there is no such stream
        print('a', { to: 'stdin' })
      },
    })
    // @ts-expect-error neither a boolean nor 'if there is one'
    task('x', { interactive: 'sometimes', run: () => undefined })
  })
})

describe('the context of a task', () => {
  it('has the general properties and those of its project', () => {
    task('x', {
      run(context) {
        expectTypeOf(context).toExtend<TaskContext>()
        expectTypeOf(context.host).toEqualTypeOf<string>()
        expectTypeOf(context.$`ls`).toEqualTypeOf<ProcessPromise>()
        expectTypeOf(context.$({ nothrow: true })`ls`).toEqualTypeOf<ProcessPromise>()
      },
    })
  })

  it('has the results of all needed tasks, direct or indirect', () => {
    task('x', {
      needs: [start],
      run({ artifact, release, live, idle }) {
        expectTypeOf(artifact).toEqualTypeOf<{ path: string; version: string }>()
        expectTypeOf(release).toEqualTypeOf<string>()
        expectTypeOf(live).toEqualTypeOf<Slot | undefined>()
        expectTypeOf(idle).toEqualTypeOf<Slot>()
      },
    })
  })

  it('has no results of other tasks', () => {
    // @ts-expect-error `artifact` exists only after `build`
    task('x', { run: ({ artifact }) => void artifact })
    // @ts-expect-error `release` exists only after `upload`
    task('x', { needs: [build], run: ({ release }) => void release })
    // @ts-expect-error `slot` is not an argument of this task
    task('x', { needs: [build], run: ({ slot: to }) => void to })
    // @ts-expect-error `host` belongs to a project
    definer().task('x', { run: ({ host }) => void host })
  })

  it('of an undo also has the result of its own run, possibly undefined', () => {
    task('x', {
      needs: [build],
      run: () => ({ made: 1 }),
      undo({ artifact, made }) {
        expectTypeOf(artifact.path).toEqualTypeOf<string>()
        expectTypeOf(made).toEqualTypeOf<number | undefined>()
      },
    })
  })
})

describe('the result of a task', () => {
  it('includes the results of its needs', () => {
    expectTypeOf(start).toExtend<Task<object, object>>()
    expectTypeOf(start['~out']).toEqualTypeOf<{
      artifact: { path: string; version: string }
      release: string
      live: Slot | undefined
      idle: Slot
    }>()
    expectTypeOf(promote['~out']).toEqualTypeOf<{}>()
  })

  it('includes the results of all tasks of a flow', () => {
    const deploy = flow('Deploy', [build, detect, start])
    expectTypeOf(deploy['~out'].idle).toEqualTypeOf<Slot>()
    expectTypeOf(deploy['~in']).toEqualTypeOf<{}>()
    task('x', {
      needs: [deploy],
      run({ artifact }) {
        expectTypeOf(artifact.version).toEqualTypeOf<string>()
      },
    })
  })

  it('must be an object', () => {
    // @ts-expect-error a task returns an object or nothing
    task('x', { run: () => 3 })
    // @ts-expect-error the same for a promise
    task('x', { run: async () => 'done' })
  })
})

describe('a value that is not a task', () => {
  it('cannot be needed', () => {
    // @ts-expect-error a title is not a task
    task('x', { needs: ['build'], run: () => undefined })
    // @ts-expect-error a flow contains only tasks
    flow('x', [build, undefined])
    // @ts-expect-error an argument must be made with `arg`
    task('x', { args: { n: 3 }, run: () => undefined })
    // @ts-expect-error a task requires `run`
    task('x', { needs: [build] })
  })
})

describe('a catalogue of faults', () => {
  it('requires the data of each entry', () => {
    const faults = catalogue({
      LOST: fault<{ host: string }>({ exitCode: 1, message: d => d.host, hint: () => 'Wait.' }),
    })
    expectTypeOf(faults.LOST).parameters.toEqualTypeOf<[data: { host: string }, cause?: unknown]>()
    expectTypeOf(faults.LOST({ host: 'a' })).toEqualTypeOf<Fault>()
    // @ts-expect-error the host is missing
    faults.LOST({})
    // @ts-expect-error exit codes are 1, 2, 3 and 130
    fault({ exitCode: 4, message: () => '', hint: () => '' })
  })
})
