import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Host, Transport } from '../../../host/host.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import type { AnyTask } from '../../../runner/task.ts'
import type { BuildSource, Plugin, Router, RouterPlace, Runtime } from '../../../slots/contracts.ts'
import { project } from '../../../tasks/project.ts'

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

const plugin = <T>(): Plugin<T> => ({ name: 'none', create: () => expect.fail('not made here') })

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
