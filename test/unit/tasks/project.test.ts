import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Host, Transport } from '../../../host/host.ts'
import { capture } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { fleetRun } from '../../../runner/engine/fleet.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import type { AnyTask, TaskContext } from '../../../runner/task.ts'
import type { Artifact, BuildSource, Router, RouterPlace, Runtime } from '../../../slots/contracts.ts'
import { project } from '../../../tasks/project.ts'
import { plugin } from '../../support/definition.ts'
import { fakeHost as answeringHost } from '../../support/fake-host.ts'

/** A host that counts its connections and reports fixed traffic. */
function fakeHost(name = 'web-1') {
  const seen = { connected: 0 }
  const host = {
    name,
    connect: () => void seen.connected++,
    traffic: () => ({ roundTrips: 3, sent: 2, received: 1 }),
    async [Symbol.asyncDispose]() {},
  } as Partial<Host> as Host
  return { seen, transport: { name, open: async () => host } satisfies Transport }
}

function made(env?: string, { folder = import.meta.dirname, on }: { folder?: string; on?: RouterPlace } = {}) {
  const { seen, transport } = fakeHost()
  const { tasks } = project({
    app: 'life',
    host: transport,
    build: plugin<BuildSource>(),
    runtime: plugin<Runtime>(),
    router: { ...plugin<Router>(), ...(on && { on }) },
    slots: { blue: { port: 4000 }, green: { port: 5000 } },
    ...(env !== undefined && { env }),
  })
  const open = (command: string, root: AnyTask) => {
    const steps = planOf(command, root)
      .steps.map(({ task }) => task)
      .filter(task => task.when?.({}, { folder }) !== false)
    return steps[0]?.scope?.open({
      command,
      signal: new AbortController().signal,
      dryRun: false,
      tasks: steps,
      folder,
      values: {},
      hide: () => undefined,
      redact: data => data,
      confirm: async () => false,
    })
  }
  return { seen, tasks, open }
}

it('a project connects early when a command builds and uploads', async () => {
  for (const name of ['upload', 'deploy'] as const) {
    const { seen, tasks, open } = made()
    await open(name, tasks[name])
    expect(seen.connected).toBe(1)
  }
})

it('a project does not connect early if a hook may stop the command before it builds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'project-'))
  await mkdir(join(folder, '.task/hooks'), { recursive: true })
  await writeFile(join(folder, '.task/hooks/pre-build'), '#!/bin/sh\n')
  const { seen, tasks, open } = made(undefined, { folder })
  await open('deploy', tasks.deploy)
  expect(seen.connected).toBe(0)
  await rm(folder, { recursive: true })
})

it('a project does not connect for a build alone, nor early for other commands', async () => {
  const { seen, tasks, open } = made()
  await open('build', tasks.build)
  await open('status', tasks.status)
  expect(seen.connected).toBe(0)
})

it('a project reports the traffic of its host', async () => {
  const { tasks, open } = made()
  const opened = await open('build', tasks.build)
  expect(opened?.traffic?.()).toEqual({ roundTrips: 3, sent: 2, received: 1 })
})

it('a project with a balancer connects to both hosts early, and reports the traffic of both', async () => {
  const balancer = fakeHost('lb-1')
  const { seen, tasks, open } = made(undefined, { on: { host: balancer.transport, upstream: '10.0.0.5' } })
  const opened = await open('deploy', tasks.deploy)
  expect([seen.connected, balancer.seen.connected]).toEqual([1, 1])
  expect(opened?.traffic?.()).toEqual({ roundTrips: 6, sent: 4, received: 2 })
})

it('a project refuses a balancer that is its own host', () => {
  const { transport } = fakeHost()
  expect(() => made(undefined, { on: { host: transport, upstream: '10.0.0.5' } })).toThrow(
    expect.objectContaining({ code: 'BALANCER_IS_HOST', exitCode: 2 }),
  )
})

it('a project reads the secrets of its environment file before it is opened', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-project-'))
  await writeFile(join(folder, '.env'), 'TOKEN=hunter2-hunter2\n')
  const secrets = async (env?: string) => [...((await made(env).tasks.status.scope?.secrets?.(folder)) ?? [])]
  expect(await secrets('.env')).toEqual(['hunter2-hunter2'])
  expect(await secrets()).toEqual([])
  await rm(folder, { recursive: true })
})

it('a project rolls behind a balancer only if that can send a share of the traffic', () => {
  const [first, second, balancer] = ['web-1', 'web-2', 'lb-1'].map(name => fakeHost(name).transport)
  const pool = ['10.0.0.5', '10.0.0.6']
  const made = (strategy: 'together' | 'rolling', canary: boolean) => () =>
    project({
      app: 'life',
      hosts: [first, second] as Transport[],
      strategy,
      build: plugin<BuildSource>(),
      runtime: plugin<Runtime>(),
      router: { ...plugin<Router>(), canary, on: { host: balancer as Transport, upstream: '10.0.0.5', pool } },
      slots: { blue: { port: 4000 }, green: { port: 5000 } },
    })
  expect(made('together', false)).not.toThrow()
  expect(made('rolling', true)).not.toThrow()
  expect(made('rolling', false)).toThrow(expect.objectContaining({ code: 'ROLLING_OFF', exitCode: 2 }))
})

describe('a build for hosts that serve different releases', () => {
  /** A host whose router, site and records say that a slot is live, with a release. */
  const serving = (name: string, slot: string, release: string): Transport => {
    const record = {
      slot,
      release: { name: release, sha256: release },
      promoted: { generation: 'g1', at: '2026-01-01' },
    }
    const host = answeringHost(({ text }) =>
      text.includes(`${slot}/slot.json`) ? JSON.stringify(record) : text === 'route' ? slot : '',
    )
    return { name, open: async () => ({ ...host, name, connect: () => undefined }) }
  }
  const says = <T>(as: (slot: string) => T) => capture(sh.read`route`, as)
  const router = {
    live: () => says(slot => ({ slot, generation: 'g1' })),
    answer: () => says(slot => ({ slot, generation: 'g1', status: 200, problem: undefined })),
  } as unknown as Router

  /** Builds on both hosts, as a command does; the build ends when it is aborted, or at once. */
  async function built(command: 'deploy' | 'upload', second: readonly [string, string], endless: boolean) {
    const { tasks } = project({
      app: 'life',
      hosts: [serving('web-1', 'blue', '1.0.0'), serving('web-2', ...second)],
      build: {
        ...plugin<BuildSource>(),
        create: ({ signal }) => ({
          build: () =>
            new Promise((resolve, reject) => {
              if (!endless) return resolve({ version: '2.0.0' } as Artifact)
              signal.addEventListener('abort', () => reject(signal.reason))
            }),
        }),
      },
      runtime: { ...plugin<Runtime>(), create: () => ({}) as Runtime },
      router: { ...plugin<Router>(), create: () => router },
      slots: { blue: { port: 4000 }, green: { port: 5000 } },
    })
    const steps = planOf(command, tasks[command]).steps.map(({ task }) => task)
    const { signal } = new AbortController()
    const opened = await steps[0]?.scope?.open({
      command,
      signal,
      dryRun: false,
      tasks: steps,
      folder: import.meta.dirname,
      values: {},
      hide: () => undefined,
      redact: data => data,
      confirm: async () => false,
    })
    if (!opened) expect.fail('a project has a scope')
    const names = ['web-1', 'web-2']
    const run = fleetRun(names)
    const common = { signal, dryRun: false, log: () => undefined, $: () => () => undefined } as unknown as TaskContext
    return Promise.allSettled(
      names.map(name => (opened.context(common, run.on(name)) as { build(): Promise<Artifact> }).build()),
    )
  }
  const refused = (code: string) => Array(2).fill({ status: 'rejected', reason: { code, exitCode: 3 } })
  const done = Array(2).fill({ status: 'fulfilled', value: { version: '2.0.0' } })

  it.each([
    ['another slot', ['green', '1.0.0']],
    ['another release', ['blue', '0.9.0']],
  ] as const)('is ended as soon as one is known to serve %s', async (_, second) => {
    expect(await built('deploy', second, true)).toMatchObject(refused('FLEET_SPLIT'))
    // One that has ended before is refused all the same, before anything is uploaded.
    expect(await built('deploy', second, false)).toMatchObject(refused('FLEET_SPLIT'))
  })

  it('goes on if they serve the same, or if the command does not need that', async () => {
    expect(await built('deploy', ['blue', '1.0.0'], false)).toMatchObject(done)
    expect(await built('upload', ['green', '1.0.0'], false)).toMatchObject(done)
  })
})
