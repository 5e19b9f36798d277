import type { SwarmDeps } from '../context.ts'
import { runMigrations } from '../steps/run-migrations.ts'
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
    run: ({ slot, liveState, ...context }) => runMigrations(context, slot ?? liveState.idle, liveState.cluster),
  })
