/** The sentences of the `Runtime` contract, for any implementation. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import { perform } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { Plugin, PluginContext, Release, Runtime, Slot, SlotProcess } from '../../slots/contracts.ts'
import { environmentFile } from '../../slots/environment/environment.ts'
import { type Bound, bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'

type Environment = Readonly<Record<string, string>>

/** A way to misbehave: the environment that makes the application do so, and what it writes then. */
interface Misbehaviour {
  readonly env: Environment
  readonly says: string
}

/** One implementation to be tested, on a host of its own where its provision is in force and both slots are down. */
export interface RuntimeUnderTest extends AsyncDisposable {
  readonly plugin: Plugin<Runtime>
  /** Whose user may do as root what the provision lists, and nothing else. */
  readonly host: Host
  readonly slots: readonly [Slot, Slot]
  /** Two versions, unpacked on the host. The application of each answers `/health`, on PORT, with JSON that holds its `version`. */
  readonly releases: readonly [Release, Release]
  /** Its `log` adds to `logged`. */
  kit(): PluginContext
  readonly logged: string[]
  /** Puts a release into a slot as a deploy does, with the runtime's environment and this one; starts nothing. */
  fill(slot: Slot, release: Release, env?: Environment): Promise<void>
  /** Waits until the application in a slot answers `/health`, and resolves to the answer. */
  answers(slot: Slot): Promise<string>
  /** An environment variable as the application that runs in a slot sees it; undefined when it is not set. */
  variable(slot: Slot, name: string): Promise<string | undefined>
  /** Makes the application that runs in a slot write a line to its log. */
  print(slot: Slot, line: string): Promise<void>
  /** Resolves when `log` can read all that was written so far. */
  flushLog(): Promise<void>
  /** Makes the application ignore SIGTERM. The runtime's stop limit is short. Undefined where the application cannot. */
  readonly ignoresSigterm: Environment | undefined
  /** Makes the application end as it starts, after at least two lines. Undefined where it cannot. */
  readonly endsAtOnce: Misbehaviour | undefined
  /** What the migrations say when they do something, and how they are made to fail; for runtimes that have `migrate`. */
  readonly migrations?: { readonly env: Environment; readonly says: string; readonly fails: Misbehaviour }
  /** Expressions for runtimes that have `rpc`. `quoting` prints `it's <version>`. */
  readonly expressions?: {
    readonly version: string
    readonly quoting: string
    readonly fails: string
    readonly says: string
  }
}

const SECONDS = 1000
const FACTS = { user: 'deploy', group: 'deploy' }

export function runtimeContract(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(name, () => {
    let it: RuntimeUnderTest
    let runtime: Bound<Runtime>
    let blue: Slot
    let green: Slot
    let old: Release
    let fresh: Release
    beforeAll(async () => {
      it = await open()
      runtime = bound(it.host, it.plugin.create(it.kit()))
      ;[blue, green] = it.slots
      ;[old, fresh] = it.releases
    })
    afterAll(() => it?.[Symbol.asyncDispose]())
    afterEach(async () => {
      for (const slot of it.slots) await runtime.stop(slot)
      it.logged.length = 0
    })
    const start = async (slot: Slot, release: Release, env?: Environment): Promise<SlotProcess> => {
      await it.fill(slot, release, env)
      await runtime.start(release, slot)
      await it.answers(slot)
      return runtime.process(slot)
    }
    const versionIn = async (slot: Slot) => JSON.parse(await it.answers(slot)).version
    /** Waits for a state; the test's own limit ends a wait in vain. */
    const until = async (slot: Slot, state: SlotProcess['state']): Promise<SlotProcess> => {
      for (;;) {
        const process = await runtime.process(slot)
        if (process.state === state) return process
      }
    }
    /** One that has ended, but that nobody has asked about yet, is a zombie. */
    const alive = async (pid: number | undefined) =>
      (await it.host.run(sh.read`grep -q '^State:.[^Z]' ${`/proc/${pid}/status`}`)).code === 0
    /** What the suite needs of an application that has to misbehave for this row. */
    const given = <T>(ability: T | undefined, skip: (note: string) => never): T =>
      ability ?? skip('this application cannot do that')
    /** Starts an application that ends at once, and waits until the runtime knows. */
    const startInVain = async ({ env }: Misbehaviour): Promise<SlotProcess> => {
      await it.fill(blue, old, env)
      await runtime.start(old, blue)
      return until(blue, 'failed')
    }

    describe('environment', () => {
      test('tells the application its port, and is of the same names in each slot', () => {
        const environments = it.slots.map(slot => runtime.environment(slot))
        expect(environments.map(({ PORT }) => PORT)).toEqual(it.slots.map(({ port }) => String(port)))
        const [first, second] = environments.map(environment => Object.keys(environment))
        expect(first).toEqual(second)
        for (const environment of environments) expect(() => environmentFile(environment)).not.toThrow()
      })
    })

    describe('provision', () => {
      test('is plain data, the same each time', () => {
        expect(runtime.provision(FACTS)).toEqual(it.plugin.create(it.kit()).provision(FACTS))
      })

      test('wants exact command lines of sudo, by full path and without a wildcard', () => {
        for (const [program, ...words] of runtime.provision(FACTS).sudo) {
          expect(program).toMatch(/^\/usr\/s?bin\/\w+$/)
          expect(words.join(' ')).not.toMatch(/[*?[\]\\]/)
        }
      })
    })

    describe('start', () => {
      test('resolves when the process of that release is there', async () => {
        await it.fill(blue, fresh)
        await runtime.start(fresh, blue)
        const process = await runtime.process(blue)
        expect(process).toEqual({ state: 'running', pid: expect.any(Number), uptime: expect.any(Number) })
        expect(await alive(process.pid)).toBe(true)
        expect(await versionIn(blue)).toBe(fresh.version)
        expect((await runtime.process(blue)).pid).toBe(process.pid)
      })

      test('gives its process a pid that a script can ask for, and a slot that is down none', async () => {
        const { pid } = await start(blue, old)
        expect(await it.host.capture(runtime.pid(blue))).toBe(String(pid))
        expect(await it.host.capture(runtime.pid(green))).toBe('')
      })

      test('and stop are not run behind what failed in their pipeline', async () => {
        const { pid } = await start(blue, old)
        await it.fill(green, fresh)
        const { start: starts, stop } = it.plugin.create(it.kit())
        for (const query of [stop(blue), starts(fresh, green)]) {
          const batch = it.host.pipeline()
          batch.push(perform(sh.write`exit 1`))
          const skipped = batch.add<unknown>(query)
          await expect(batch.run()).rejects.toMatchObject({ code: 'COMMAND_FAILED' })
          await expect(skipped).rejects.toMatchObject({ code: 'COMMAND_SKIPPED' })
        }
        expect((await runtime.process(blue)).pid).toBe(pid)
        expect(await runtime.process(green)).toEqual({ state: 'stopped' })
      })

      test('refuses a slot that runs already, and leaves its process alone', async () => {
        const before = await start(blue, old)
        expect(await faultOf(runtime.start(old, blue))).toMatchObject({ code: 'SLOT_RUNS_ALREADY', exitCode: 3 })
        expect((await runtime.process(blue)).pid).toBe(before.pid)
      })

      test("refuses a release that the slot's `current` does not name", async () => {
        await it.fill(blue, old)
        expect(await faultOf(runtime.start(fresh, blue))).toMatchObject({
          code: 'SLOT_NAMES_OTHER_RELEASE',
          exitCode: 1,
        })
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })

      test('gives the application the bytes of its env file', async () => {
        const values = {
          TRICKY: ' $HOME `id` $(id) "quoted" \'single\' \\n \\ # & ! % ~ ; * ',
          LINES: '\nfirst\n\n  second\tthird\\\n',
          UNICODE: 'zürich 🚀 漢字 \u0085',
          EMPTY: '',
        }
        await start(blue, old, values)
        for (const [name, value] of Object.entries(values)) expect(await it.variable(blue, name), name).toBe(value)
        expect(await it.variable(blue, 'NOT_THERE')).toBeUndefined()
      })

      test('and stop only say in a dry run what they would run', async () => {
        await it.fill(blue, old)
        const printed: string[] = []
        const dry = bound(
          dryHost(it.host, line => printed.push(line)),
          it.plugin.create({ ...it.kit(), dryRun: true }),
        )
        await dry.start(old, blue)
        await dry.stop(blue)
        expect(printed.join('\n')).toContain(blue.name)
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })
    })

    describe('stop', () => {
      test('resolves when the process is gone and its port is free', async () => {
        const { pid } = await start(blue, old)
        expect(await runtime.stop(blue)).toEqual({ was: 'running', killed: false })
        expect(await alive(pid)).toBe(false)
        expect(await it.host.capture(sh.read`ss -Hltn ${`sport = :${blue.port}`}`)).toBe('')
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })

      test('accepts a slot that is down', async () => {
        expect(await runtime.stop(green)).toEqual({ was: 'stopped', killed: false })
      })

      test('leaves the other slot alone', async () => {
        const processes = [await start(blue, old), await start(green, fresh)]
        expect(processes[0]?.pid).not.toBe(processes[1]?.pid)
        await runtime.stop(blue)
        expect((await runtime.process(green)).pid).toBe(processes[1]?.pid)
        expect(await versionIn(green)).toBe(fresh.version)
      })

      test('kills what does not end within the limit, and says so', async ({ skip }) => {
        const { pid } = await start(blue, old, given(it.ignoresSigterm, skip))
        expect(await runtime.stop(blue)).toEqual({ was: 'running', killed: true })
        expect(await alive(pid)).toBe(false)
        expect(it.logged.join('\n')).toMatch(new RegExp(`${blue.name} .*killed`))
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })
    })

    describe('an application that ends at once', () => {
      test('is failed, its log says why, and it can be stopped', async ({ skip }) => {
        const fault = given(it.endsAtOnce, skip)
        expect(await startInVain(fault)).toEqual({ state: 'failed' })
        await it.flushLog()
        expect(await runtime.log(blue, 50)).toContain(fault.says)
        expect((await runtime.stop(blue)).killed).toBe(false)
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })

      test('is not in the log of the start after it', async ({ skip }) => {
        const fault = given(it.endsAtOnce, skip)
        await startInVain(fault)
        await runtime.stop(blue)
        await start(blue, old)
        await it.print(blue, 'the second start')
        const log = () => runtime.log(blue, 100)
        await expect.poll(log, { timeout: 10 * SECONDS }).toContain('the second start')
        expect(await log()).not.toContain(fault.says)
      })

      test('has a log of which the last lines can be had, and no more', async ({ skip }) => {
        await startInVain(given(it.endsAtOnce, skip))
        // Nothing is written between the two looks: it is not tried again, and all that was said has arrived.
        await runtime.stop(blue)
        await it.flushLog()
        const all = (await runtime.log(blue, 1000)).split('\n')
        expect(all.length).toBeGreaterThan(1)
        expect(await runtime.log(blue, 1)).toBe(all.at(-1))
      })
    })

    describe('migrate', () => {
      /** The method, and what the suite was told of the migrations; a runtime that has the one must bring the other. */
      const migrating = (skip: (note: string) => never) => {
        const { migrate = skip('this runtime has no migrate') } = runtime
        if (it.migrations === undefined)
          throw new Error('The runtime has `migrate`, but its test tells no `migrations`.')
        return { migrate, ...it.migrations }
      }

      test('runs beside the application, and again without harm', async ({ skip }) => {
        const { migrate, env, says } = migrating(skip)
        const { pid } = await start(blue, old, env)
        await migrate(old, blue)
        expect(it.logged.join('\n')).toContain(says)
        await migrate(old, blue)
        expect((await runtime.process(blue)).pid).toBe(pid)
      })

      test('is a fault with the end of the output when it fails', async ({ skip }) => {
        const { migrate, fails } = migrating(skip)
        await it.fill(green, fresh, fails.env)
        const fault = await faultOf(migrate(fresh, green))
        expect(fault).toMatchObject({ code: 'MIGRATION_FAILED', exitCode: 1 })
        expect(fault.message).toContain(fresh.name)
        expect(fault.detail).toContain(fails.says)
      })
    })

    describe('console', () => {
      test('without a terminal says that it needs one, and ends', async ({ skip }) => {
        const { console = skip('this runtime has no console') } = runtime
        await start(blue, old)
        const { code, stderr } = await it.host.run({ writes: false, text: console(blue) })
        expect(code).toBe(2)
        expect(stderr).toContain('The console needs a terminal.')
      })
    })

    describe('rpc', () => {
      const asking = (skip: (note: string) => never) => {
        const { rpc = skip('this runtime has no rpc') } = runtime
        if (it.expressions === undefined) throw new Error('The runtime has `rpc`, but its test tells no `expressions`.')
        return { rpc, ...it.expressions }
      }

      test('evaluates in that slot, and says what was printed', async ({ skip }) => {
        const { rpc, version, quoting } = asking(skip)
        await start(blue, old)
        await start(green, fresh)
        expect(await rpc(blue, version)).toBe(old.version)
        expect(await rpc(green, quoting)).toBe(`it's ${fresh.version}`)
      })

      test('is a fault when the expression fails, and when the slot is down', async ({ skip }) => {
        const { rpc, version, fails, says } = asking(skip)
        await start(blue, old)
        const failed = await faultOf(rpc(blue, fails))
        expect(failed).toMatchObject({ code: 'RPC_FAILED', exitCode: 1, detail: expect.stringContaining(says) })
        expect(await faultOf(rpc(green, version))).toMatchObject({ code: 'RPC_FAILED' })
      })
    })
  })
}
