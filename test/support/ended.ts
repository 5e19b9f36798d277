/** What a run of `task` or a command on a host came to. An assertion here shows the output. */
import { expect } from 'vitest'
import type { TestHost } from '../../dev/host.ts'
import type { Ended } from '../../dev/site.ts'

export const outputOf = ({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): string => stdout + stderr

/** Resolves to both outputs of a run that has to end with this exit code. */
export async function exits(code: number, run: Promise<Ended>): Promise<string> {
  const ended = await run
  expect(ended.code, outputOf(ended)).toBe(code)
  return outputOf(ended)
}

/** Runs lines of bash as root, which have to succeed. Resolves to their stdout. */
export async function runAsRoot(host: Pick<TestHost, 'exec'>, command: string): Promise<string> {
  const ended = await host.exec(`set -eu\n${command}`)
  expect(ended.code, `${command}: ${outputOf(ended)}`).toBe(0)
  return ended.stdout
}
