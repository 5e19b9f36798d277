/** `rpc` of an Elixir application on two hosts. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import type { RunEvent } from '../../runner/events.ts'
import { type Machines, startMachines } from '../support/machines.ts'

const NAMES = ['web-1', 'web-2'] as const
const TASKFILE = `
import { beam, env, nginx, project, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'life',
  hosts: ['web-1', 'web-2'].map(name => ssh(name, { configFile: env.SSH_CONFIG })),
  build: tarball({ path: env.LIFE_TARBALL ?? '', version: '0.1.0' }),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, rpc } = tasks
`

let life: Machines
beforeAll(async () => {
  const LIFE_TARBALL = await lifeTarball('0.1.0')
  life = await startMachines(NAMES, TASKFILE, async () => ({ LIFE_TARBALL }))
  await life.ends(0, ['setup'])
  await life.ends(0, ['deploy', '--promote'])
})
afterAll(async () => {
  await life?.[Symbol.asyncDispose]()
})

it('evaluates the expression in the live slot of each host, and names the host of each line', async () => {
  const lines = (await life.ends(0, ['rpc', 'IO.puts(Life.version())'])).trimEnd().split('\n')
  expect(lines.sort()).toEqual(['web-1 | 0.1.0', 'web-2 | 0.1.0'])
})

it('prints each line as an event with --json', async () => {
  const text = await life.ends(0, ['rpc', '--json', 'IO.puts(Life.version())'])
  const events = text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RunEvent)
  const printed = events.flatMap(event => (event.type === 'print' ? [[event.host, event.line]] : []))
  expect(printed.sort()).toEqual(NAMES.map(name => [name, '0.1.0']))
  expect(events.at(-1)).toMatchObject({ type: 'result', ok: true })
})
