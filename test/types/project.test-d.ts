import { beam, docker, nginx, project, type Release, type Slot, ssh } from 'switchyard'
import { describe, expectTypeOf, it } from 'vitest'
import type { Artifact, SlotProcess } from '../../index.ts'
import type { deploy, migrate, promote, startIdle } from '../../Taskfile.ts'

type Two = Slot<'blue' | 'green'>

const base = { app: 'a', host: ssh('x'), build: docker({}), router: nginx({ site: 's.example' }), runtime: beam() }

describe('the standard tasks of a project', () => {
  it('want a slot of that project, where they want one', () => {
    expectTypeOf<(typeof promote)['~in']['slot']>().toEqualTypeOf<Two>()
    expectTypeOf<(typeof migrate)['~in']['slot']>().toEqualTypeOf<Two | undefined>()
  })

  it('give what those that come after them use', () => {
    expectTypeOf<(typeof startIdle)['~out']['artifact']>().toEqualTypeOf<Artifact>()
    expectTypeOf<(typeof startIdle)['~out']['release']>().toEqualTypeOf<Release>()
    expectTypeOf<(typeof startIdle)['~out']['idle']>().toEqualTypeOf<Two>()
    expectTypeOf<(typeof deploy)['~out']['live']>().toEqualTypeOf<Two | undefined>()
  })
})

describe('a project', () => {
  it('wants a port for each slot', () => {
    // @ts-expect-error `prt` is no property of a slot
    project({ ...base, slots: { a: { prt: 1 }, b: { port: 2 } } })
  })

  it('refuses a plugin in the wrong place', () => {
    // @ts-expect-error a router is no runtime
    project({ ...base, runtime: nginx({ site: 's.example' }), slots: { a: { port: 1 }, b: { port: 2 } } })
  })

  const { task, tasks, slot } = project({ ...base, slots: { a: { port: 4000 }, b: { port: 5000 } } })

  it('lets a task use what its needs gave, and nothing else', () => {
    task('x', {
      needs: [tasks.build],
      run: ({ artifact }) => expectTypeOf(artifact).toEqualTypeOf<Artifact>() && undefined,
    })
    // @ts-expect-error `artifact` is only there after `build`
    task('x', { run: ({ artifact }) => void artifact })
  })

  it('gives its own plugins to its tasks, with what only they can do', () => {
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
