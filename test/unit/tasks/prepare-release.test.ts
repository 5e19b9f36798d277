/** The step of a deploy that prepares the release: only in a project whose runtime prepares any. */
import { expect, it } from 'vitest'
import { beam, docker, nginx, project, service, ssh } from '../../../index.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import type { Plugin, Runtime } from '../../../slots/contracts.ts'

const tasksOf = (runtime: Plugin<Runtime>) =>
  project({
    app: 'life',
    host: ssh('web-1'),
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
