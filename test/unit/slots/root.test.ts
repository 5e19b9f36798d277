import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { sh } from '../../../host/script.ts'
import { asRoot, readAsRoot } from '../../../host/sudo.ts'

/** Runs a script as the user with this uid would, with a fake `sudo` that prints its arguments. Bash does not let EUID be set. */
const runAs = (uid: number, text: string) =>
  execFileSync('bash', [
    '-euo',
    'pipefail',
    '-c',
    `sudo() { printf 'sudo'; printf ' <%s>' "$@"; echo; }\n${text.replaceAll('$EUID', String(uid))}`,
  ]).toString()

describe('a command as root', () => {
  it('runs directly if the user is root', () => {
    expect(runAs(0, asRoot(['printf', '%s|', 'a b', '$HOME']).text)).toBe('a b|$HOME|')
  })

  it('runs through `sudo -n` with unchanged arguments for any other user', () => {
    expect(runAs(1000, asRoot(['/usr/bin/ln', '-s', 'a b', "it's"]).text)).toBe(
      "sudo <-n> </usr/bin/ln> <-s> <a b> <it's>\n",
    )
  })

  it('can be used wherever a command can', () => {
    const script = sh.lines(
      sh.read`if ! ${asRoot(['false'])}; then echo refused; fi`,
      sh.read`${asRoot(['echo', 'x'])} | tr x y`,
    )
    expect(runAs(0, script.text)).toBe('refused\ny\n')
  })

  it('counts as writing unless made by readAsRoot()', () => {
    expect(sh.read`${asRoot(['true'])}`.writes).toBe(true)
    expect(sh.read`${readAsRoot(['true'])}`.writes).toBe(false)
  })
})
