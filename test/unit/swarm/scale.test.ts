/** What is left of a scale that fails. */
import { expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { scale } from '../../../swarm/commands/scale.ts'
import type { SwarmDeps } from '../../../swarm/context.ts'
import { namesOf } from '../../../swarm/names.ts'
import { fakeHost } from '../../support/fake-host.ts'

const running = (id: string, state: string) => ({ id, node: 'id1', state, wanted: state === 'running' })

it('goes back to the number of tasks that there were, and no task that failed before ends it', async () => {
  const scaled: string[] = []
  const notes: string[] = []
  const host = fakeHost(({ text }) => {
    const [, to] = /service scale --detach life_blue=(\d+)/.exec(text) ?? []
    if (to !== undefined) scaled.push(to)
    return ''
  })
  const failed = ['a', 'b', 'c'].map(id => running(id, 'failed'))
  let looks = 0
  const replicas = () => (looks++ === 0 ? 2 : 6)
  const cluster = async () => ({
    nodes: [{ id: 'id1', name: 'n1', up: true }],
    slots: new Map([['blue', { slot: 'blue', replicas: replicas(), tasks: [running('d', 'running'), ...failed] }]]),
  })
  const deps = { task: (_: string, task: object) => task, slot: arg.text('') } as unknown as SwarmDeps
  const task = scale(deps, undefined as never) as unknown as { run(context: object): Promise<void> }
  const context = {
    ...{ slot: 'blue', replicas: 6, dryRun: false, host, cluster, names: namesOf('life') },
    ...{ health: { within: 1 }, signal: new AbortController().signal, log: () => {} },
    note: (text: string) => void notes.push(text),
  }
  await expect(task.run(context)).rejects.toMatchObject({ code: 'TASKS_LATE' })
  expect(scaled).toEqual(['6', '2'])
  expect(notes).toEqual(['blue has 2 tasks again'])
})
