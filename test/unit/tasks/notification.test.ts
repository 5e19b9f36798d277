import { expect, it } from 'vitest'
import { planOf } from '../../../runner/engine/plan.ts'
import type { RunOutcome } from '../../../runner/task.ts'
import type { RunFacts } from '../../../slots/facts.ts'
import { eventOf, notificationOf } from '../../../tasks/notification.ts'
import { project } from '../../../tasks/project.ts'
import { definition } from '../../support/definition.ts'

const { tasks, flow } = project(definition)
const eventIn = (root: Parameters<typeof planOf>[1]) => eventOf(planOf('it', root).steps.map(({ task }) => task))

it.each(['deploy', 'promote', 'rollback', 'restart'] as const)('a %s is announced, also as a part of a flow', name => {
  expect(eventIn(tasks[name])).toBe(name)
  expect(eventIn(flow('All', [tasks.status, tasks[name]]))).toBe(name)
})

it.each(['build', 'preflight', 'startIdle', 'checkIdle', 'migrate', 'retire', 'status', 'setup'] as const)(
  '%s is not announced',
  name => {
    expect(eventIn(tasks[name])).toBe(undefined)
  },
)

const facts: RunFacts = { app: 'life', host: 'web-1', command: 'ship', deploy: 'd', by: 'ann@desk' }
const outcome = (more: Partial<RunOutcome> = {}): RunOutcome => ({ ok: true, undone: [], ms: 5, steps: [], ...more })

it('a switch that was made is live, a deploy without one is not, and a slot that was live already is nothing to tell', () => {
  expect(notificationOf('promote', { ...facts, moves: true }, outcome())).toMatchObject({ result: 'done', live: true })
  expect(notificationOf('deploy', facts, outcome())).toMatchObject({ result: 'done', live: false })
  expect(notificationOf('promote', { ...facts, moves: false }, outcome())).toBe(undefined)
})

it('a failure is told with its reason, and whether something was taken back', () => {
  const error = { code: 'RELEASE_UNVERIFIED', message: 'It is not there.' }
  const failed = notificationOf('promote', { ...facts, moves: true }, outcome({ ok: false, error }))
  expect(failed).toMatchObject({ result: 'failed', live: false, error })
  const undone = notificationOf(
    'promote',
    { ...facts, moves: true },
    outcome({ ok: false, error, undone: [tasks.build] }),
  )
  expect(undone).toMatchObject({ result: 'undone', live: false })
})
