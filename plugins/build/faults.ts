/** What can go wrong with a build. */
import { catalogue, fault } from '../../runner/faults.ts'

export const buildFaults = catalogue({
  VERSION_UNKNOWN: fault<{ folder: string }>({
    exit: 2,
    what: d => `Neither mix.exs nor package.json in ${d.folder} says which version this is.`,
    next: () => 'Write one there, or say it in the Taskfile: `version: "1.2.3"`.',
  }),
  BUILD_FAILED: fault<{ command: string; code: number | null; said: string }>({
    exit: 1,
    what: d => `\`${d.command}\` ended with ${d.code ?? 'a signal'}${d.code === 127 ? ': it is not installed' : ''}.`,
    next: d =>
      d.code === 127 ? 'Install it on this machine, and run the command again.' : 'Nothing was sent; see its output.',
    detail: d => d.said,
  }),
  ARTIFACT_NOT_IN_IMAGE: fault<{ artifact: string; said: string }>({
    exit: 1,
    what: d => `The image that was built has no ${d.artifact}.`,
    next: () => 'Say where the Dockerfile puts the tarball: `docker({ artifact: "/app/..." })`. It may hold * and ?.',
    detail: d => d.said,
  }),
  ARTIFACT_AMBIGUOUS: fault<{ artifact: string; found: readonly string[] }>({
    exit: 1,
    what: d => `${d.artifact} means ${d.found.length} files, and one was expected.`,
    next: () => 'Name the tarball more exactly in the Taskfile, or remove those that are old.',
    detail: d => d.found.join('\n'),
  }),
  ARTIFACT_MISSING: fault<{ path: string }>({
    exit: 1,
    what: d => `There is no artifact ${d.path}.`,
    next: () =>
      'Look at what the build made, and name its tarball in the Taskfile: `artifact: "..."` or `path: "..."`.',
  }),
  ARTIFACT_NO_TARBALL: fault<{ path: string }>({
    exit: 1,
    what: d => `${d.path} is not a gzipped tarball.`,
    next: () => 'A release is sent as a .tar.gz; with `mix release` that is the step `:tar`.',
  }),
})
