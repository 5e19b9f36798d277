/** Runs shellcheck on scripts, to find a missing quote before they run on a host. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether the scripts are checked; always true in CI, where a missing shellcheck is an error. */
export const hasShellcheck = process.env.CI !== undefined || spawnSync('shellcheck', ['--version']).status === 0

function shellcheck(...args: string[]): string {
  const { stdout, stderr, error } = spawnSync('shellcheck', ['--format=gcc', ...args], { encoding: 'utf8' })
  if (error) throw new Error('shellcheck is not installed: apt-get install shellcheck', { cause: error })
  return stdout + stderr
}

/** Checks files with the settings of `.shellcheckrc`. Returns the findings, one on each line. */
export const checkFiles = (paths: readonly string[]): string => shellcheck(...paths)

/** Checks complete scripts, by name, as a host runs them, so a variable that is never set is an error too. */
export function checkTexts(scripts: Readonly<Record<string, string>>): string {
  const rc = readFileSync(new URL('../../.shellcheckrc', import.meta.url), 'utf8')
  const codes = [...rc.matchAll(/^disable=(SC\d+)$/gm)].flatMap(([, code = '']) => (code === UNSET ? [] : [code]))
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-shellcheck-'))
  try {
    const paths = Object.entries(scripts).map(([name, text]) => {
      const path = join(folder, `${name.replaceAll(' ', '-')}.sh`)
      writeFileSync(path, `#!/bin/bash\nset -eu -o pipefail\n${text}\n`)
      return path
    })
    return shellcheck('--norc', `--exclude=${[...codes, ...FILLED_IN].join(',')}`, ...paths).replaceAll(
      `${folder}/`,
      '',
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The finding "variable is referenced but not assigned". */
const UNSET = 'SC2154'

/**
 * Findings that are expected in a script with inserted values: a loop over one item, a comparison of two constants, a command after `exit`, and a
 * quoted value within quotes.
 */
const FILLED_IN = ['SC2043', 'SC2050', 'SC2317', 'SC2026']
