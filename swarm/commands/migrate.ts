import { perform } from '../../host/query.ts'
import type { SwarmDeps } from '../context.ts'
import { wordsOf } from '../definition.ts'
import { swarmFaults } from '../faults.ts'
import { following, MIGRATION_LIMIT } from '../migration.ts'
import { journaled, writeRecords } from '../records.ts'
import { createService, migrationArguments, removeService, variablesInput } from '../service.ts'
import type { DetectLive } from '../steps/take-lock.ts'

export const migrate = <S extends string>({ task, slot }: SwarmDeps<S>, detected: DetectLive) =>
  task("Run the migrations of a slot's release", {
    description:
      'One task runs them, on any node, with the variables and the networks of the slot. They go on if the connection is lost; the next run follows\n' +
      'them and does not run them twice. Without --slot, those of the idle slot run.',
    examples: ['migrate --slot green', 'migrate'],
    args: { slot: slot.optional() },
    needs: [detected],
    secrets: true,
    changes: true,
    async run({ slot, liveState, dryRun, note, log, ...context }) {
      const { app, names, definition, host, deploy } = context
      if (definition.migrate === undefined) throw swarmFaults.MIGRATE_NOT_DEFINED({})
      const chosen = slot ?? (liveState.idle as S)
      const service = liveState.cluster.slots.get(chosen)
      if (!service) throw swarmFaults.SLOT_NOT_READY({ slot: chosen, seen: 'nothing was ever deployed to it' })
      const { release, version, image } = service
      const earlier = liveState.cluster.migration
      const runs =
        earlier?.tasks.some(({ wanted, state }) => wanted && !/complete|failed|rejected|shutdown/.test(state)) ?? false
      if (earlier && runs && earlier.release !== release)
        throw swarmFaults.OTHER_MIGRATION_RUNS({ release: earlier.release })
      // One that has ended was either reported, or its run was cut off: then its result is still to be told.
      const follows = earlier?.release === release
      if (!follows) {
        const creation = {
          slot: chosen,
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
            { input: variablesInput(context.variables(chosen)) },
          ),
        )
        await batch.run()
      } else log(`Following the migrations of ${release} that were started before.`)
      if (dryRun) return note('not run in a dry run')
      const ended = await host.query(following(names.migration, definition.limits?.migrate ?? MIGRATION_LIMIT, log))
      const ok = ended.state === 'complete'
      if (ended.state !== 'late') await host.query(perform(removeService(names.migration, 0)))
      const { records } = await context.cluster()
      if (records)
        await host.query(
          writeRecords(
            app,
            journaled(records, deploy, {
              event: 'migrate',
              slot: chosen,
              release,
              result: ok ? 'done' : 'failed',
              ...(!ok && { why: ended.error || ended.state }),
            }),
          ),
        )
      if (!ok) {
        const why =
          ended.state === 'late'
            ? 'they still run; the next `migrate` follows them'
            : ended.code
              ? ''
              : ended.error || ended.state
        throw swarmFaults.MIGRATION_FAILED_IN_TASK({ release, code: ended.code || undefined, why, log: ended.log })
      }
      note(`${release} in ${chosen}`)
    },
  })
