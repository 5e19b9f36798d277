import { spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import { sh } from '../../host/script.ts'
import { beam } from '../../plugins/runtime/beam/beam.ts'
import type { Plugin, Release, Runtime, Slot } from '../../slots/contracts.ts'
import { environmentFile } from '../../slots/environment/environment.ts'
import type { Bound } from '../support/bound.ts'
import { environmentValue } from '../support/environment-value.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { type RuntimeHost, startRuntimeHost } from '../support/runtime-host.ts'
import { type RuntimeUnderTest, runtimeContract } from './runtime.ts'

/** A host for the sample application, which returns its version at `/health` and misbehaves on demand (`LIFE_FAULT`). */
async function startBeamHost(plugin: Plugin<Runtime>): Promise<RuntimeHost> {
  const packed = async (version: string) => ({ version, tarball: await lifeTarball(version) })
  const releases = [await packed('0.1.0'), await packed('0.1.1')] as const
  return startRuntimeHost(plugin, releases, { LIFE_DATA: '/srv/life/data' })
}

async function openBeam(plugin: Plugin<Runtime>): Promise<RuntimeUnderTest> {
  const on = await startBeamHost(plugin)
  const rpc = async (slot: Slot, expression: string) => (await on.runtime().rpc?.(slot, expression)) ?? ''
  return {
    ...on,
    async variable(slot, name) {
      const read = `case System.get_env("${name}") do nil -> "unset"; value -> "=" <> Base.encode16(value) end`
      const text = await rpc(slot, `IO.puts(${read})`)
      return text === 'unset' ? undefined : Buffer.from(text.slice(1), 'hex').toString('utf8')
    },
    async print(slot, line) {
      await rpc(slot, `IO.puts(:user, "${line}")`)
    },
    ignoresSigterm: { LIFE_FAULT: 'ignore_sigterm' },
    endsAtOnce: { env: { LIFE_FAULT: 'exit_at_boot' }, says: 'LIFE_FAULT=exit_at_boot' },
    migrations: {
      env: { LIFE_DATA: '/srv/life/migrated' },
      says: 'CreateCells',
      fails: {
        env: { LIFE_DATA: '/srv/life/never', LIFE_FAULT: 'migration_fails' },
        says: 'LIFE_FAULT=migration_fails in 20260101000000',
      },
    },
    expressions: {
      version: 'IO.puts(Life.version())',
      quoting: 'IO.puts("it\'s #{Life.version()}")',
      fails: 'raise "no such luck"',
      says: 'no such luck',
    },
  }
}

runtimeContract('beam under systemd', () =>
  openBeam(beam({ stopLimit: 4, promoted: 'Life.version()', demoted: '1 + 1' })),
)
runtimeContract('beam as a daemon', async () => ({
  ...(await openBeam(beam({ supervisor: 'daemon', stopLimit: 4 }))),
  followers: '[t]ail .*erlang.log',
}))

describe('beam()', () => {
  let on: RuntimeHost
  let runtime: Bound<Runtime>
  let blue: Slot
  let green: Slot
  let old: Release
  let fresh: Release
  beforeAll(async () => {
    on = await startBeamHost(beam())
    runtime = on.runtime()
    ;[blue, green] = on.slots
    ;[old, fresh] = on.releases
  })
  afterAll(() => on?.[Symbol.asyncDispose]())
  /** Makes sure that both slots run and respond; a test that needs one down stops it. */
  const start = async () => {
    for (const [slot, release] of [
      [blue, old],
      [green, fresh],
    ] as const) {
      if ((await runtime.process(slot)).state === 'running') continue
      await on.fill(slot, release)
      await runtime.start(release, slot)
      await on.answers(slot)
    }
  }
  const asRoot = async (command: string) => (await on.machine.exec(command)).stdout

  describe('distribution', () => {
    test('listens on loopback only, on one port for each slot, without epmd', async () => {
      await start()
      const listening = (await asRoot('ss -Hltn')).split('\n').flatMap(line => line.split(/\s+/)[3] ?? [])
      expect(listening).toEqual(
        expect.arrayContaining(['127.0.0.1:4000', '127.0.0.1:5000', '127.0.0.1:14000', '127.0.0.1:15000']),
      )
      expect(
        listening.filter(address => !address.startsWith('127.0.0.1:')).map(each => each.replace(/.*:/, '')),
      ).toEqual(expect.not.arrayContaining(['4369', '4000', '5000', '14000', '15000']))
      expect(await asRoot('pgrep -x epmd | wc -l')).toBe('0\n')
    })

    test('of one slot works after the other has been stopped', async () => {
      await start()
      await runtime.stop(blue)
      expect(await runtime.rpc?.(green, 'IO.puts(Life.version())')).toBe('0.1.1')
    })

    test('uses a cookie that is in no argument and in no environment of a process', async () => {
      await start()
      const cookie = (await asRoot('cat /home/vagrant/.erlang.cookie')).trim()
      expect(cookie).toMatch(/^[0-9a-f]{48}$/)
      expect(await asRoot('stat -c %a:%U /home/vagrant/.erlang.cookie')).toBe('400:vagrant\n')
      expect(await runtime.rpc?.(blue, 'IO.puts(Node.get_cookie())')).toBe(cookie)
      const { stdout } = await on.host.run(
        sh.read`cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'`,
      )
      expect(stdout).toContain('RELEASE_NODE=life_blue@127.0.0.1')
      expect(stdout).not.toContain(cookie)
    })

    test('refuses the cookie of the release, which every user can read', async () => {
      await start()
      const { code, stdout } = await on.host.run(sh.read`
set -a; . /srv/life/slots/blue/env; set +a
export HOME=$(mktemp -d) RELEASE_COOKIE=$(cat ${old.dir}/releases/COOKIE)
export ERL_ZFLAGS='-start_epmd false -erl_epmd_port 14000 -dist_listen false'
${old.dir}/bin/life rpc 'IO.puts("in")' 2>&1`)
      expect(stdout).not.toContain('in\n')
      expect(stdout).toContain('nodedown')
      expect(code).not.toBe(0)
    })
  })

  describe('console', () => {
    test('is a shell inside the running application, which goes on when the shell ends', async () => {
      await start()
      const { pid } = await runtime.process(green)
      const { machine } = on
      const console = spawn('ssh', ['-F', machine.sshConfigFile, '-tt', machine.alias, runtime.console?.(green) ?? ''])
      let seen = ''
      const prints = (text: string) =>
        new Promise<void>((resolve, reject) => {
          const check = () => seen.includes(text) && resolve()
          console.stdout.on('data', check)
          console.on('close', () => reject(new Error(`The console ended without ${text}: ${seen}`)))
          check()
        })
      console.stdout.on('data', chunk => {
        seen += chunk
      })
      const ended = new Promise(resolve => console.on('close', resolve))
      await prints('iex(life_green@127.0.0.1)')
      console.stdin.write('IO.puts(["version ", Life.version()])\n')
      await prints('version 0.1.1')
      console.stdin.write('\x03')
      await prints('(a)bort')
      console.stdin.write('a\n')
      await ended
      expect((await runtime.process(green)).pid).toBe(pid)
    })
  })

  describe('start', () => {
    test('refuses a release without its program', async () => {
      await runtime.stop(blue)
      await on.fill(blue, old)
      const nothing = { ...old, dir: '/srv/life/releases/nothing' }
      expect(await faultOf(runtime.start(nothing, blue))).toMatchObject({ code: 'RELEASE_WITHOUT_SCRIPT' })
      expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
    })
  })

  describe('systemd', () => {
    const enabled = (slot: string) => asRoot(`systemctl is-enabled life@${slot}`)

    test('has the unit of a running slot enabled, and that of a stopped slot disabled', async () => {
      await start()
      expect(await enabled('blue')).toBe('enabled\n')
      await runtime.stop(blue)
      expect(await enabled('blue')).toBe('disabled\n')
      expect(await enabled('green')).toBe('enabled\n')
    })

    test('accepts the unit without a warning', async () => {
      expect(await asRoot('systemd-analyze verify life@blue.service 2>&1')).toBe('')
    })

    test('restarts a process that was killed', async () => {
      await start()
      const { pid } = await runtime.process(blue)
      await asRoot(`kill -KILL ${pid}`)
      // The unit is `failed` for two seconds, which a busy machine may miss.
      const now = async () => (await runtime.process(blue)).pid ?? pid
      await expect.poll(now).not.toBe(pid)
      await on.answers(blue)
    })

    test('restores the state of both slots when the host boots', async () => {
      await start()
      await runtime.stop(blue)
      await on.machine.restart()
      await on.answers(green)
      expect(await runtime.process(green)).toMatchObject({ state: 'running' })
      expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
    })

    test('is not used without its sudo lines, and the fault has the line to add', async () => {
      await runtime.stop(blue)
      await on.fill(blue, old)
      await asRoot('mv /etc/sudoers.d/switchyard-life /root')
      const fault = await faultOf(runtime.start(old, blue))
      await asRoot('mv /root/switchyard-life /etc/sudoers.d')
      expect(fault).toMatchObject({ code: 'UNIT_SUDO_REFUSED', exitCode: 3 })
      expect(fault.hint).toContain('vagrant ALL=(root) NOPASSWD: /usr/bin/systemctl start life@blue.service, ')
      expect(await runtime.process(blue)).toEqual({ state: 'stopped' })
    })

    test('has no unit on a host that was not set up, which the fault says', async () => {
      await runtime.stop(blue)
      await on.fill(blue, old)
      await asRoot('mv /etc/systemd/system/life@.service /root')
      const fault = await faultOf(runtime.start(old, blue))
      const stopped = await runtime.stop(blue)
      await asRoot('mv /root/life@.service /etc/systemd/system')
      expect(fault).toMatchObject({
        code: 'UNIT_MISSING',
        exitCode: 3,
        message: expect.stringContaining('life@blue.service'),
      })
      expect(stopped).toEqual({ was: 'stopped', killed: false })
    })

    test('reads the same bytes from an env file as were written', async () => {
      const values = Object.fromEntries(fc.sample(environmentValue, 500).map((text, i) => [`V${i}`, text]))
      const file = join(tmpdir(), `switchyard-env-${process.pid}`)
      await writeFile(file, environmentFile(values))
      await on.machine.copyIn(file, '/root/values')
      await rm(file)
      await asRoot(
        `printf '[Service]\\nType=oneshot\\nEnvironmentFile=/root/values\\nExecStart=/usr/bin/env -0\\nStandardOutput=truncate:/root/seen\\n' > /etc/systemd/system/values.service; systemctl daemon-reload; systemctl start values`,
      )
      const seen = await asRoot('base64 -w 0 /root/seen')
      const entries = Buffer.from(seen, 'base64').toString('utf8').split('\0')
      expect(new Set(entries.filter(entry => /^V\d+=/.test(entry)))).toEqual(
        new Set(Object.entries(values).map(([name, text]) => `${name}=${text}`)),
      )
    })
  })
})
