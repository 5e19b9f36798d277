/** What shellcheck has to say of scripts, so that a quote that is missing is found before a host finds it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** In CI it has to be there. */
export const hasShellcheck = process.env.CI !== undefined || spawnSync('shellcheck', ['--version']).status === 0

function shellcheck(...words: string[]): string {
  const { stdout, stderr, error } = spawnSync('shellcheck', ['--format=gcc', ...words], { encoding: 'utf8' })
  if (error) throw new Error('shellcheck is not installed: apt-get install shellcheck', { cause: error })
  return stdout + stderr
}

/** Checks programs by their paths, as `.shellcheckrc` says. Returns what is wrong, a line each. */
export const checkFiles = (paths: readonly string[]): string => shellcheck(...paths)

/** Checks whole scripts, by their names, as a host runs them: there a variable that nothing has set is wrong, too. */
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

/** A variable that is read and not set. */
const UNSET = 'SC2154'

/**
 * Right in a script whose values are filled in: a list of one, a comparison of two words, a command behind `exit`, and a value in quotes that ends
 * the quotes around it.
 */
const FILLED_IN = ['SC2043', 'SC2050', 'SC2317', 'SC2026']
