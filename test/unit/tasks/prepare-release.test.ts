/** The step of a deploy that prepares the release: only in a project whose runtime prepares any. */
import { expect, it } from 'vitest'
import { beam, docker, local, nginx, project, service } from '../../../index.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import type { Plugin, Runtime } from '../../../slots/contracts.ts'
import { oneHost, pluginKit } from '../../support/plugin-kit.ts'

const tasksOf = (runtime: Plugin<Runtime>) =>
  project({
    app: 'life',
    host: local(),
    build: docker(),
    runtime,
    router: nginx({ site: 'life.example' }),
    slots: { blue: { port: 4000 }, green: { port: 5000 } },
  }).tasks

const TITLE = 'Prepare the release'

it.each(['deploy', 'rollback', 'restart', 'startIdle'] as const)(
  '`%s` prepares the release before it stops the idle slot, if the runtime prepares any',
  name => {
    const prepares = (runtime: Plugin<Runtime>, values: object) => {
      const steps = planOf(name, tasksOf(runtime)[name]).steps
      const titles = steps.map(({ title }) => title)
      expect(titles.indexOf(TITLE)).toBeGreaterThan(titles.indexOf('Take the lock'))
      expect(titles.indexOf(TITLE)).toBeLessThan(titles.indexOf('Stop the idle slot'))
      return steps.find(({ title }) => title === TITLE)?.task.when?.(values)
    }
    expect(prepares(beam(), {})).toBe(false)
    expect(prepares(service({ start: 'bin/server' }), {})).toBe(false)
    const preparing = service({ start: 'bin/server', prepare: 'npm ci' })
    expect(prepares(preparing, {})).toBe(name !== 'rollback')
  },
)

it.each([
  ['has a preparation that it does not announce', { ...service({ start: 'a', prepare: 'b' }), prepares: false }],
  ['announces a preparation that it does not have', { ...service({ start: 'a' }), prepares: true }],
])('a plugin that %s is an error before anything runs', async (_, runtime) => {
  const { deploy } = tasksOf(runtime)
  const run = { command: 'deploy', signal: new AbortController().signal, dryRun: false, tasks: [deploy], values: {} }
  const opened = await deploy.scope?.open({
    ...run,
    folder: '/',
    hide: () => undefined,
    redact: data => data,
    confirm: async () => false,
  })
  await using scope = opened ?? expect.fail('no scope')
  expect(() => scope.context(pluginKit(), oneHost())).toThrow('`prepares`')
})
