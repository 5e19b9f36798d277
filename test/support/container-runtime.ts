/** The tests of `container()` with one engine: the contract of a runtime, and what only containers have. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ensureBaseImage, ensureEnginesImage } from '../../dev/engine.ts'
import { sh } from '../../host/script.ts'
import { container } from '../../plugins/runtime/container/container.ts'
import type { ContainerOptions } from '../../plugins/runtime/container/options.ts'
import { image } from '../../plugins/source/image.ts'
import type { Release, Runtime, Slot } from '../../slots/contracts.ts'
import { buildKit } from '../contract/build.ts'
import { type RuntimeUnderTest, runtimeContract } from '../contract/runtime.ts'
import type { Bound } from './bound.ts'
import { writeContainerApp } from './container-app.ts'
import { faultOf } from './plugin-kit.ts'
import { type Packed, type RuntimeHost, request, startRuntimeHost } from './runtime-host.ts'

let folder: string
let packed: readonly [Packed, Packed]

async function packAll(): Promise<void> {
  await ensureBaseImage()
  await ensureEnginesImage()
  folder = await mkdtemp(join(tmpdir(), 'switchyard-container-'))
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'))
  packed = [await pack('1.0.0'), await pack('1.1.0')]
}

async function pack(version: string): Promise<Packed> {
  await writeContainerApp(join(folder, 'app'), version)
  const kit = await buildKit({ folder, app: 'life' })
  const { path } = await image({ context: 'app', version }).create(kit).build()
  return { version, tarball: path }
}

const startContainerHost = ({ engine = 'podman', ...options }: ContainerOptions = {}): Promise<RuntimeHost> =>
  startRuntimeHost(
    container({
      engine,
      migrate: ['./migrate'],
      console: ['bash', '-i'],
      volumes: { data: '/data' },
      stopLimit: 4,
      memoryMax: '512M',
      ...options,
    }),
    packed,
    { DATA: '/data' },
    {
      engines: true,
      shared: ['data'],
      prepare: engine === 'docker' ? 'usermod -aG docker vagrant && systemctl start docker' : 'true',
    },
  )

async function openContainer(engine: 'docker' | 'podman'): Promise<RuntimeUnderTest> {
  const on = await startContainerHost({ engine })
  return {
    ...on,
    async variable(slot, name) {
      const { code, stdout } = await request(on, slot, `/variable/${name}`)
      return code === 0 ? Buffer.from(stdout, 'hex').toString('utf8') : undefined
    },
    async print(slot, line) {
      await request(on, slot, `/print/${line}`)
    },
    // The root of a rootless container is the user of the host.
    inside: { folder: '/app', user: engine === 'podman' ? 'root' : 'vagrant' },
    ignoresSigterm: { FAULT: 'ignore_sigterm' },
    endsAtOnce: { env: { FAULT: 'exit_at_boot' }, says: 'FAULT=exit_at_boot' },
    migrations: {
      env: { DATA: '/data/migrated' },
      says: '1_create_cells is done',
      fails: { env: { FAULT: 'migration_fails' }, says: 'FAULT=migration_fails in 1_create_cells' },
    },
  }
}

export function containerTests(engine: 'docker' | 'podman'): void {
  beforeAll(packAll)
  afterAll(() => rm(folder, { recursive: true, force: true }))
  runtimeContract(`a container of ${engine}`, () => openContainer(engine))
  describe(`container() with ${engine}`, () => ownTests(engine))
}

function ownTests(engine: 'docker' | 'podman'): void {
  let on: RuntimeHost
  let runtime: Bound<Runtime>
  let blue: Slot
  let green: Slot
  let old: Release
  let fresh: Release
  beforeAll(async () => {
    on = await startContainerHost({ engine })
    runtime = on.runtime()
    ;[blue, green] = on.slots
    ;[old, fresh] = on.releases
    await start(blue, old)
    await start(green, fresh)
  })
  afterAll(() => on?.[Symbol.asyncDispose]())
  const start = async (slot: Slot, release: Release) => {
    await runtime.stop(slot)
    await on.fill(slot, release)
    await runtime.start(release, slot)
    await on.answers(slot)
  }
  const asUser = (command: string) => on.host.capture(sh.read`bash -c ${command}`)
  const images = async () => (await asUser(`${engine} images --format '{{.Repository}}:{{.Tag}}' | sort`)).split('\n')
  const imageOf = ({ dir }: Release) =>
    asUser(`grep -o 'localhost/switchyard/life:[0-9a-f]*' ${dir}/image/manifest.json`)
  const pidOf = async (slot: Slot) =>
    (await on.asRoot(`ss -Hltnp 'sport = :${slot.port}' | grep -o 'pid=[0-9]*' | cut -c 5-`)).trim()

  test('has a unit that systemd accepts without a warning', async () => {
    expect(await on.asRoot('systemd-analyze verify life@blue.service 2>&1')).toBe('')
  })

  test('runs the application as the deploying user, without a capability and without new privileges', async () => {
    const status = await on.asRoot(`cat /proc/${await pidOf(blue)}/status`)
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    for (const kind of ['Prm', 'Eff', 'Bnd', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${kind}:\t0{16}$`, 'm'))
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  })

  test('keeps what the application writes to a volume, and nothing else', async () => {
    const touch = async (path: string) => (await request(on, blue, `/touch${path}`)).stdout
    expect([await touch('/data/kept'), await touch('/tmp/lost')]).toEqual(['done', 'done'])
    await start(blue, old)
    const { exec } = runtime
    const listed = await on.host.run(exec?.(blue, ['bash', '-c', 'echo /data/* /tmp/*']) ?? expect.fail('no exec'))
    expect(listed.stdout).toContain('/data/kept')
    expect(listed.stdout).not.toContain('/tmp/lost')
    expect(await on.asRoot('stat -c %U /srv/life/shared/data/kept')).toBe('vagrant\n')
  })

  test('restarts the application after it was killed, from its release if the engine has lost the image', async () => {
    const pid = await pidOf(blue)
    // Podman also ends the container that uses the image, Docker does not.
    await asUser(`${engine} rmi --force ${await imageOf(old)} || :`)
    await on.asRoot(`kill -KILL ${pid} || :`)
    await expect.poll(() => pidOf(blue)).toMatch(new RegExp(`^(?!${pid}$)\\d+$`))
    await on.answers(blue)
    expect(await images()).toContain(await imageOf(old))
  })

  test('stops with the signal and the limit of the options, and leaves no container behind', async () => {
    await runtime.stop(green)
    await on.flushLog()
    expect(await runtime.log(green, 20)).toContain('told to end by SIGTERM')
    expect(await asUser(`${engine} ps --all --format '{{.Names}}'`)).toBe('switchyard-life-blue')
  })

  test('removes the image of a release that is gone, and never one of a release that is there or that runs', async () => {
    const [ofOld, ofFresh] = [await imageOf(old), await imageOf(fresh)]
    const sweep = () => on.host.capture(runtime.sweep?.(false) ?? expect.fail('no sweep'))
    expect(await sweep()).toBe('')
    expect(await images()).toEqual(expect.arrayContaining([ofOld, ofFresh]))
    await on.asRoot('mv /srv/life/releases /srv/life/elsewhere && mkdir /srv/life/releases')
    await sweep()
    await on.asRoot('rmdir /srv/life/releases && mv /srv/life/elsewhere /srv/life/releases')
    expect(await images()).toContain(ofOld)
    expect(await images()).not.toContain(ofFresh)
    await on.answers(blue)
  })

  test('refuses a release that has no image', async () => {
    const nothing = { ...old, dir: '/srv/life/releases/nothing' }
    await on.asRoot(
      'mkdir -p /srv/life/releases/nothing && ln -sfn /srv/life/releases/nothing /srv/life/slots/green/current',
    )
    expect(await faultOf(runtime.start(nothing, green))).toMatchObject({
      code: 'RELEASE_WITHOUT_SCRIPT',
      hint: 'Build the release with `image()`.',
    })
  })

  test('comes back after a reboot', async () => {
    if (engine === 'docker') return
    await on.machine.restart()
    await on.answers(blue)
    expect(await runtime.process(blue)).toMatchObject({ state: 'running' })
    expect(await runtime.process(green)).toEqual({ state: 'stopped' })
  })
}
