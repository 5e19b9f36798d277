/**
 * The sentences of `Runtime` in slots/contracts.ts, for any implementation. The application is the sample, which answers
 * `/health` with its version and misbehaves on demand (`LIFE_FAULT`).
 */
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { dryHost } from '../../host/dry-run.ts'
import type { Host } from '../../host/host.ts'
import { perform } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { Fault } from '../../runner/fault.ts'
import type { Plugin, PluginKit, Provision, Release, Runtime, Slot, SlotProcess } from '../../slots/contracts.ts'
import { environmentFile } from '../../slots/environment/environment.ts'
import { layout } from '../../slots/layout.ts'
import { sudoersFile } from '../../slots/setup/sudoers.ts'
import { type Bound, bound } from '../support/bound.ts'
import { startHost, type TestHost } from '../support/host.ts'
import { lifeTarball } from '../support/life.ts'

const USER = { user: 'vagrant', group: 'vagrant' }
const APP = 'life'
const SECONDS = 1000

/** A host on which a runtime was provisioned, and two releases of the sample application. */
export interface Ground extends AsyncDisposable {
  readonly machine: TestHost
  readonly host: Host
  readonly blue: Slot
  readonly green: Slot
  readonly old: Release
  readonly fresh: Release
  /** What the runtime logged. */
  readonly logged: string[]
  /** On the host, or another one in its place. */
  runtime(host?: Host): Bound<Runtime>
  /** Puts a release into a slot as a deploy does, without starting it. */
  fill(slot: Slot, release: Release, env?: Record<string, string>): Promise<void>
  /** Resolves when the application in a slot answers; fails after half a minute. */
  answers(slot: Slot): Promise<string>
}

export async function prepare(plugin: Plugin<Runtime>): Promise<Ground> {
  const [first, second] = [await lifeTarball('0.1.0'), await lifeTarball('0.1.1')]
  const machine = await startHost()
  const host = await ssh(machine.alias, { configFile: machine.sshConfigFile }).open({
    signal: new AbortController().signal,
    confirm: async () => false,
  })
  const folders = layout('/srv/life')
  const blue: Slot = { name: 'blue', port: 4000, env: {} }
  const green: Slot = { name: 'green', port: 5000, env: {} }
  const logged: string[] = []
  const runtime = (other: Host = host) => bound(other, plugin.create(kit(other, folders, [blue, green], logged)))
  const asRoot = async (command: string) => {
    const { code, stderr } = await machine.exec(command)
    if (code !== 0) throw new Error(`${command}: ${stderr}`)
  }

  await asRoot('install -d -o vagrant -g vagrant -m 0711 /srv/life')
  const unpacked = async (tarball: string, version: string): Promise<Release> => {
    await machine.copyIn(tarball, '/tmp/life.tar.gz')
    const dir = folders.release(`${version}-0000000`)
    await host.capture(sh.write`mkdir -p ${dir} && tar -xzf /tmp/life.tar.gz -C ${dir}`)
    return { name: `${version}-0000000`, version, sha256: '', dir }
  }
  const old = await unpacked(first, '0.1.0')
  const fresh = await unpacked(second, '0.1.1')
  await install(runtime().provision(USER), host, asRoot)

  return {
    machine,
    host,
    blue,
    green,
    old,
    fresh,
    logged,
    runtime,
    async fill(slot, release, env = {}) {
      const { dir, tmp, current, env: file } = folders.slot(slot.name)
      await host.capture(sh.write`mkdir -p -m 0700 ${dir} ${tmp}; ln -sfn ${release.dir} ${current}`)
      await host.write(
        file,
        environmentFile({ LIFE_DATA: '/srv/life/data', ...runtime().environment(slot), ...env }),
        0o600,
      )
    },
    answers: slot =>
      host.capture(sh.read`until curl -sf ${`http://127.0.0.1:${slot.port}/health`}; do sleep 0.1; done`, {
        timeout: 30 * SECONDS,
      }),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]()
      await machine.stop()
    },
  }
}

/** What `task setup` does with a provision. From then on the user may do as root what it lists, and nothing else. */
async function install(provision: Provision, host: Host, asRoot: (command: string) => Promise<void>): Promise<void> {
  for (const tool of Object.keys(provision.tools)) await host.capture(sh.read`command -v ${tool}`)
  for (const file of [...provision.files, sudoersFile(APP, '/srv/life', USER, provision.sudo)]) {
    const text = Buffer.from(file.text).toString('base64')
    await asRoot(
      `echo ${text} | base64 -d > /tmp/file && install -D -m ${file.mode.toString(8)} /tmp/file ${file.path}`,
    )
  }
  await asRoot('visudo -cq && rm -f /etc/sudoers.d/vagrant')
  for (const { text } of provision.apply) await asRoot(text)
}

const kit = (host: Host, folders: PluginKit['layout'], slots: readonly Slot[], logged: string[]): PluginKit => ({
  $: host.$,
  signal: new AbortController().signal,
  dryRun: false,
  log: line => logged.push(line),
  note: () => {},
  show: () => {},
  confirm: async () => false,
  app: APP,
  folder: '/',
  host: host.name,
  layout: folders,
  slots,
})

export const faultOf = async (promise: Promise<unknown>): Promise<Fault> => {
  const outcome = await promise.then(
    value => new Error(`it succeeded: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  if (outcome instanceof Fault) return outcome
  throw outcome
}

/** Waits for a state; the test's own limit ends a wait in vain. */
async function until(runtime: Bound<Runtime>, slot: Slot, state: SlotProcess['state']): Promise<SlotProcess> {
  for (;;) {
    const process = await runtime.process(slot)
    if (process.state === state) return process
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export function runtimeContract(name: string, plugin: Plugin<Runtime>): void {
  describe(name, () => {
    let on: Ground
    let runtime: Bound<Runtime>
    beforeAll(async () => {
      on = await prepare(plugin)
      runtime = on.runtime()
    })
    afterAll(() => on?.[Symbol.asyncDispose]())
    afterEach(async () => {
      for (const slot of [on.blue, on.green]) await runtime.stop(slot)
      on.logged.length = 0
    })
    const start = async (slot: Slot, release: Release, env?: Record<string, string>): Promise<SlotProcess> => {
      await on.fill(slot, release, env)
      await runtime.start(release, slot)
      await on.answers(slot)
      return runtime.process(slot)
    }
    /** One that has ended, but that nobody has asked about yet, is a zombie. */
    const alive = async (pid: number | undefined) =>
      (await on.host.run(sh.read`grep -q '^State:.[^Z]' ${`/proc/${pid}/status`}`)).code === 0

    describe('environment', () => {
      test('tells the application its port, and gives the slots nothing to share', () => {
        const [blue, green] = [runtime.environment(on.blue), runtime.environment(on.green)]
        expect(blue.PORT).toBe('4000')
        expect(green.PORT).toBe('5000')
        expect(Object.keys(blue)).toEqual(Object.keys(green))
        expect(() => environmentFile(blue)).not.toThrow()
      })
    })

    describe('provision', () => {
      test('is plain data, the same each time', () => {
        expect(runtime.provision(USER)).toEqual(on.runtime().provision(USER))
      })

      test('wants exact command lines, by full path and without a wildcard', () => {
        for (const [program, ...words] of runtime.provision(USER).sudo) {
          expect(program).toMatch(/^\/usr\/s?bin\/\w+$/)
          expect(words.join(' ')).not.toMatch(/[*?[\]\\]/)
        }
      })
    })

    describe('start', () => {
      test('resolves when the process of that release is there', async () => {
        await on.fill(on.blue, on.fresh)
        await runtime.start(on.fresh, on.blue)
        const process = await runtime.process(on.blue)
        expect(process).toEqual({ state: 'running', pid: expect.any(Number), uptime: expect.any(Number) })
        expect(await alive(process.pid)).toBe(true)
        expect(JSON.parse(await on.answers(on.blue))).toEqual({ healthy: true, version: '0.1.1' })
        expect((await runtime.process(on.blue)).pid).toBe(process.pid)
      })

      test('gives its process a pid that a script can ask for, and a slot that is down none', async () => {
        const { pid } = await start(on.blue, on.old)
        expect(await on.host.capture(runtime.pid(on.blue))).toBe(String(pid))
        expect(await on.host.capture(runtime.pid(on.green))).toBe('')
      })

      test('and stop are not run behind what failed in their pipeline', async () => {
        const { pid } = await start(on.blue, on.old)
        await on.fill(on.green, on.fresh)
        const { start: starts, stop } = plugin.create(kit(on.host, layout('/srv/life'), [on.blue, on.green], []))
        for (const query of [stop(on.blue), starts(on.fresh, on.green)]) {
          const batch = on.host.pipeline()
          batch.push(perform(sh.write`exit 1`))
          const skipped = batch.add<unknown>(query)
          await expect(batch.run()).rejects.toMatchObject({ code: 'COMMAND_FAILED' })
          await expect(skipped).rejects.toMatchObject({ code: 'COMMAND_SKIPPED' })
        }
        expect((await runtime.process(on.blue)).pid).toBe(pid)
        expect(await runtime.process(on.green)).toEqual({ state: 'stopped' })
      })

      test('starts nothing over a slot that runs', async () => {
        const before = await start(on.blue, on.old)
        expect(await faultOf(runtime.start(on.old, on.blue))).toMatchObject({ code: 'SLOT_RUNS_ALREADY', exit: 3 })
        expect((await runtime.process(on.blue)).pid).toBe(before.pid)
      })

      test('gives the application the bytes of its env file', async () => {
        const values = {
          TRICKY: ' $HOME `id` $(id) "quoted" \'single\' \\n \\ # & ! % ~ ; * ',
          LINES: '\nfirst\n\n  second\tthird\\\n',
          UNICODE: 'zürich 🚀 漢字 \u0085',
          EMPTY: '',
        }
        await start(on.blue, on.old, values)
        const digest = async (name: string) => runtime.rpc?.(on.blue, `Life.Release.env_digest("${name}")`)
        for (const [name, value] of Object.entries(values)) expect(await digest(name), name).toBe(sha256(value))
        expect(await digest('NOT_THERE')).toBe('unset')
      })

      test('in a dry run it says what it would run, and starts nothing', async () => {
        await on.fill(on.blue, on.old)
        const printed: string[] = []
        const dry = on.runtime(dryHost(on.host, line => printed.push(line)))
        await dry.start(on.old, on.blue)
        await dry.stop(on.blue)
        expect(printed.join('\n')).toContain('blue')
        expect(await runtime.process(on.blue)).toEqual({ state: 'stopped' })
      })
    })

    describe('stop', () => {
      test('resolves when the process is gone and its port is free', async () => {
        const { pid } = await start(on.blue, on.old)
        expect(await runtime.stop(on.blue)).toEqual({ was: 'running', killed: false })
        expect(await alive(pid)).toBe(false)
        expect(await on.host.capture(sh.read`ss -Hltn 'sport = :4000'`)).toBe('')
        expect(await runtime.process(on.blue)).toEqual({ state: 'stopped' })
      })

      test('of a slot that is down is fine', async () => {
        expect(await runtime.stop(on.green)).toEqual({ was: 'stopped', killed: false })
      })

      test('leaves the other slot alone', async () => {
        const [blue, green] = [await start(on.blue, on.old), await start(on.green, on.fresh)]
        expect(blue.pid).not.toBe(green.pid)
        await runtime.stop(on.blue)
        expect((await runtime.process(on.green)).pid).toBe(green.pid)
        expect(JSON.parse(await on.answers(on.green)).version).toBe('0.1.1')
      })

      test('kills what does not end within the limit, and says so', async () => {
        const { pid } = await start(on.blue, on.old, { LIFE_FAULT: 'ignore_sigterm' })
        expect(await runtime.stop(on.blue)).toEqual({ was: 'running', killed: true })
        expect(await alive(pid)).toBe(false)
        expect(on.logged.join('\n')).toMatch(/blue .*killed/)
        expect(await runtime.process(on.blue)).toEqual({ state: 'stopped' })
      })
    })

    describe('an application that ends at once', () => {
      test('is failed, its log says why, and it can be stopped', async () => {
        await on.fill(on.blue, on.old, { LIFE_FAULT: 'exit_at_boot' })
        await runtime.start(on.old, on.blue)
        expect(await until(runtime, on.blue, 'failed')).toEqual({ state: 'failed' })
        await on.machine.exec('journalctl --sync')
        expect(await runtime.log(on.blue, 50)).toContain('LIFE_FAULT=exit_at_boot')
        expect((await runtime.stop(on.blue)).killed).toBe(false)
        expect(await runtime.process(on.blue)).toEqual({ state: 'stopped' })
      })

      test('is forgotten by the next start: the log is of that one', async () => {
        await on.fill(on.blue, on.old, { LIFE_FAULT: 'exit_at_boot' })
        await runtime.start(on.old, on.blue)
        await until(runtime, on.blue, 'failed')
        await runtime.stop(on.blue)
        await start(on.blue, on.old)
        await runtime.rpc?.(on.blue, 'IO.puts(:user, "the second start")')
        const log = () => runtime.log(on.blue, 100)
        await expect.poll(log, { timeout: 10 * SECONDS }).toContain('the second start')
        expect(await log()).not.toContain('exit_at_boot')
      })
    })

    describe('log', () => {
      test('gives the last lines and no more', async () => {
        await on.fill(on.blue, on.old, { LIFE_FAULT: 'exit_at_boot' })
        await runtime.start(on.old, on.blue)
        await until(runtime, on.blue, 'failed')
        // Nothing is written between the two looks: it is not tried again, and all that was said has arrived.
        await runtime.stop(on.blue)
        await on.machine.exec('journalctl --sync')
        const all = (await runtime.log(on.blue, 1000)).split('\n')
        expect(all.length).toBeGreaterThan(1)
        expect(await runtime.log(on.blue, 1)).toBe(all.at(-1))
      })
    })

    describe('migrate', () => {
      test('runs beside the application, and again without harm', async () => {
        const { pid } = await start(on.blue, on.old, { LIFE_DATA: '/srv/life/migrated' })
        await runtime.migrate?.(on.old, on.blue)
        expect(on.logged.join('\n')).toContain('CreateCells')
        await runtime.migrate?.(on.old, on.blue)
        expect((await runtime.process(on.blue)).pid).toBe(pid)
      })

      test('is a fault with the end of the output when it fails', async () => {
        await on.fill(on.green, on.fresh, { LIFE_DATA: '/srv/life/never', LIFE_FAULT: 'migration_fails' })
        const fault = await faultOf(runtime.migrate?.(on.fresh, on.green) ?? Promise.resolve())
        expect(fault).toMatchObject({ code: 'MIGRATION_FAILED', exit: 1 })
        expect(fault.message).toContain('0.1.1-0000000')
        expect(fault.detail).toContain('LIFE_FAULT=migration_fails in 20260101000000')
      })
    })

    describe('rpc', () => {
      test('evaluates in that slot, and says what was printed', async () => {
        await start(on.blue, on.old)
        await start(on.green, on.fresh)
        expect(await runtime.rpc?.(on.blue, 'IO.puts(Life.version())')).toBe('0.1.0')
        expect(await runtime.rpc?.(on.green, 'IO.puts("it\'s #{Life.version()}")')).toBe("it's 0.1.1")
      })

      test('is a fault when the expression fails, and when the slot is down', async () => {
        await start(on.blue, on.old)
        const failed = await faultOf(runtime.rpc?.(on.blue, 'raise "no such luck"') ?? Promise.resolve())
        expect(failed).toMatchObject({ code: 'RPC_FAILED', exit: 1, detail: expect.stringContaining('no such luck') })
        const down = await faultOf(runtime.rpc?.(on.green, 'IO.puts(1)') ?? Promise.resolve())
        expect(down).toMatchObject({ code: 'RPC_FAILED' })
      })
    })
  })
}
