/**
 * In GitHub's runners: tells the runner which values to hide in its log. That also covers what comes after us, such as a later step that
 * prints an environment. Workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
import { fstatSync } from 'node:fs'
import { type Redactor, secretTexts } from './redact.ts'

/** One line of output. The runner reads a percent sign as the beginning of an escape, and a command ends with its line. */
const maskCommand = (text: string): string =>
  `::add-mask::${text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')}\n`

/**
 * The redactor, which first gives each value, and each line of one with several, to the runner. `write` must lead to standard
 * error: the runner looks for commands there too, and only there they get neither into `task status --json` nor into the file
 * that a user sends our standard output to.
 */
export function maskingInGithub(redactor: Redactor, write: (text: string) => void): Redactor {
  const told = new Set<string>()
  return {
    ...redactor,
    hide(values) {
      const all = [...values]
      const fresh = all.flatMap(secretTexts).filter(text => !told.has(text))
      for (const text of fresh) told.add(text)
      for (const text of new Set(fresh)) write(maskCommand(text))
      redactor.hide(all)
    },
  }
}

/** True only when the GitHub runner reads standard error: anywhere else the mask commands would print the secrets. */
export const runnerListens = (
  env: NodeJS.ProcessEnv,
  stderr: { readonly fd: number; readonly isTTY?: boolean },
): boolean => env.GITHUB_ACTIONS === 'true' && !stderr.isTTY && !fstatSync(stderr.fd).isFile()
