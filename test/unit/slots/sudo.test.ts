import { describe, expect, it, test } from 'vitest'
import { wantsPassword } from '../../../slots/sudo/list.ts'
import { refusalOf, sudoAnswer, sudoLine } from '../../../slots/sudo/refusal.ts'

const JOURNAL = ['/usr/bin/journalctl', '--unit=life@blue.service']
const TEST = ['/usr/sbin/nginx', '-t']

describe('the sudo rules', () => {
  it.each([
    ['    (root) NOPASSWD: /usr/bin/journalctl --unit\\=life@blue.service', false],
    ['    (root) NOPASSWD: /usr/bin/true, /usr/bin/journalctl --unit\\=life@blue.service', false],
    ['    (root) NOPASSWD: /usr/bin/journalctl', false],
    ['    (ALL) NOPASSWD: ALL', false],
    ['    (ALL : ALL) NOPASSWD: ALL', false],
    ['    (ALL) ALL', true],
    ['    (ALL) NOPASSWD: ALL\n    (ALL) ALL', true],
    ['    (ALL) ALL\n    (root) NOPASSWD: /usr/bin/journalctl --unit\\=life@blue.service', false],
    ['    (root) NOPASSWD: /usr/bin/true, PASSWD: /usr/bin/journalctl', true],
    ['    (root) NOPASSWD: /usr/bin/journalctl *', undefined],
    // Rules for other users do not apply to root.
    ['    (root) ALL\n    (postgres) NOPASSWD: ALL', true],
    ['    (postgres) ALL', undefined],
    // No password at all unless a rule requires one.
    ['    env_reset, use_pty, !authenticate\n\n    (ALL) ALL', false],
    ['    !authenticate\n\n    (ALL) PASSWD: ALL', true],
    ['', undefined],
  ])('%j require a password: %s', (listing, expected) => {
    expect(wantsPassword(listing, JOURNAL)).toBe(expected)
  })
})

describe('a sudo refusal', () => {
  const of = (listing: string, ...denied: string[]) =>
    refusalOf('deploy', [TEST, JOURNAL], sudoAnswer(listing.split('\n'), denied))

  test('is undefined for root or when all commands are allowed', () => {
    expect(of('root')).toBeUndefined()
    expect(of('    (ALL) NOPASSWD: ALL')).toBeUndefined()
  })

  test('is undefined when only listing needs a password (listpw=always)', () => {
    expect(of('unlisted', '0 sudo: a password is required', '1 sudo: a password is required')).toBeUndefined()
  })

  test('gives the first command, the number of others, and one line that allows them all', () => {
    expect(of('', '1 sudo: a password is required', '0 sudo: a password is required')).toEqual({
      user: 'deploy',
      command: '/usr/sbin/nginx -t',
      others: 1,
      stderr: 'sudo: a password is required',
      hint: 'Run `npx task setup`, or add as root on the host with `visudo -f /etc/sudoers.d/zz-switchyard`: deploy ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/bin/journalctl --unit\\=life@blue.service',
    })
  })

  test('is reported when sudo prints nothing, as for a command without a rule', () => {
    expect(of('    (root) NOPASSWD: /usr/sbin/nginx -t', '1 ')).toMatchObject({
      command: JOURNAL.join(' '),
      others: 0,
      stderr: '',
    })
  })

  test('ignores the warning about an unresolved host name', () => {
    const warning = 'sudo: unable to resolve host web-1: Name or service not known'
    expect(of('    (root) NOPASSWD: /usr/sbin/nginx -t', `1 ${warning}; sudo: a password is required`)?.stderr).toBe(
      'sudo: a password is required',
    )
  })

  test.each([
    ['sudo: sorry, you must have a tty to run sudo', /: Defaults:deploy !requiretty$/],
    ['bash: line 4: sudo: command not found', /apt-get install -y sudo$/],
    [
      'sudo: /etc/sudoers.d/a is world writable; sudo: a password is required',
      /First repair sudo .*a is world writable/,
    ],
    ['sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set', /First repair sudo .*setuid bit/],
  ])('has a specific hint: %s', (stderr, hint) => {
    expect(of('', `0 ${stderr}`)?.hint).toMatch(hint)
  })

  test('by a later rule has a hint that puts the new rule last', () => {
    expect(of('    (root) NOPASSWD: /usr/sbin/nginx -t\n    (ALL) ALL')?.hint).toMatch(
      /^A later rule requires a password.*zz-switchyard`: deploy ALL=\(root\) NOPASSWD: \/usr\/sbin\/nginx -t, /,
    )
  })
})

test('a sudoers rule has its special characters escaped', () => {
  expect(sudoLine('deploy', [['/bin/x', '--a=b:c', 'd,e*']])).toBe(
    'deploy ALL=(root) NOPASSWD: /bin/x --a\\=b\\:c d\\,e\\*',
  )
})
