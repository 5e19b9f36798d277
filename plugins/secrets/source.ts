/** What all sources that ask a program have in common. */
import type { Environment } from '../../slots/environment/environment.ts'
import type { EnvironmentSource, Reading } from '../../slots/environment/source.ts'
import { ask, type Tool } from './ask.ts'

interface Definition {
  readonly name: string
  readonly tool: Tool
  /** What is read, such as `1Password item life`. */
  readonly title: string
  readonly plain: readonly string[] | undefined
  /** The arguments of the program, if need be for the folder and the environment of a run. */
  readonly args: readonly string[] | ((reading: Reading) => readonly string[])
  parse(
    origin: { readonly program: string; readonly title: string },
    output: string,
  ): Environment | Promise<Environment>
}

/** A source that is asked only by commands that need the variables. */
export const asked = ({ name, tool, title, plain = [], args, parse }: Definition): EnvironmentSource => ({
  name,
  title,
  plain,
  async read(reading) {
    const question = { tool, title, args: typeof args === 'function' ? args(reading) : args }
    return parse({ program: tool.program, title }, await ask(question, reading))
  },
})

/** `--name value`, or nothing without a value. */
export const option = (name: string, value: string | undefined): readonly string[] =>
  value === undefined ? [] : [`--${name}`, value]
