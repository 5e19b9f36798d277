import { beam, docker, nginx, project, type Release, type Slot, ssh } from 'switchyard-deploy'
import { describe, expectTypeOf, it } from 'vitest'
import type { Artifact, SlotProcess } from '../../index.ts'
import type { deploy, migrate, promote, startIdle } from '../../Taskfile.ts'

type Two = Slot<'blue' | 'green'>

const base = { app: 'a', host: ssh('x'), build: docker({}), router: nginx({ site: 's.example' }), runtime: beam() }

describe('the standard tasks of a project', () => {
  it('take only slots of that project', () => {
    expectTypeOf<(typeof promote)['~in']['slot']>().toEqualTypeOf<Two>()
    expectTypeOf<(typeof migrate)['~in']['slot']>().toEqualTypeOf<Two | undefined>()
  })

  it('return what later tasks use', () => {
    expectTypeOf<(typeof startIdle)['~out']['artifact']>().toEqualTypeOf<Artifact | undefined>()
    expectTypeOf<(typeof startIdle)['~out']['release']>().toEqualTypeOf<Release>()
    expectTypeOf<(typeof startIdle)['~out']['idle']>().toEqualTypeOf<Two>()
    expectTypeOf<(typeof deploy)['~out']['live']>().toEqualTypeOf<Two | undefined>()
  })
})

describe('a project', () => {
  it('requires a port for each slot', () => {
    // @ts-expect-error `prt` is not a property of a slot
    project({ ...base, slots: { a: { prt: 1 }, b: { port: 2 } } })
  })

  it('rejects a plugin in the wrong place', () => {
    // @ts-expect-error a router is not a runtime
    project({ ...base, runtime: nginx({ site: 's.example' }), slots: { a: { port: 1 }, b: { port: 2 } } })
  })

  const { task, tasks, slot } = project({ ...base, slots: { a: { port: 4000 }, b: { port: 5000 } } })

  it('gives a task the results of its needs, and nothing else', () => {
    task('x', {
      needs: [tasks.build],
      run: ({ artifact }) => expectTypeOf(artifact).toEqualTypeOf<Artifact>() && undefined,
    })
    // @ts-expect-error `artifact` exists only after `build`
    task('x', { run: ({ artifact }) => void artifact })
  })

  it('gives its tasks its own plugins, with their specific methods', () => {
    task('x', {
      args: { slot },
      async run({ host, runtime, slot }) {
        expectTypeOf(slot).toEqualTypeOf<Slot<'a' | 'b'>>()
        expectTypeOf(await host.query(runtime.process(slot))).toEqualTypeOf<SlotProcess>()
        expectTypeOf(await host.query(runtime.rpc(slot, 'node()'))).toEqualTypeOf<string>()
      },
    })
  })
})

describe('a project with destinations', () => {
  const { host, router, ...shared } = base
  const slots = { a: { port: 4000 }, b: { port: 5000 } }

  it('is complete if each destination adds what the shared part lacks', () => {
    const { slot, task } = project({
      ...shared,
      slots,
      destinations: { staging: { host, router }, production: { host, router, confirm: false } },
      default: 'staging',
    })
    task('x', {
      args: { slot },
      async run({ host, runtime, slot, destination }) {
        expectTypeOf(slot).toEqualTypeOf<Slot<'a' | 'b'>>()
        expectTypeOf(destination).toEqualTypeOf<string | undefined>()
        expectTypeOf(await host.query(runtime.rpc(slot, 'node()'))).toEqualTypeOf<string>()
      },
    })
  })

  it('may have slots of its own in each destination', () => {
    const { slot } = project({
      ...base,
      destinations: { staging: { slots }, production: { slots: { c: { port: 4100 }, d: { port: 5100 } }, app: 'b' } },
    })
    expectTypeOf(slot.parse).returns.toEqualTypeOf<Slot<'a' | 'b' | 'c' | 'd'>>()
  })

  it('is refused if a destination lacks an option that the shared part lacks too', () => {
    // @ts-expect-error production has no host
    project({ ...shared, slots, destinations: { staging: { host, router }, production: { router } } })
  })

  it('is refused with a default that is no destination', () => {
    // @ts-expect-error `stage` is not a destination
    project({ ...base, slots, destinations: { staging: {} }, default: 'stage' })
  })

  it('is refused with an option that does not exist', () => {
    // @ts-expect-error `rooter` is not an option
    project({ ...base, slots, destinations: { staging: { rooter: router } } })
  })
})

it('the types that a plugin of another package needs are exported', () => {
  type Exported = import('switchyard-deploy').PluginContext &
    Pick<import('switchyard-deploy').RemoteProcess, 'lines'> &
    Pick<import('switchyard-deploy').TaskContext, 'signal'> &
    Pick<import('switchyard-deploy').Verification, 'verified'> &
    Pick<import('switchyard-deploy').VerifyLimits, 'answers'>
  expectTypeOf<Exported>().toHaveProperty('layout')
})
