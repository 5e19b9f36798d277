/** Errors of a build. */
import { catalogue, fault } from '../../runner/fault.ts'

export const buildFaults = catalogue({
  VERSION_UNKNOWN: fault<{ folder: string; mix: 'none' | 'computed' | 'umbrella' }>({
    exitCode: 2,
    message: d =>
      d.mix === 'none'
        ? `Neither mix.exs nor package.json in ${d.folder} has a version.`
        : d.mix === 'umbrella'
          ? `mix.exs in ${d.folder} belongs to an umbrella project and has no literal version.`
          : `mix.exs in ${d.folder} computes its version, which cannot be read without running it.`,
    hint: d =>
      d.mix === 'none'
        ? 'Add one there, or set it in the Taskfile: `version: "1.2.3"`.'
        : 'Set it in the Taskfile: `version: "1.2.3"`, or a function that returns it: `version: () => readFileSync("VERSION", "utf8").trim()`.',
  }),
  RELEASE_NOT_PACKED: fault<{ folder: string; umbrella: boolean; option: string }>({
    exitCode: 2,
    message: d =>
      `The release in mix.exs in ${d.folder} has no step \`:tar\`, so no tarball would be made. Nothing was built.`,
    hint: d =>
      `Add \`steps: [:assemble, :tar]\` to the release in mix.exs${d.umbrella ? ' (an umbrella must also list its `applications:` there)' : ''}; or set the folder of the release in the Taskfile: ${d.option}.`,
  }),
  BUILD_FAILED: fault<{ command: string; code: number | null; output: string }>({
    exitCode: 1,
    message: d =>
      d.code === null
        ? `\`${d.command}\` was terminated by a signal.`
        : `\`${d.command}\` failed with exit code ${d.code}${d.code === 127 ? ': it is not installed' : ''}.`,
    hint: d =>
      d.code === 127
        ? 'Install it on this machine and run the command again.'
        : 'Fix the error in its output. Nothing was sent.',
    detail: d => d.output,
  }),
  GIT_SUBMODULES: fault<{ commit: string; submodules: readonly string[] }>({
    exitCode: 2,
    message: d => `The commit ${d.commit.slice(0, 10)} has submodules: ${d.submodules.join(', ')}.`,
    hint: () =>
      'Set in the Taskfile whether the build needs them: `git({ submodules: true })` checks them out, `false` leaves their folders empty.',
  }),
  GIT_FOLDER_MISSING: fault<{ commit: string; path: string }>({
    exitCode: 2,
    message: d => `The commit ${d.commit.slice(0, 10)} has no folder ${d.path}.`,
    hint: () => 'Commit the folder of the Taskfile, or correct `path` or `ref` of `git()` in the Taskfile.',
  }),
  ARTIFACT_NOT_IN_IMAGE: fault<{ artifact: string; output: string }>({
    exitCode: 1,
    message: d => `The built image does not contain ${d.artifact}.`,
    hint: () =>
      'Set the path of the tarball or of the release folder: `docker({ artifact: "/app/..." })`; it may contain * and ?. `mix release` makes a tarball with `steps: [:assemble, :tar]` in mix.exs.',
    detail: d => d.output,
  }),
  ARTIFACT_AMBIGUOUS: fault<{ artifact: string; found: readonly string[] }>({
    exitCode: 1,
    message: d => `${d.artifact} matches ${d.found.length} files; exactly one was expected.`,
    hint: () => 'Make the pattern in the Taskfile more specific, or delete the old files.',
    detail: d => d.found.join('\n'),
  }),
  ARTIFACT_MISSING: fault<{ path: string }>({
    exitCode: 1,
    message: d => `The artifact ${d.path} does not exist.`,
    hint: () =>
      'Check what the build made, and set the path of its tarball or folder in the Taskfile: `artifact: "..."` or `path: "..."`. `mix release` makes a tarball with `steps: [:assemble, :tar]` in mix.exs.',
  }),
  IMAGE_SOURCES: fault<{ option: string; other: string }>({
    exitCode: 2,
    message: d => `\`image({ ${d.option} })\` takes a finished image, so \`${d.other}\` has no effect.`,
    hint: d => `Remove \`${d.option}\` or \`${d.other}\` from \`image()\` in the Taskfile.`,
  }),
  IMAGE_UNREADABLE: fault<{ archive: string; why: string }>({
    exitCode: 1,
    message: d => `${d.archive} is not the archive of one image: ${d.why}.`,
    hint: () => 'Make it with `docker save --output <file> <image>` or `podman save`, and name one image.',
  }),
  CI_RUN_MISSING: fault<{ vendor: string; what: string; commit: string }>({
    exitCode: 1,
    message: d => `${d.vendor} has no successful ${d.what} for the commit ${d.commit.slice(0, 10)}.`,
    hint: () =>
      'Push the commit, wait until its run has ended, and deploy again; or set `ref` to a commit that has one.',
  }),
  CI_UNREADABLE: fault<{ answer: string }>({
    exitCode: 1,
    message: () => "The CI's answer about the runs of this commit is not the expected JSON.",
    hint: () => 'Update `gh` or `glab` on this machine, and try the command that the output names by hand.',
    detail: d => d.answer,
  }),
  ARTIFACT_NO_TARBALL: fault<{ path: string }>({
    exitCode: 1,
    message: d => `${d.path} is not a gzipped tarball.`,
    hint: () => 'Build a .tar.gz; with `mix release`, add the step `:tar`.',
  }),
})
