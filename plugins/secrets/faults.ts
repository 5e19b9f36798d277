/** Errors of the programs that secrets are read with. Messages never contain values. */
import { catalogue, fault } from '../../runner/fault.ts'

interface Source {
  /** The name of the program, such as `op`. */
  readonly program: string
  /** What was read, such as `1Password item life`. */
  readonly title: string
}

export const secretsFaults = catalogue({
  SECRETS_TOOL_MISSING: fault<Source & { install: string }>({
    exitCode: 2,
    message: d => `${d.title} cannot be read: the program \`${d.program}\` is not installed.`,
    hint: d => `Install it (${d.install}), or take the variables from another source in the Taskfile.`,
  }),
  SECRETS_NO_ACCESS: fault<Source & { login: string; said: string }>({
    exitCode: 1,
    message: d => `${d.title} cannot be read: \`${d.program}\` has no access to it.`,
    hint: d => `${d.login} Nothing was contacted but \`${d.program}\`.`,
    detail: d => d.said || undefined,
  }),
  SECRETS_NOT_FOUND: fault<Source & { said: string }>({
    exitCode: 2,
    message: d => `${d.title} does not exist, or this account cannot see it.`,
    hint: () => 'Check its name in the Taskfile.',
    detail: d => d.said || undefined,
  }),
  SECRETS_FAILED: fault<Source & { why: string; said: string }>({
    exitCode: 1,
    message: d => `${d.title} cannot be read: \`${d.program}\` ${d.why}.`,
    hint: d => `Run \`${d.program}\` by hand to see why. Nothing else was contacted.`,
    detail: d => d.said || undefined,
  }),
  SECRETS_UNREADABLE: fault<Source & { why: string; expected: string }>({
    exitCode: 2,
    message: d => `${d.title} has no variables that can be read: ${d.why}.`,
    hint: d => `Store them as ${d.expected}.`,
  }),
})
