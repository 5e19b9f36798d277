/** The tests of the processes of `container()` with one engine: a worker in each slot, a scheduler in the live one, and hooks. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensureBaseImage } from '../../dev/engine.ts'
import type { EngineName } from '../../plugins/runtime/container/scripts.ts'
import { type ContainerSite, startContainerSite } from './container-site.ts'

const RUNTIME = `
  processes: { worker: ['./work', 'worker'], scheduler: { start: './work scheduler', when: 'live', stopLimit: 3, memoryMax: '64M', cpuMax: 0.5, filesMax: 4096 } },
  promoted: ['bash', '-c', 'echo "promoted $SWITCHYARD_SLOT" >> /data/hooks'],
  demoted: 'bash -c \\'echo "demoted $SWITCHYARD_SLOT" >> /data/hooks\\'',
`

export function containerProcesses(engine: EngineName): void {
  let site: ContainerSite
  beforeAll(async () => {
    await ensureBaseImage()
    site = await startContainerSite({ engine, build: "image({ context: 'app', version })", runtime: RUNTIME })
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  const done = (...args: readonly string[]) => site.exits(0, ...args)
  /** The containers that run, without what their names have in common. */
  const running = async () =>
    (await site.engine("ps --format '{{.Names}}'"))
      .split('\n')
      .filter(Boolean)
      .map(name => name.replace('switchyard-life-', ''))
      .sort()
  const BOTH = ['blue', 'blue.worker', 'green', 'green.worker']

  it('a deploy starts the worker, and a promote moves the scheduler and tells both slots, as does a rollback', async () => {
    await done('deploy', '--promote')
    expect(await running()).toEqual(['blue', 'blue.scheduler', 'blue.worker'])
    await site.version('1.1.0')
    await done('deploy')
    expect(await running()).toEqual([...BOTH, 'blue.scheduler'].sort())
    await done('promote', 'green')
    expect(await running()).toEqual([...BOTH, 'green.scheduler'].sort())
    await done('rollback')
    expect(await running()).toEqual([...BOTH, 'blue.scheduler'].sort())
    expect((await site.asRoot('cat /srv/life/shared/data/hooks')).split('\n')).toEqual([
      'promoted blue',
      'demoted blue',
      'promoted green',
      'demoted green',
      'promoted blue',
    ])
    expect(await done('status')).toMatch(/blue.*1\.0\.0/)
    expect(await done('logs', '--slot', 'blue')).toContain('scheduler: the scheduler of blue works')
    // The limit of one process is not that of the others.
    const limits = (process: string) =>
      engine === 'docker'
        ? site.engine(
            `container inspect --format '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' switchyard-life-blue.${process}`,
          )
        : site.asRoot(`systemctl show --property=MemoryMax,CPUQuotaPerSecUSec --value life-${process}@blue | xargs`)
    const [some, none] = engine === 'docker' ? ['500000000', '0 0'] : ['500ms', 'infinity infinity']
    const [scheduler, worker] = [await limits('scheduler'), await limits('worker')]
    expect(scheduler.split(' ').sort()).toEqual([`${64 * 1024 * 1024}`, some].sort())
    expect(worker).toBe(none)
    const pid = await site.engine("container inspect --format '{{.State.Pid}}' switchyard-life-blue.scheduler")
    expect(await site.asRoot(`grep 'Max open files' /proc/${pid}/limits`)).toMatch(/ 4096 +4096 /)
  })

  it('after a power loss the scheduler runs in the live slot alone', async ({ skip }) => {
    if (engine === 'docker') skip('the Docker engine of a test host cannot make control groups while it boots')
    await site.host.restart({ powerLoss: true })
    await expect.poll(running, { interval: 1000 }).toEqual([...BOTH, 'blue.scheduler'].sort())
    await done('status')
  })

  it('a container of a process that was killed comes back, and one that is stopped is reported', async () => {
    const id = () => site.engine("ps --no-trunc --quiet --filter name='switchyard-life-blue.worker'")
    const before = await id()
    await site.engine('kill --signal KILL switchyard-life-blue.worker')
    await expect.poll(id).toMatch(new RegExp(`^(?!${before}$)[0-9a-f]{64}$`))
    await expect.poll(async () => (await site.task({}, 'status')).code).toBe(0)
    await site.asRoot('systemctl stop life-scheduler@blue')
    expect(await site.exits(3, 'status')).toMatch(/scheduler failed/)
    await done('repair', '--force', 'blue')
    expect(await running()).toContain('blue.scheduler')
  })

  it('a release whose worker ends at once fails its deploy, with the output of the worker', async () => {
    await site.version('1.2.0-worker')
    const said = await site.exits(1, 'deploy', '--promote')
    expect(said).toContain('The process worker of green is not running.')
    expect(said).toContain('the worker is broken')
    expect(await running()).toEqual(['blue', 'blue.scheduler', 'blue.worker'])
    expect(await site.live()).toBe('1.0.0')
  })

  it('a promote to a release whose scheduler ends at once goes back, and the scheduler runs where it ran', async () => {
    await site.version('1.3.0-scheduler')
    await done('deploy')
    const said = await site.exits(1, 'promote', 'green')
    expect(said).toContain('The process scheduler of green is not running.')
    expect(said).toContain('the scheduler is broken')
    expect(await site.live()).toBe('1.0.0')
    expect(await running()).toEqual([...BOTH, 'blue.scheduler'].sort())
  })

  it('retire stops the worker with its slot, and remove leaves no container behind', async () => {
    await done('retire')
    expect(await running()).toEqual(['blue', 'blue.scheduler', 'blue.worker'])
    await done('remove', '--force', '--yes-remove', 'life')
    expect(await site.engine('ps --all --quiet')).toBe('')
  })
}
