/** Reads `mix.exs` as text, because evaluating it would require Elixir. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildFaults } from './faults.ts'

/** Removes the comment lines of an Elixir file. */
export const withoutComments = (text: string): string => text.replace(/^\s*#.*$/gm, '')

export const isUmbrella = (mix: string): boolean => /\bapps_path:/.test(withoutComments(mix))

/** Whether `mix release` also makes a tarball. */
const hasTarStep = (mix: string): boolean => /:tar\b/.test(withoutComments(mix))

/**
 * Checks, before a build, that it makes a tarball: either `mix.exs` or the text that runs the build (`runner`, such as a Dockerfile) must do so.
 *
 * @param option - the Taskfile option that the hint suggests instead
 * @throws `RELEASE_NOT_PACKED`
 */
export async function assertMakesTarball(folder: string, runner: string, option: string): Promise<void> {
  const mix = await readFile(join(folder, 'mix.exs'), 'utf8').catch(() => '')
  if (mix === '' || hasTarStep(mix) || /\btar\b|\.t(?:ar\.)?gz\b/.test(runner)) return
  throw buildFaults.RELEASE_NOT_PACKED({ folder, umbrella: isUmbrella(mix), option })
}
