/** What can go wrong with a build. */
import { catalogue, fault } from '../../runner/fault.ts'

export const buildFaults = catalogue({
  VERSION_UNKNOWN: fault<{ folder: string; mix: 'none' | 'computed' | 'umbrella' }>({
    exitCode: 2,
    message: d =>
      d.mix === 'none'
        ? `Neither mix.exs nor package.json in ${d.folder} says which version this is.`
        : d.mix === 'umbrella'
          ? `mix.exs in ${d.folder} is an umbrella's, and says no version in plain text.`
          : `mix.exs in ${d.folder} computes its version: it cannot be read without running it.`,
    hint: d =>
      d.mix === 'none'
        ? 'Write one there, or say it in the Taskfile: `version: "1.2.3"`.'
        : 'Say it in the Taskfile: `version: "1.2.3"`, or a function that finds it out: `version: () => readFileSync("VERSION", "utf8").trim()`.',
  }),
  RELEASE_NOT_PACKED: fault<{ folder: string; umbrella: boolean; cure: string }>({
    exitCode: 2,
    message: d => `mix.exs in ${d.folder} makes no tarball of its release: it has no step \`:tar\`. Nothing was built.`,
    hint: d =>
      `Add \`steps: [:assemble, :tar]\` to the release in mix.exs${d.umbrella ? ' (an umbrella also has to name its `applications:` there)' : ''}; or name the folder of the release in the Taskfile: ${d.cure}.`,
  }),
  BUILD_FAILED: fault<{ command: string; code: number | null; said: string }>({
    exitCode: 1,
    message: d =>
      `\`${d.command}\` ended with ${d.code ?? 'a signal'}${d.code === 127 ? ': it is not installed' : ''}.`,
    hint: d =>
      d.code === 127 ? 'Install it on this machine, and run the command again.' : 'Nothing was sent; see its output.',
    detail: d => d.said,
  }),
  ARTIFACT_NOT_IN_IMAGE: fault<{ artifact: string; said: string }>({
    exitCode: 1,
    message: d => `The image that was built has no ${d.artifact}.`,
    hint: () =>
      'Say where it puts the tarball, or the folder of the release: `docker({ artifact: "/app/..." })`, which may hold * and ?. `mix release` makes a tarball with `steps: [:assemble, :tar]` in mix.exs.',
    detail: d => d.said,
  }),
  ARTIFACT_AMBIGUOUS: fault<{ artifact: string; found: readonly string[] }>({
    exitCode: 1,
    message: d => `${d.artifact} means ${d.found.length} files, and one was expected.`,
    hint: () => 'Name the tarball more exactly in the Taskfile, or remove those that are old.',
    detail: d => d.found.join('\n'),
  }),
  ARTIFACT_MISSING: fault<{ path: string }>({
    exitCode: 1,
    message: d => `There is no artifact ${d.path}.`,
    hint: () =>
      'Look at what the build made, and name its tarball or folder in the Taskfile: `artifact: "..."` or `path: "..."`. `mix release` makes a tarball with `steps: [:assemble, :tar]` in mix.exs.',
  }),
  ARTIFACT_NO_TARBALL: fault<{ path: string }>({
    exitCode: 1,
    message: d => `${d.path} is not a gzipped tarball.`,
    hint: () => 'A release is sent as a .tar.gz; with `mix release` that is the step `:tar`.',
  }),
})
