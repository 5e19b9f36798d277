/** What `mix.exs` says of the release that it makes. Read as text: to run it would take Elixir. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildFaults } from './faults.ts'

/** The text of a file of Elixir's without its comments. */
export const withoutComments = (text: string): string => text.replace(/^\s*#.*$/gm, '')

export const isUmbrella = (mix: string): boolean => /\bapps_path:/.test(withoutComments(mix))

/** Whether its releases are packed: only then is there a tarball. */
const packs = (mix: string): boolean => /:tar\b/.test(withoutComments(mix))

/**
 * Throws `RELEASE_NOT_PACKED` before a build that would make no tarball: `mix.exs` says nothing of one, and nor does what runs it, such as a
 * Dockerfile.
 */
export async function assertPacks(folder: string, runner: string, cure: string): Promise<void> {
  const mix = await readFile(join(folder, 'mix.exs'), 'utf8').catch(() => '')
  if (mix === '' || packs(mix) || /\btar\b|\.t(?:ar\.)?gz\b/.test(runner)) return
  throw buildFaults.RELEASE_NOT_PACKED({ folder, umbrella: isUmbrella(mix), cure })
}
