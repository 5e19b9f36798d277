/**
 * GitHub Actions: registers the secrets with the runner, which then masks them in the log of later steps too, such as one that prints its environment.
 * Workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
import { fstatSync } from 'node:fs'
import { type Redactor, secretTexts } from './redact.ts'

/** Escapes the percent sign, which starts an escape, and line breaks, which end a command. */
const maskCommand = (text: string): string =>
  `::add-mask::${text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')}\n`

/**
 * A redactor that first registers each value, and each line of a multi-line value, with the runner.
 *
 * @param write has to write to stderr, where the runner looks for commands too: on stdout they would end up in `task status --json` or in the file that a
 *   user redirects it to
 */
export function maskingInGithub(redactor: Redactor, write: (text: string) => void): Redactor {
  const registered = new Set<string>()
  return {
    ...redactor,
    hide(values) {
      const all = [...values]
      const fresh = all.flatMap(secretTexts).filter(text => !registered.has(text))
      for (const text of fresh) registered.add(text)
      for (const text of new Set(fresh)) write(maskCommand(text))
      redactor.hide(all)
    },
  }
}

/** True only if the GitHub runner reads stderr: anywhere else the mask commands would print the secrets. */
export const runnerListens = (
  env: NodeJS.ProcessEnv,
  stderr: { readonly fd: number; readonly isTTY?: boolean },
): boolean => env.GITHUB_ACTIONS === 'true' && !stderr.isTTY && !fstatSync(stderr.fd).isFile()
