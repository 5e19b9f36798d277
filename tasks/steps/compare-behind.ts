import { arg } from '../../runner/cli/args.ts'
import { hostNamed } from '../../runner/hosts.ts'
import type { AnyTask, Arg, Fleet } from '../../runner/task.ts'
import type { Release } from '../../slots/contracts.ts'
import { slotFaults } from '../../slots/faults.ts'
import { servingOf, splitFault } from '../../slots/fleet/agreement.ts'
import { alike, describeServing, type Serving } from '../../slots/fleet/serving.ts'
import { recordIn } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'
import type { DetectLive } from './detect-live.ts'
import type { TakeLock } from './take-lock.ts'

/** A host that has to catch up, and what the others serve; the same on all hosts but for `here`. */
export interface CatchUp {
  readonly target: string
  /** Whether this is that host. */
  readonly here: boolean
  /** What the others serve, and one of them that has it. */
  readonly slot: string
  readonly release: Release
  readonly revision: string | null
  readonly source: string
  /** What the target serves. */
  readonly before: Serving
  readonly behind: boolean
  /** Whether the target serves another release in the slot that is live on the others, so that it has to serve from the other one meanwhile. */
  readonly detour: boolean
  /** Set when the detour has been made: from then on its old release is stopped, and an undo stays with the new one. */
  passed: boolean
}

/** The host that catches up. */
function nameArgument<S extends string>({ machines, ofRouter }: TaskDeps<S>): Arg<string> {
  const hosts = machines.filter(machine => machine !== ofRouter).map(({ name }) => name)
  const text = arg.text('The host that was left out, as in `hosts` of the Taskfile')
  return { ...text, offered: hosts, parse: raw => hostNamed({ hosts }, 'name', text.parse(raw)) }
}

const refuse = (host: string, why: string, next: string) => slotFaults.CATCH_UP_IMPOSSIBLE({ host, why, next })

export const compareBehind = <S extends string>(deps: TaskDeps<S>, takeLock: TakeLock<S>, detectLive: DetectLive<S>) =>
  deps.task('Compare the host with the others', {
    needs: [takeLock, detectLive],
    args: { name: nameArgument(deps) },
    async run({ name: target, liveState, fleet, runtime, note }) {
      const here = fleet.host === target
      if (!fleet.hosts.includes(target))
        throw refuse(target, 'this run leaves it out', 'Give no `--without` and no `--host`.')
      if (here && deps.pooled && runtime.serves !== false)
        throw refuse(target, 'its balancer switches all hosts at once', 'Deploy to all hosts with `npx task deploy`.')
      const record = recordIn(liveState, liveState.live)
      const all = await fleet.gather({ ...servingOf(liveState), record, leftOut: liveState.leftOut ?? [] })
      const left = new Set(all.flatMap(({ value }) => value.leftOut.map(({ host }) => host)))
      const others = all.filter(({ host, value }) => host !== target && value.slot !== undefined && !left.has(host))
      const own = all.find(({ host }) => host === target)?.value
      const [reference] = others
      if (!reference || !own) throw refuse(target, 'no other host of this run serves anything', 'Name more hosts.')
      if (!alike(others.map(({ value }) => value))) throw splitFault(others)
      const { slot, record: live } = reference.value
      if (slot === undefined || !live || live.adopted)
        throw refuse(
          target,
          `${reference.host} runs a process that was adopted, and no release`,
          'Deploy to all hosts.',
        )
      if (own.slot === undefined)
        throw refuse(target, 'it serves nothing yet', 'Deploy to all hosts with `npx task deploy`.')
      const behind = !alike([own, reference.value])
      note(
        behind ? `${describeServing(own)} instead of ${describeServing(reference.value)}` : `${target} serves the same`,
      )
      const catchUp: CatchUp = {
        target,
        here,
        slot,
        release: live.release,
        revision: live.revision,
        source: reference.host,
        before: own,
        behind,
        detour: behind && own.slot === slot,
        passed: false,
      }
      return { catchUp }
    },
  })

export type Compared<S extends string> = ReturnType<typeof compareBehind<S>>

interface Compares {
  readonly catchUp: CatchUp
  readonly fleet: Fleet
  readonly dryRun: boolean
}

/** Runs a step only on the host that catches up, and only if `wanted`. The undo of a step of the detour ends with that. */
export const onlyBehind =
  (compared: AnyTask, wanted: (catchUp: CatchUp) => boolean = () => true, undoes = wanted) =>
  <T extends AnyTask>(step: T): T => {
    const applies = ({ catchUp, dryRun }: Compares) => catchUp.here && catchUp.behind && !dryRun && wanted(catchUp)
    return {
      ...step,
      needs: [compared, ...step.needs],
      run: (context: Compares) => (applies(context) ? step.run?.(context) : undefined),
      ...(step.undo && {
        undo: (context: Compares) => (applies(context) && undoes(context.catchUp) ? step.undo?.(context) : undefined),
      }),
    }
  }
