import type { Task } from '../runner/task.ts'
import { append } from '../slots/journal.ts'
import { type Move, proveMove, takeBack, writeMove } from '../slots/move.ts'
import type { Parts } from './context.ts'

/** The step that says whether there is a move, and which: `promote`, `rollback` and `deploy` each have their own. */
export type Planned<S extends string> = Task<object, { move: Move<S> | undefined }>

/** Moves the traffic and proves it; taken back by the runner when the proof, or anything after it, fails. */
export const switchTraffic = <S extends string>({ task }: Parts<S>, planned: Planned<S>) =>
  task('Move the traffic and prove it', {
    needs: [planned],
    async run({ move, dryRun, note, log, ...ground }) {
      if (!move) return
      await ground.router.promote(move.to, move.generation)
      log(`switched to ${move.to.name}, generation ${move.generation}`)
      if (dryRun) return note('not proven in a dry run')
      const proof = await proveMove(ground, move)
      await writeMove(ground, move)
      note(`${move.to.name} is live: ${proof}`)
    },
    async undo({ move, note, host, layout, deploy, ...ground }) {
      if (!move) return
      await takeBack({ host, layout, deploy, ...ground }, move)
      const slot = move.to.name
      await append(host, layout, deploy, { event: 'promote', slot, from: move.from?.name, result: 'undone' })
      note(move.from ? `${move.from.name} is live again, proven` : 'no slot is live, as before')
    },
  })
