import { capture, perform } from '../../host/query.ts'
import { isFault } from '../../runner/fault.ts'
import type { Task } from '../../runner/task.ts'
import { versionIn } from '../../slots/health/health.ts'
import type { SlotService } from '../cluster.ts'
import type { StepContext, SwarmContext, SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { assertReplicas } from '../limits.ts'
import { lostNodes, mayRouteTo } from '../live.ts'
import { readSwarm } from '../reading.ts'
import { journaled, writeRecords } from '../records.ts'
import {
  createService,
  type ImageRelease,
  REPLICAS,
  removeService,
  serviceLog,
  slotArguments,
  slotCommand,
  stopLimit,
  stopService,
  variablesInput,
} from '../service.ts'
import { coming, failedOf, progressOf, unplaced, unreached, until } from '../waiting.ts'
import type { DetectLive } from './take-lock.ts'

export type StartSlot = ReturnType<typeof startSlot>

/** The step that says which release the slot gets. */
type Supplied = Task<object, { release: ImageRelease }>

/** Milliseconds that a task may be without a node, as while another one ends. */
const PLACING = 15_000
/** How often all tasks must be reached in a row: a router takes a new one for healthy until its first check has failed. */
const LOOKS = 3
/** Lines of a log in an error. */
const LINES = 20

/** Replaces the tasks of the idle slot. If they do not become healthy, none of them is left; the live slot is not touched. */
export const startSlot = ({ task }: SwarmDeps, detected: DetectLive, sent: Supplied) =>
  task('Start the idle slot', {
    needs: [detected, sent],
    secrets: true,
    async run({ liveState, release, ...context }) {
      const { names, definition, host, deploy, dryRun, note } = context
      const { idle, live, cluster } = liveState
      // A slot that was scaled while it was live keeps its size when the traffic leaves it.
      const replicas = Math.max(definition.replicas ?? REPLICAS, (live && cluster.slots.get(live)?.replicas) || 0)
      assertReplicas(replicas)
      const creation = { slot: idle, release, by: deploy.by, deploy: deploy.id }
      const batch = host.pipeline()
      batch.push(perform(removeService(names.slot(idle), stopLimit(definition))))
      batch.push(
        perform(
          createService({
            name: names.slot(idle),
            deploy: deploy.id,
            options: slotArguments(definition, creation, replicas),
            command: slotCommand(definition, release.image),
          }),
          { input: variablesInput(context.variables(idle)) },
        ),
      )
      await batch.run()
      if (dryRun) return { idle, replicas }
      try {
        await healthy(context, idle, release, replicas)
      } catch (error) {
        // That it cannot be written, as when the manager is gone, is not the error to report.
        await written(context, idle, release, isFault(error) ? error.code : 'FAILED').catch(() => undefined)
        throw error
      }
      await written(context, idle, release, undefined)
      note(`${release.name} in ${idle}, ${replicas} tasks`)
      return { idle, replicas }
    },
    async undo({ liveState: { idle, live, records }, anew, names, note }) {
      const reached = await anew()
      const { term } = (await reached.cluster()).records ?? records
      // Only a switch of this run can have left a router on the slot.
      const nodes = term > records.term ? mayRouteTo(await readSwarm(reached), idle, records.term) : []
      if (nodes.length > 0) throw swarmFaults.SLOT_STILL_ROUTED({ slot: idle, nodes })
      await reached.host.query(perform(stopService(names.slot(idle))))
      note(`${idle} was stopped; ${live ?? 'no slot'} is live as before`)
    },
  })

async function written(
  context: SwarmContext,
  slot: string,
  release: ImageRelease,
  why: string | undefined,
): Promise<void> {
  const { app, host, deploy } = context
  const { records } = await context.cluster()
  if (!records) return
  const event = {
    event: 'deploy',
    slot,
    release: release.name,
    result: why === undefined ? 'done' : 'failed',
    why,
  } as const
  await host.query(writeRecords(app, journaled(records, deploy, event)))
}

/**
 * Waits until the engine runs all tasks and each router reaches them, then compares the version that they report.
 *
 * @param before the service, if it was there before
 * @throws TASKS_FAIL, TASKS_LATE, IMAGE_MISSING, NO_SUITABLE_NODE, TASKS_OTHER_VERSION
 */
export async function healthy(
  context: StepContext,
  slot: string,
  release: Pick<ImageRelease, 'name' | 'version'>,
  replicas: number,
  before?: SlotService,
): Promise<void> {
  const { host, names, health, signal, log } = context
  const known = new Set(failedOf(before?.tasks ?? []).map(({ id }) => id))
  const service = names.slot(slot)
  const logOf = () => host.query(capture(serviceLog(service, LINES)))
  let seen = ''
  let count = 0
  let told = ''
  let reached = 0
  const began = performance.now()
  const tell = (line: string) => {
    if (line !== told) log(line)
    told = line
  }
  const done = await until({ within: health.within, signal }, async () => {
    const cluster = await context.cluster()
    const found = cluster.slots.get(slot)
    if (!found) return undefined
    const progress = progressOf(found, cluster.nodes, known)
    if (progress.state === 'failing') throw progress.problem(await logOf())
    if (progress.state === 'waiting') {
      count = progress.running
      const why = unplaced(found)
      if (why !== undefined && performance.now() - began > PLACING) throw swarmFaults.NO_SUITABLE_NODE({ slot, why })
      seen = why ?? [...new Set(coming(found, cluster.nodes))].join(', ')
      tell(`${count} of ${replicas} tasks run`)
      return undefined
    }
    count = replicas
    const states = await (await context.control(cluster)).states()
    const missing = unreached(cluster, states, slot, replicas)
    seen = missing.join(', ')
    if (missing.length > 0) tell(seen)
    reached = missing.length > 0 ? 0 : reached + 1
    return reached >= LOOKS ? cluster : undefined
  })
  if (!done) {
    const healthyTasks = seen.includes('reaches')
      ? Math.min(...[...seen.matchAll(/reaches (\d+)/g)].map(([, n]) => Number(n)))
      : count
    throw swarmFaults.TASKS_LATE({
      slot,
      release: release.name,
      healthy: healthyTasks,
      replicas,
      within: health.within,
      seen,
      log: await logOf(),
    })
  }
  const lost = lostNodes(done).map(({ name }) => name)
  if (lost.length > 0)
    context.show(
      `warning: the manager has lost ${lost.join(', ')}; a promote is refused until it is back or was taken out.`,
    )
  await assertVersion(context, slot, release.version, replicas)
}

/** Asks the tasks through each router, which takes them in turn. @throws SLOT_NOT_READY, TASKS_OTHER_VERSION */
export async function assertVersion(
  context: SwarmContext,
  slot: string,
  expected: string,
  replicas: number,
): Promise<void> {
  const { health } = context
  const control = await context.control(await context.cluster())
  for (let i = 0; i < replicas; i++) {
    for (const [node, answer] of await control.ask(slot, health.host, health.path)) {
      if (!answer) continue
      if (answer.status !== 200)
        throw swarmFaults.SLOT_NOT_READY({
          slot,
          seen: `a task that ${node} reaches answers with status ${answer.status}`,
        })
      const reported = health.version === false ? expected : versionIn(answer.body, health.version)
      if (reported !== expected)
        throw swarmFaults.TASKS_OTHER_VERSION({
          slot,
          node,
          expected,
          reported: reported ?? 'no version',
        })
    }
  }
}
