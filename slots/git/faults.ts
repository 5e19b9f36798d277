/** Errors of reading a git repository on this machine. */
import { catalogue, fault } from '../../runner/fault.ts'

export const gitFaults = catalogue({
  GIT_UNUSABLE: fault<{ folder: string; reason: string }>({
    exitCode: 2,
    message: d => `The git repository of ${d.folder} cannot be read: ${d.reason}.`,
    hint: d =>
      /^not a git repository/.test(d.reason)
        ? 'A release is made from a commit. Run this in a clone of the repository of the application, or make one: `git init`, `git add --all`, `git commit`.'
        : 'Install git, and run this in a clone of the repository of the application.',
  }),
  REF_UNKNOWN: fault<{ folder: string; ref: string }>({
    exitCode: 2,
    message: d => `There is no commit "${d.ref}" in the git repository of ${d.folder}.`,
    hint: d =>
      d.ref === 'HEAD'
        ? 'A release is made from a commit, and this repository has none yet: `git add --all`, `git commit`.'
        : 'Name a branch, a tag or a commit that exists here. `git fetch --all --tags` gets those of the others.',
  }),
  LIVE_REVISION_UNKNOWN: fault<{ slot: string; release: string; revision: string | null }>({
    exitCode: 1,
    message: d =>
      d.revision === null
        ? `The live release ${d.release} in ${d.slot} was deployed without a revision.`
        : `The live release ${d.release} in ${d.slot} has the revision "${d.revision}", which is no commit of git.`,
    hint: () =>
      'The next deploy records one, if its build source gives it: build in a git repository, or set `revision` in your own build source.',
  }),
  LIVE_REVISION_MISSING: fault<{ slot: string; release: string; revision: string; folder: string }>({
    exitCode: 1,
    message: d =>
      `The repository of ${d.folder} does not have the commit ${d.revision.slice(0, 10)} of the live release ${d.release} in ${d.slot}.`,
    hint: () =>
      'Somebody deployed a commit that is not here: `git fetch --all`, or `git fetch --unshallow` in a shallow clone. It may also have been rewritten, or never pushed.',
  }),
})
