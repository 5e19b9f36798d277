import { arg } from '../../runner/cli/args.ts'
import { gitFaults } from '../../slots/git/faults.ts'
import { assertRepository, resolveCommit } from '../../slots/git/git.ts'
import { pendingNote, pendingOf, pendingText } from '../../slots/git/pending.ts'
import { recordIn, resolveLive } from '../../slots/state/readings.ts'
import type { TaskDeps } from '../context.ts'

export const pending = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show the commits that are new since the live release', {
    description:
      'Compares the current commit of the git repository of the Taskfile with the revision of the live release, and also shows the commits that only\n' +
      'the live release has. --json prints them as data. Exits with 1 if the live release has no revision, or a commit that this repository lacks.',
    examples: ['pending', 'pending --ref origin/main', 'pending --json'],
    args: {
      ref: arg.text('The branch, tag or commit to compare with (default HEAD)', { placeholder: 'commit' }).optional(),
    },
    async run({ folder, readings, slots, ref = 'HEAD', note, show }) {
      await assertRepository(folder)
      const revision = await resolveCommit(folder, ref)
      if (revision === undefined) throw gitFaults.REF_UNKNOWN({ folder, ref })
      const read = resolveLive(await readings(), slots)
      const record = recordIn(read, read.live)
      const found = await pendingOf(folder, revision, read.live, record)
      note(pendingNote(found))
      show(columns => pendingText(found, columns), found)
    },
  })
