/** Finds the version of a project. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { call, either, text } from '../../runner/taskfile/shape.ts'
import { validateName } from '../../slots/names.ts'
import { buildFaults } from './faults.ts'
import { isUmbrella, withoutComments } from './mix.ts'

/** A version, or a function that returns it when the build starts. */
export type VersionSource = string | (() => string | Promise<string>)

/** Where the version is found if the Taskfile does not set it, for `task config`. */
export const VERSION_FILES = 'from mix.exs or package.json'

export const versionRule = either(
  text,
  call<() => string | Promise<string>>('a function that returns it'),
  'a version such as "1.2.3", or a function that returns one',
)

/** The version in a `mix.exs`: `version: "1.2.3"`, or `version: @version` with `@version "1.2.3"`; undefined if it is computed. */
export function mixVersion(text: string): string | undefined {
  const code = withoutComments(text)
  const project = code.slice(Math.max(0, code.search(/\bdef\s+project\b/)))
  const [, literal, attribute] = /\bversion:\s*(?:"([^"]+)"|@(\w+))/.exec(project) ?? []
  if (attribute === undefined) return literal
  return new RegExp(`^\\s*@${attribute}\\s+"([^"]+)"`, 'm').exec(code)?.[1]
}

/** The version in a `package.json`. */
export function packageVersion(text: string): string | undefined {
  try {
    const { version } = JSON.parse(text)
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}

/**
 * The version that the Taskfile configures, else that in `mix.exs`, or, if there is no `mix.exs`, that in `package.json` in this folder, else that of
 * `otherwise`, if neither file has one.
 *
 * @throws `VERSION_UNKNOWN`, `NAME_INVALID`
 */
export async function versionOf(
  folder: string,
  configured: VersionSource | undefined,
  otherwise?: () => Promise<string>,
): Promise<string> {
  const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => '')
  if (configured !== undefined) {
    // biome-ignore lint/nursery/useAwaitThenable: the function may return a promise.
    return validateName('version', typeof configured === 'function' ? await configured() : configured)
  }
  const mix = await read('mix.exs')
  // In an Elixir project, package.json belongs to its assets.
  const version = mix === '' ? packageVersion(await read('package.json')) : mixVersion(mix)
  if (version !== undefined) return validateName('version', version)
  if (otherwise && mix === '') return validateName('version', await otherwise())
  throw buildFaults.VERSION_UNKNOWN({ folder, mix: mix === '' ? 'none' : isUmbrella(mix) ? 'umbrella' : 'computed' })
}
