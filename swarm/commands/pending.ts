import { arg } from '../../runner/cli/args.ts'
import { gitFaults } from '../../slots/git/faults.ts'
import { assertRepository, resolveCommit } from '../../slots/git/git.ts'
import { pendingNote, pendingOf, pendingText } from '../../slots/git/pending.ts'
import type { SwarmDeps } from '../context.ts'

export const pending = ({ task }: SwarmDeps) =>
  task('Show the commits that are new since the live release', {
    description:
      'Compares the current commit of the git repository of the Taskfile with the revision of the live release, and also shows the commits that only\n' +
      'the live release has. --json prints them as data. Exits with 1 if the live release has no revision, as an image that CI has pushed, or a\n' +
      'commit that this repository lacks.',
    examples: ['pending', 'pending --ref origin/main', 'pending --json'],
    args: {
      ref: arg.text('The branch, tag or commit to compare with (default HEAD)', { placeholder: 'commit' }).optional(),
    },
    async run({ folder, ref = 'HEAD', note, show, ...context }) {
      await assertRepository(folder)
      const commit = await resolveCommit(folder, ref)
      if (commit === undefined) throw gitFaults.REF_UNKNOWN({ folder, ref })
      const { records, slots } = await context.cluster()
      const name = records?.live?.slot
      const service = name === undefined ? undefined : slots.get(name)
      const record = service && { release: { name: service.release }, revision: service.revision || null }
      const found = await pendingOf(folder, commit, name === undefined ? undefined : { name }, record)
      note(pendingNote(found))
      show(columns => pendingText(found, columns), found)
    },
  })
