/** Which steps run for a release that is already on the host. */
import { expect, it } from 'vitest'
import { arg, beam, definer, docker, nginx, project, ssh } from '../../../index.ts'
import { commandLine } from '../../../runner/cli/flags.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import type { AnyTask } from '../../../runner/task.ts'

const { tasks, task, flow } = project({
  app: 'life',
  host: ssh('web-1'),
  build: docker({}),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})

/** The titles of the steps that a command line runs. */
function stepsOf(root: AnyTask, line: string): string[] {
  const plan = planOf('it', root)
  const values = commandLine(['it', ...line.split(' ').filter(Boolean)], plan)
  return plan.steps.filter(({ task }) => task.when?.(values) !== false).map(({ title }) => title)
}

const BUILT = ['Build the release', 'Check the host', 'Upload the release']
const FOUND = ['Find the release on the host', 'Check the host']
const REST = [
  'Take the lock',
  'Find out which slot is live',
  'Stop the idle slot',
  'Start the new release in the idle slot',
  'Wait until the idle slot is healthy',
  'Remove old releases',
  'Plan the next step',
]

it.each([
  ['', [...BUILT, ...REST]],
  ['--promote', [...BUILT, ...REST, 'Move the traffic and prove it']],
  ['--release 0.1.1', [...FOUND, ...REST]],
  ['--release 0.1.1-3fa9c21 --promote', [...FOUND, ...REST, 'Move the traffic and prove it']],
])('`deploy %s` runs exactly its steps', (line, steps) => {
  expect(stepsOf(tasks.deploy, line)).toEqual(steps)
})

it('the steps of a deploy take --release as commands of their own, except those that build and upload', () => {
  expect(stepsOf(tasks.startIdle, '--release 0.1.1')).toEqual([
    'Find the release on the host',
    'Take the lock',
    'Find out which slot is live',
    'Stop the idle slot',
    'Start the new release in the idle slot',
  ])
  expect(stepsOf(tasks.preflight, '--release 0.1.1')).toEqual(FOUND)
  for (const step of [tasks.build, tasks.upload, tasks.stopIdle, tasks.checkIdle])
    expect(() => stepsOf(step, '--release 0.1.1')).toThrow(expect.objectContaining({ code: 'UNKNOWN_FLAG' }))
})

const ROLLBACK = [
  'Take the lock',
  'Find out which slot is live',
  'Find the release on the host',
  'Check the host',
  'Stop the idle slot',
  'Start the release in the idle slot',
  'Wait until the idle slot is healthy',
  'Check that the slot is fit for traffic',
  'Move the traffic and prove it',
]

it('a rollback without a release starts nothing', () => {
  expect(stepsOf(tasks.rollback, '')).toEqual([...ROLLBACK.slice(0, 2), ...ROLLBACK.slice(-2)])
})

it.each(['0.1.1', '--release 0.1.1', '0.1.1-3fa9c21 --force'])(
  'a rollback to a release takes it by place or by flag, and may start it: %s',
  line => {
    expect(stepsOf(tasks.rollback, line)).toEqual(ROLLBACK)
  },
)

it('a restart starts the live release in the idle slot, and then moves the traffic', () => {
  expect(stepsOf(tasks.restart, '')).toEqual([
    ...ROLLBACK.slice(0, 2),
    'Find the release that is live',
    ...ROLLBACK.slice(3, 7),
    'Plan the switch',
    'Move the traffic and prove it',
  ])
})

it('env-push starts the live release in the idle slot and moves nothing; if no variable differs, it starts nothing either', async () => {
  const starts = ROLLBACK.slice(3, 7)
  expect(stepsOf(tasks.envPush, '')).toEqual([
    ...ROLLBACK.slice(0, 2),
    'Compare the environment with that of the live slot',
    ...starts,
    'Plan the next step',
  ])
  const notes: string[] = []
  const steps = planOf('env-push', tasks.envPush).steps.filter(({ title }) => starts.includes(title))
  for (const { task } of steps) await task.run?.({ changed: false, note: (text: string) => notes.push(text) } as never)
  expect(notes).toEqual(starts.map(() => 'not needed'))
})

it.each(['../etc', '', 'a b', '-x', `1${'0'.repeat(80)}`, 'a\nb'])(
  'a release that cannot be a name is rejected before the host is contacted: %j',
  name => {
    const plan = planOf('rollback', tasks.rollback)
    expect(() => commandLine(['rollback', `--release=${name}`], plan)).toThrow(expect.objectContaining({ exitCode: 2 }))
  },
)

it.each(['-1', 'all', '1.5', ''])('a number of releases to keep is rejected if it is %j', keep => {
  const plan = planOf('prune', tasks.prune)
  expect(() => commandLine(['prune', `--keep=${keep}`], plan)).toThrow(
    expect.objectContaining({ code: 'ARGUMENT_INVALID', exitCode: 2 }),
  )
})

it('an argument `release` of a task in a Taskfile does not leave out its build', () => {
  const announce = task('Announce', { needs: [tasks.build], args: { release: arg.text('R') }, run: () => undefined })
  expect(stepsOf(announce, '0.1.1')).toEqual(['Build the release', 'Announce'])
})

it('a flow of a Taskfile can deploy and roll back', () => {
  const both = flow('Both', [tasks.deploy, tasks.rollback])
  expect(stepsOf(both, '').filter(title => title === 'Find the release on the host')).toEqual([])
  expect(stepsOf(both, '0.1.1').filter(title => title === 'Find the release on the host')).toHaveLength(2)
})

it('a flow of a Taskfile that deploys takes --release too', () => {
  const note = definer().task('Note', { run: () => undefined })
  expect(stepsOf(flow('Both', [tasks.deploy, note]), '--release 0.1.1')).toEqual([...FOUND, ...REST, 'Note'])
})
