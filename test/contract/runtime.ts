/** The `Runtime` contract as a test suite for any implementation. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import { perform } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import type { LogFilter, Plugin, PluginContext, Release, Runtime, Slot, SlotProcess } from '../../slots/contracts.ts'
import { environmentFile } from '../../slots/environment/environment.ts'
import { type Bound, bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { PATIENCE } from './patience.ts'

type Environment = Readonly<Record<string, string>>

/** A way to misbehave: the environment that makes the application do so, and text that it prints then. */
interface Misbehaviour {
  readonly env: Environment
  readonly says: string
}

/** The implementation to test, on a host of its own on which its provision is installed and both slots are down. */
export interface RuntimeUnderTest extends AsyncDisposable {
  readonly plugin: Plugin<Runtime>
  /** The host. Its user may run as root what the provision lists, and nothing else. */
  readonly host: Host
  readonly slots: readonly [Slot, Slot]
  /** Two versions, unpacked on the host. The application of each listens on PORT, and responds to `/health` with JSON that has its `version`. */
  readonly releases: readonly [Release, Release]
  /** The context that the plugin is created with. Its `log` adds to `logged`. */
  kit(): PluginContext
  readonly logged: string[]
  /** Puts a release into a slot as a deploy does, with the runtime's environment and `env`; starts nothing. */
  fill(slot: Slot, release: Release, env?: Environment): Promise<void>
  /** Waits until the application in a slot responds to `/health`, and resolves to the body. */
  answers(slot: Slot): Promise<string>
  /** The value of an environment variable in the application that runs in a slot; undefined if it is not set. */
  variable(slot: Slot, name: string): Promise<string | undefined>
  /** Makes the application that runs in a slot write a line to its log. */
  print(slot: Slot, line: string): Promise<void>
  /** Resolves when `log` can read everything that was written so far. */
  flushLog(): Promise<void>
  /**
   * What `pgrep -f` finds while a log is followed, and not afterwards, such as `[j]ournalctl.*--follow`. Without it the suite does not test that the programs
   * of `follow` end.
   */
  readonly followers?: string
  /** Where `exec` runs its commands, if not on the host itself: in which folder, and what `id -un` prints. */
  readonly inside?: { readonly folder: string; readonly user: string }
  /** Makes the application ignore SIGTERM; give the runtime a short stop limit. Undefined if the application cannot do that. */
  readonly ignoresSigterm: Environment | undefined
  /** Makes the application end right after its start, having printed at least two lines. Undefined if it cannot do that. */
  readonly endsAtOnce: Misbehaviour | undefined
  /** Text that successful migrations print, and a way to make them fail. Required for a runtime that has `migrate`. */
  readonly migrations?: { readonly env: Environment; readonly says: string; readonly fails: Misbehaviour }
  /**
   * What runs beside the application, required for a runtime that has `promoted`. `always` runs in each slot, `live` only in the live one; `ends`
   * makes one of them end right after its start.
   */
  readonly processes?: {
    /** The pids of a process in a slot; empty if it does not run there. */
    pids(slot: Slot, which: 'always' | 'live'): Promise<readonly number[]>
    readonly ends: Readonly<Record<'always' | 'live', Misbehaviour>>
    /** Starts what a boot of the host starts, in both slots. */
    boot(): Promise<void>
  }
  /** Expressions for `rpc`, required for a runtime that has it. `version` prints the version, `quoting` prints `it's <version>`, `fails` fails with `says`. */
  readonly expressions?: {
    readonly version: string
    readonly quoting: string
    readonly fails: string
    readonly says: string
  }
}

const SECONDS = 1000
const FACTS = { user: 'deploy', group: 'deploy' }

/** Defines the suite for a runtime. */
export function runtimeContract(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(name, () => {
    let subject: RuntimeUnderTest
    let runtime: Bound<Runtime>
    let blue: Slot
    let green: Slot
    let old: Release
    let fresh: Release
    beforeAll(async () => {
      subject = await open()
      runtime = bound(subject.host, subject.plugin.create(subject.kit()))
      ;[blue, green] = subject.slots
      ;[old, fresh] = subject.releases
    })
    afterAll(() => subject?.[Symbol.asyncDispose]())
    afterEach(async () => {
      for (const slot of subject.slots) await runtime.stop(slot)
      subject.logged.length = 0
    })
    const start = async (slot: Slot, release: Release, env?: Environment): Promise<SlotProcess> => {
      await subject.fill(slot, release, env)
      await runtime.start(release, slot)
      await subject.answers(slot)
      return runtime.process(slot)
    }
    const versionIn = async (slot: Slot) => JSON.parse(await subject.answers(slot)).version
    /** Waits for a state, limited only by the timeout of the test. */
    const until = async (slot: Slot, state: SlotProcess['state']): Promise<SlotProcess> => {
      for (;;) {
        const process = await runtime.process(slot)
        if (process.state === state) return process
      }
    }
    /** Whether a process runs; a zombie does not. */
    const alive = async (pid: number | undefined) =>
      (await subject.host.run(sh.read`grep -q '^State:.[^Z]' ${`/proc/${pid}/status`}`)).code === 0
    /** The ability that a test needs; skips the test if the application does not have it. */
    const given = <T>(ability: T | undefined, skip: (note: string) => never): T =>
      ability ?? skip('this application cannot do that')
    /** Starts an application that ends at once, and waits until the runtime reports it as failed. */
    const startInVain = async ({ env }: Misbehaviour): Promise<SlotProcess> => {
      await subject.fill(blue, old, env)
      await runtime.start(old, blue)
      return until(blue, 'failed')
    }

    describe('environment', () => {
      test('contains the port as PORT, and has the same names in each slot', () => {
        const environments = subject.slots.map(slot => runtime.environment(slot))
        expect(environments.map(({ PORT }) => PORT)).toEqual(subject.slots.map(({ port }) => String(port)))
        const [first, second] = environments.map(environment => Object.keys(environment))
        expect(first).toEqual(second)
        for (const environment of environments) expect(() => environmentFile(environment)).not.toThrow()
      })
    })

    describe('provision', () => {
      test('is plain data, the same each time', () => {
        expect(runtime.provision(FACTS)).toEqual(subject.plugin.create(subject.kit()).provision(FACTS))
      })

      test('lists exact sudo command lines, with full paths and without wildcards', () => {
        for (const [program, ...args] of runtime.provision(FACTS).sudo) {
          expect(program).toMatch(/^\/usr\/s?bin\/\w+$/)
          expect(args.join(' ')).not.toMatch(/[*?[\]\\]/)
        }
      })
    })

    describe('start', () => {
      test('resolves when the process of the release runs', async () => {
        await subject.fill(blue, fresh)
        await runtime.start(fresh, blue)
        const process = await runtime.process(blue)
        expect(process).toEqual({ state: 'running', pid: expect.any(Number), uptime: expect.any(Number) })
        expect(await alive(process.pid)).toBe(true)
        expect(await versionIn(blue)).toBe(fresh.version)
        expect((await runtime.process(blue)).pid).toBe(process.pid)
      })

      test('makes pid() print the pid of the process, and nothing for a slot that is down', async () => {
        const { pid } = await start(blue, old)
        expect(await subject.host.capture(runtime.pid(blue))).toBe(String(pid))
        expect(await subject.host.capture(runtime.pid(green))).toBe('')
      })

      test('is skipped after a failure in its pipeline, as is stop', async () => {
        const { pid } = await start(blue, old)
        await subject.fill(green, fresh)
        const { start: starts, stop } = subject.plugin.create(subject.kit())
        for (const query of [stop(blue), starts(fresh, green)]) {
          const batch = subject.host.pipeline()
          batch.push(perform(sh.write`exit 1`))
          const skipped = batch.add<unknown>(query)
          await expect(batch.run()).rejects.toMatchObject({ code: 'COMMAND_FAILED' })
          await expect(skipped).rejects.toMatchObject({ code: 'COMMAND_SKIPPED' })
        }
        expect((await runtime.process(blue)).pid).toBe(pid)
        expect(await runtime.process(green)).toEqual({ state: 'stopped' })
      })

      test('refuses a slot that runs already, and does not touch its process', async () => {
        const before = await start(blue, old)
        expect(await faultOf(runtime.start(old, blue))).toMatchObject({ code: 'SLOT_RUNS_ALREADY', exitCode: 3 })
        expect((await runtime.process(blue)).pid).toBe(before.pid)
      })

      test("refuses a release that the slot's `current` does not name", async () => {
        await subject.fill(blue, old)
        expect(await faultOf(runtime.start(fresh, blue))).toMatchObject({
          code: 'SLOT_NAMES_OTHER_RELEASE',
          exitCode: 1,
        })
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })

      test('passes the values of the env file to the application byte for byte', async () => {
        const values = {
          TRICKY: ' $HOME `id` $(id) "quoted" \'single\' \\n \\ # & ! % ~ ; * ',
          LINES: '\nfirst\n\n  second\tthird\\\n',
          UNICODE: 'zürich 🚀 漢字 \u0085',
          EMPTY: '',
        }
        await start(blue, old, values)
        for (const [name, value] of Object.entries(values)) expect(await subject.variable(blue, name), name).toBe(value)
        expect(await subject.variable(blue, 'NOT_THERE')).toBeUndefined()
      })

      test('only prints what it would run in a dry run, as does stop', async () => {
        await subject.fill(blue, old)
        const printed: string[] = []
        const dry = bound(
          dryHost(subject.host, line => printed.push(line)),
          subject.plugin.create({ ...subject.kit(), dryRun: true }),
        )
        await dry.start(old, blue)
        await dry.stop(blue)
        expect(printed.join('\n')).toContain(blue.name)
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })
    })

    describe('stop', () => {
      test('resolves when the process is gone, and its port is free or answers nothing', async () => {
        const { pid } = await start(blue, old)
        expect(await runtime.stop(blue)).toEqual({ was: 'running', killed: false })
        expect(await alive(pid)).toBe(false)
        const port = await subject.host.run(sh.read`ss -Hltn ${`sport = :${blue.port}`} | grep -q .`)
        expect(port.code === 0).toBe(runtime.server !== undefined)
        const { code, stdout } = await subject.host.run(
          sh.read`curl -s -o /dev/null -w '%{http_code}' ${`http://127.0.0.1:${blue.port}/health`}`,
        )
        expect(code).not.toBe(0)
        expect(stdout).toBe('000')
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })

      test('accepts a slot that is down', async () => {
        expect(await runtime.stop(green)).toEqual({ was: 'stopped', killed: false })
      })

      test('does not touch the other slot', async () => {
        const processes = [await start(blue, old), await start(green, fresh)]
        expect(processes[0]?.pid).not.toBe(processes[1]?.pid)
        await runtime.stop(blue)
        expect((await runtime.process(green)).pid).toBe(processes[1]?.pid)
        expect(await versionIn(green)).toBe(fresh.version)
      })

      test('kills an application that does not end within the limit, and reports it', async ({ skip }) => {
        const { pid } = await start(blue, old, given(subject.ignoresSigterm, skip))
        expect(await runtime.stop(blue)).toEqual({ was: 'running', killed: true })
        expect(await alive(pid)).toBe(false)
        expect(subject.logged.join('\n')).toMatch(new RegExp(`${blue.name} .*killed`))
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })
    })

    describe('an application that ends at once', () => {
      test('is reported as failed, with its output in the log, and can be stopped', async ({ skip }) => {
        const fault = given(subject.endsAtOnce, skip)
        expect(await startInVain(fault)).toEqual({ state: 'failed' })
        await subject.flushLog()
        expect(await runtime.log(blue, 50)).toContain(fault.says)
        expect((await runtime.stop(blue)).killed).toBe(false)
        expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
      })

      test('leaves no output in the log of the next start', async ({ skip }) => {
        const fault = given(subject.endsAtOnce, skip)
        await startInVain(fault)
        await runtime.stop(blue)
        await start(blue, old)
        await subject.print(blue, 'the second start')
        const log = () => runtime.log(blue, 100)
        await expect.poll(log, PATIENCE).toContain('the second start')
        expect(await log()).not.toContain(fault.says)
      })

      test('has a log that can be limited to its last lines', async ({ skip }) => {
        await startInVain(given(subject.endsAtOnce, skip))
        // Nothing is written between the two reads: the application is not restarted, and all its output has arrived.
        await runtime.stop(blue)
        await subject.flushLog()
        const all = (await runtime.log(blue, 1000)).split('\n')
        expect(all.length).toBeGreaterThan(1)
        expect(await runtime.log(blue, 1)).toBe(all.at(-1))
      })
    })

    describe('logs', () => {
      const reading = (skip: (note: string) => never) => {
        const { logs = skip('this runtime has no logs') } = subject.plugin.create(subject.kit())
        const page = (slot: Slot, filter: LogFilter = {}) => subject.host.query(logs(slot, filter).page)
        const texts = async (slot: Slot, filter?: LogFilter) => (await page(slot, filter)).lines.map(({ text }) => text)
        return { logs, page, texts }
      }
      const printed = async (texts: (slot: Slot) => Promise<string[]>, ...lines: readonly string[]) => {
        for (const line of lines) await subject.print(blue, line)
        await expect.poll(() => texts(blue), PATIENCE).toEqual(expect.arrayContaining([...lines]))
      }
      /** Whether the log of this runtime has times. */
      const timed = ({ logs }: ReturnType<typeof reading>) => {
        try {
          return logs(blue, { since: 0 }) !== undefined
        } catch (error) {
          expect(error).toMatchObject({ exitCode: 2 })
          return false
        }
      }

      test('have the lines of one slot, oldest first, at most as many as asked for', async ({ skip }) => {
        const { texts } = reading(skip)
        await start(blue, old)
        await start(green, fresh)
        await printed(texts, 'first line', 'second line')
        const all = (await texts(blue)).filter(text => / line$/.test(text))
        expect(all).toEqual(['first line', 'second line'])
        expect((await texts(green)).filter(text => / line$/.test(text))).toEqual([])
        expect(await texts(blue, { lines: 1 })).toEqual(['second line'])
        expect(await texts(blue, { lines: 0 })).toEqual([])
      })

      test('are filtered by a fixed text, and the limit counts what is left', async ({ skip }) => {
        const { texts } = reading(skip)
        await start(blue, old)
        await printed(texts, 'ab.c 1', 'abxc 2', 'ab.c 3', 'other')
        expect(await texts(blue, { contains: 'ab.c' })).toEqual(['ab.c 1', 'ab.c 3'])
        expect(await texts(blue, { contains: 'ab.c', lines: 1 })).toEqual(['ab.c 3'])
        expect(await texts(blue, { contains: '$(touch /tmp/injected); "' })).toEqual([])
        expect((await subject.host.run(sh.read`ls /tmp/injected`)).code).not.toBe(0)
      })

      test('have times, of which the host selects those since one, or refuse to', async ({ skip }) => {
        const subjectLogs = reading(skip)
        const { page, texts } = subjectLogs
        await start(blue, old)
        await printed(texts, 'before')
        const { lines } = await page(blue)
        if (!timed(subjectLogs)) return expect(lines.every(({ time }) => time === undefined)).toBe(true)
        const before = lines.findLast(({ text }) => text === 'before')?.time ?? 0
        expect(Math.abs(before - Date.now())).toBeLessThan(60 * SECONDS)
        await new Promise(resolve => setTimeout(resolve, 20))
        await printed(texts, 'after')
        expect((await texts(blue, { since: before + 10 })).at(0)).toBe('after')
        expect(await texts(blue, { since: before - 1 })).toContain('before')
        expect(await texts(blue, { since: Date.now() + 3600 * SECONDS })).toEqual([])
      })

      test('are still there when the slot is down, and empty for a slot that never ran', async ({ skip }) => {
        const { texts } = reading(skip)
        await start(blue, old)
        await printed(texts, 'the last words')
        await runtime.stop(blue)
        expect(await texts(blue)).toContain('the last words')
        const never: Slot = { name: 'never', port: 4999, env: {} }
        // The account may read the logs of the slots alone.
        if (subject.plugin.create(subject.kit()).provision(FACTS).sudo.length === 0)
          expect(await texts(never)).toEqual([])
      })

      test('can be followed from the end of a page, over a stop and a start, without losing or repeating a line', async ({
        skip,
      }) => {
        const { logs, page, texts } = reading(skip)
        await start(blue, old)
        await printed(texts, 'line 0')
        const stream = logs(blue, { contains: 'line ' }).follow((await page(blue, { contains: 'line ' })).end)
        const seen: string[] = []
        await using reader = await subject.host.spawn(stream.script)
        const copied = (async () => {
          for await (const output of reader.lines) seen.push(...stream.parse(output).map(({ text }) => text))
        })()
        const shows = (count: number) =>
          expect.poll(() => [...seen], PATIENCE).toEqual(Array.from({ length: count }, (_, i) => `line ${i + 1}`))
        await subject.print(blue, 'line 1')
        await subject.print(blue, 'something else')
        await subject.print(blue, 'line 2')
        await shows(2)
        await runtime.stop(blue)
        await start(blue, fresh)
        await subject.print(blue, 'line 3')
        await shows(3)
        const { followers } = subject
        const following = async () =>
          followers === undefined
            ? undefined
            : Number((await subject.host.run(sh.read`pgrep -fc ${followers} || true`)).stdout)
        expect(await following()).not.toBe(0)
        await reader[Symbol.asyncDispose]()
        await copied
        await expect.poll(following, PATIENCE).toBe(followers === undefined ? undefined : 0)
      })
    })

    describe('exec', () => {
      const executing = (skip: (note: string) => never) => {
        const { exec = skip('this runtime has no exec') } = runtime
        return (slot: Slot, command: readonly string[], input = '') => subject.host.run(exec(slot, command), { input })
      }

      test("runs a command in the release, with the slot's environment and as the same user, running or not", async ({
        skip,
      }) => {
        const run = executing(skip)
        await subject.fill(blue, old, { TRICKY: 'it\'s "$HOME"' })
        const { code, stdout } = await run(blue, ['bash', '-c', 'pwd -P; echo "$PORT"; echo "$TRICKY"; id -un'])
        const { folder = old.dir, user = await subject.host.capture(sh.read`id -un`) } = subject.inside ?? {}
        expect({ code, stdout }).toEqual({ code: 0, stdout: `${folder}\n${blue.port}\nit's "$HOME"\n${user}\n` })
        await start(blue, old)
        expect(await run(blue, ['printf', '%s|', 'a b', "'", '$HOME', '', '*'])).toMatchObject({
          stdout: "a b|'|$HOME||*|",
        })
      })

      test('has the input, the errors and the exit code of the command', async ({ skip }) => {
        const run = executing(skip)
        await subject.fill(blue, old)
        expect(await run(blue, ['bash', '-c', 'cat; echo no >&2; exit 7'], 'hello')).toEqual({
          code: 7,
          stdout: 'hello',
          stderr: 'no\n',
        })
        const missing = await run(blue, ['no-such-command'])
        expect(missing).toMatchObject({ code: 127, stderr: expect.stringMatching(/no-such-command.*not found/) })
      })
    })

    describe('migrate', () => {
      /** `migrate` and `migrations`: a runtime that has the one needs the other. */
      const migrating = (skip: (note: string) => never) => {
        const { migrate = skip('this runtime has no migrate') } = runtime
        if (subject.migrations === undefined)
          throw new Error('The runtime has `migrate`, so the suite needs `migrations`.')
        return { migrate, ...subject.migrations }
      }

      test('runs beside the application, and does nothing the second time', async ({ skip }) => {
        const { migrate, env, says } = migrating(skip)
        const { pid } = await start(blue, old, env)
        await migrate(old, blue)
        expect(subject.logged.join('\n')).toContain(says)
        await migrate(old, blue)
        expect((await runtime.process(blue)).pid).toBe(pid)
      })

      test('throws a fault with the end of the output when it fails', async ({ skip }) => {
        const { migrate, fails } = migrating(skip)
        await subject.fill(green, fresh, fails.env)
        const fault = await faultOf(migrate(fresh, green))
        expect(fault).toMatchObject({ code: 'MIGRATION_FAILED', exitCode: 1 })
        expect(fault.message).toContain(fresh.name)
        expect(fault.detail).toContain(fails.says)
      })
    })

    describe('console', () => {
      test('reports that it needs a terminal when there is none, and ends', async ({ skip }) => {
        const { console = skip('this runtime has no console') } = runtime
        await start(blue, old)
        const { code, stderr } = await subject.host.run({ writes: false, text: console(blue) })
        expect(code).toBe(2)
        expect(stderr).toContain('The console needs a terminal.')
      })
    })

    describe('what runs beside the application', () => {
      const beside = (skip: (note: string) => never) => {
        const { complete, promoted, demoted } = runtime
        if (!complete || !promoted || !demoted) return skip('this runtime has no other processes')
        if (subject.processes === undefined)
          throw new Error('The runtime has `promoted`, so the suite needs `processes`.')
        return { complete, promoted, demoted, ...subject.processes }
      }
      const bothUp = async () => {
        await start(blue, old)
        await start(green, fresh)
      }
      afterEach(async () => {
        await runtime.demoted?.(blue, undefined)
        await runtime.demoted?.(green, undefined)
      })

      test('starts and stops with its slot, except for what runs only in the live one', async ({ skip }) => {
        const { complete, pids } = beside(skip)
        await bothUp()
        await complete(blue)
        await complete(green)
        for (const slot of subject.slots) {
          expect(await pids(slot, 'always')).toHaveLength(1)
          expect(await pids(slot, 'live')).toEqual([])
          expect((await runtime.process(slot)).failed).toBeUndefined()
        }
        await runtime.stop(blue)
        expect(await pids(blue, 'always')).toEqual([])
        expect(await pids(green, 'always')).toHaveLength(1)
      })

      test('runs in exactly one slot once that is promoted, also after a boot', async ({ skip }) => {
        const { promoted, demoted, pids, boot } = beside(skip)
        await bothUp()
        await promoted(blue)
        expect([await pids(blue, 'live'), await pids(green, 'live')]).toMatchObject([[expect.any(Number)], []])
        await demoted(blue, green)
        expect([await pids(blue, 'live'), await pids(green, 'live')]).toEqual([[], []])
        // As if the host had crashed before the other slot was promoted: it runs where it ran.
        await boot()
        expect([await pids(blue, 'live'), await pids(green, 'live')]).toMatchObject([[expect.any(Number)], []])
        await demoted(blue, green)
        await promoted(green)
        await boot()
        expect([await pids(blue, 'live'), await pids(green, 'live')]).toMatchObject([[], [expect.any(Number)]])
        expect((await runtime.process(green)).failed).toBeUndefined()
      })

      test('is not touched by a second promoted, and demoted accepts a slot without any of it', async ({ skip }) => {
        const { promoted, demoted, pids } = beside(skip)
        await bothUp()
        await promoted(green)
        const before = await pids(green, 'live')
        await promoted(green)
        expect(await pids(green, 'live')).toEqual(before)
        await demoted(blue, green)
        expect(await pids(green, 'live')).toEqual(before)
        await runtime.stop(blue)
        await demoted(blue, green)
      })

      test('runs in no slot after a boot if none is live', async ({ skip }) => {
        const { promoted, demoted, pids, boot } = beside(skip)
        await bothUp()
        await promoted(blue)
        await demoted(blue, undefined)
        await boot()
        expect([await pids(blue, 'live'), await pids(green, 'live')]).toEqual([[], []])
      })

      test('is reported with its output if it ends at its start', async ({ skip }) => {
        const { complete, promoted, ends } = beside(skip)
        await start(blue, old, ends.always.env)
        await subject.flushLog()
        const always = await faultOf(complete(blue))
        expect(always).toMatchObject({ exitCode: 1, detail: expect.stringContaining(ends.always.says) })
        expect((await runtime.process(blue)).state).toBe('running')
        expect((await runtime.process(blue)).failed).toHaveLength(1)
        await start(green, fresh, ends.live.env)
        const live = await faultOf(promoted(green))
        expect(live).toMatchObject({ exitCode: 1, detail: expect.stringContaining(ends.live.says) })
        expect((await runtime.process(green)).failed).toHaveLength(1)
      })
    })

    describe('hooks', () => {
      test('run any number of times in a slot that is up, and do nothing in one that is down', async ({ skip }) => {
        const { hooks = skip('this runtime has no hooks') } = runtime
        const { host } = subject
        await start(blue, old)
        for (const hook of [hooks.promoted, hooks.demoted]) {
          if (!hook) continue
          for (const slot of [blue, blue, green]) await host.query(hook(slot))
        }
      })
    })

    describe('rpc', () => {
      const evaluating = (skip: (note: string) => never) => {
        const { rpc = skip('this runtime has no rpc') } = runtime
        if (subject.expressions === undefined)
          throw new Error('The runtime has `rpc`, so the suite needs `expressions`.')
        return { rpc, ...subject.expressions }
      }

      test('evaluates an expression in the slot, and resolves to what it printed', async ({ skip }) => {
        const { rpc, version, quoting } = evaluating(skip)
        await start(blue, old)
        await start(green, fresh)
        expect(await rpc(blue, version)).toBe(old.version)
        expect(await rpc(green, quoting)).toBe(`it's ${fresh.version}`)
      })

      test('throws a fault when the expression fails, and when the slot is down', async ({ skip }) => {
        const { rpc, version, fails, says } = evaluating(skip)
        await start(blue, old)
        const failed = await faultOf(rpc(blue, fails))
        expect(failed).toMatchObject({ code: 'RPC_FAILED', exitCode: 1, detail: expect.stringContaining(says) })
        expect(await faultOf(rpc(green, version))).toMatchObject({ code: 'RPC_FAILED' })
      })
    })
  })
}
