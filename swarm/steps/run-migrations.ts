import { perform } from '../../host/query.ts'
import type { TaskContext } from '../../runner/task.ts'
import { migrating } from '../../slots/promote/arguments.ts'
import type { Cluster } from '../cluster.ts'
import type { SwarmContext, SwarmDeps } from '../context.ts'
import { wordsOf } from '../definition.ts'
import { swarmFaults } from '../faults.ts'
import { following, MIGRATION_LIMIT } from '../migration.ts'
import { journaled, writeRecords } from '../records.ts'
import { createService, migrationArguments, removeService, variablesInput } from '../service.ts'
import type { StartSlot } from './start-slot.ts'

/** The migrations of a deploy. If they fail, it is undone: the new tasks are stopped, and the live slot stays as it was. */
export const migrateIdle = ({ task }: SwarmDeps, started: StartSlot) => {
  const step = task('Run the migrations of the new release', {
    needs: [started],
    args: { migrate: migrating },
    secrets: true,
    changes: true,
    async run({ idle, ...context }) {
      if (context.dryRun) return context.note('not run in a dry run')
      await runMigrations(context, idle, await context.cluster())
    },
  })
  return { ...step, when: (values: object) => 'migrate' in values && values.migrate === true }
}

/**
 * Runs the migrations of a slot's release as a task of the engine, or follows those that run already.
 *
 * @throws MIGRATE_NOT_DEFINED, SLOT_NOT_READY, OTHER_MIGRATION_RUNS, MIGRATION_FAILED_IN_TASK
 */
export async function runMigrations(
  context: SwarmContext & TaskContext,
  slot: string,
  cluster: Cluster,
): Promise<void> {
  const { app, names, definition, host, deploy, dryRun, log, note } = context
  if (definition.migrate === undefined) throw swarmFaults.MIGRATE_NOT_DEFINED({})
  const service = cluster.slots.get(slot)
  if (!service) throw swarmFaults.SLOT_NOT_READY({ slot, seen: 'nothing was ever deployed to it' })
  const { release, version, image } = service
  const earlier = cluster.migration
  const runs =
    earlier?.tasks.some(({ wanted, state }) => wanted && !/complete|failed|rejected|shutdown/.test(state)) ?? false
  if (earlier && runs && earlier.release !== release)
    throw swarmFaults.OTHER_MIGRATION_RUNS({ release: earlier.release })
  // One that has ended was either reported, or its run was cut off: then its result is still to be told.
  if (earlier?.release === release) log(`Following the migrations of ${release} that were started before.`)
  else {
    const creation = {
      slot,
      release: { name: release, version, image, local: !image.includes('@') },
      by: deploy.by,
      deploy: deploy.id,
    }
    const batch = host.pipeline()
    batch.push(perform(removeService(names.migration, 0)))
    batch.push(
      perform(
        createService({
          name: names.migration,
          deploy: deploy.id,
          options: migrationArguments(definition, creation),
          command: [image, ...wordsOf(definition.migrate)],
        }),
        { input: variablesInput(context.variables(slot)) },
      ),
    )
    await batch.run()
  }
  if (dryRun) return note('not run in a dry run')
  const ended = await host.query(following(names.migration, definition.limits?.migrate ?? MIGRATION_LIMIT, log))
  const ok = ended.state === 'complete'
  if (ended.state !== 'late') await host.query(perform(removeService(names.migration, 0)))
  const { records } = await context.cluster()
  const result = ok ? ({ result: 'done' } as const) : ({ result: 'failed', why: ended.error || ended.state } as const)
  if (records)
    await host.query(writeRecords(app, journaled(records, deploy, { event: 'migrate', slot, release, ...result })))
  if (!ok) {
    const reason = ended.code ? '' : ended.error || ended.state
    const why = ended.state === 'late' ? 'they still run; the next `migrate` follows them' : reason
    throw swarmFaults.MIGRATION_FAILED_IN_TASK({ release, code: ended.code || undefined, why, log: ended.log })
  }
  note(`${release} in ${slot}`)
}
