import { describe, expect, it, test } from 'vitest'
import { wantsPassword } from '../../../slots/sudo/list.ts'
import { refusalOf, sudoAnswer, sudoLine } from '../../../slots/sudo/refusal.ts'

const JOURNAL = ['/usr/bin/journalctl', '--unit=life@blue.service']
const TEST = ['/usr/sbin/nginx', '-t']

describe('the rules of sudo', () => {
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
    // Rules for other users say nothing of root.
    ['    (root) ALL\n    (postgres) NOPASSWD: ALL', true],
    ['    (postgres) ALL', undefined],
    // No password at all, unless a rule asks for one.
    ['    env_reset, use_pty, !authenticate\n\n    (ALL) ALL', false],
    ['    !authenticate\n\n    (ALL) PASSWD: ALL', true],
    ['', undefined],
  ])('%s', (listing, wanted) => {
    expect(wantsPassword(listing, JOURNAL)).toBe(wanted)
  })
})

describe('a refusal of sudo', () => {
  const of = (listing: string, ...denied: string[]) =>
    refusalOf('deploy', [TEST, JOURNAL], sudoAnswer(listing.split('\n'), denied))

  test('is none for root, and none where all is allowed', () => {
    expect(of('root')).toBeUndefined()
    expect(of('    (ALL) NOPASSWD: ALL')).toBeUndefined()
  })

  test('is none where only the list needs a password (listpw=always)', () => {
    expect(of('unlisted', '0 sudo: a password is required', '1 sudo: a password is required')).toBeUndefined()
  })

  test('names the first command, how many more, and one line that allows them all', () => {
    expect(of('', '1 sudo: a password is required', '0 sudo: a password is required')).toEqual({
      user: 'deploy',
      command: '/usr/sbin/nginx -t',
      others: 1,
      said: 'sudo: a password is required',
      next: 'Run `npx task setup`, or add as root on the host with `visudo -f /etc/sudoers.d/zz-switchyard`: deploy ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/bin/journalctl --unit\\=life@blue.service',
    })
  })

  test('is there when sudo says nothing at all, as for a command that no rule names', () => {
    expect(of('    (root) NOPASSWD: /usr/sbin/nginx -t', '1 ')).toMatchObject({
      command: JOURNAL.join(' '),
      others: 0,
      said: '',
    })
  })

  test('does not count the warning about a host name', () => {
    const said = 'sudo: unable to resolve host web-1: Name or service not known'
    expect(of('    (root) NOPASSWD: /usr/sbin/nginx -t', `1 ${said}; sudo: a password is required`)?.said).toBe(
      'sudo: a password is required',
    )
  })

  test.each([
    ['sudo: sorry, you must have a tty to run sudo', /: Defaults:deploy !requiretty$/],
    ['bash: line 4: sudo: command not found', /apt-get install -y sudo$/],
    ['sudo: /etc/sudoers.d/a is world writable; sudo: a password is required', /Mend sudo .*a is world writable/],
    ['sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set', /Mend sudo .*setuid bit/],
  ])('has its own advice: %s', (said, next) => {
    expect(of('', `0 ${said}`)?.next).toMatch(next)
  })

  test('by a later rule is told as that: another line before it would not help', () => {
    expect(of('    (root) NOPASSWD: /usr/sbin/nginx -t\n    (ALL) ALL')?.next).toMatch(
      /^A later rule asks for a password again.*zz-switchyard`: deploy ALL=\(root\) NOPASSWD: \/usr\/sbin\/nginx -t, /,
    )
  })
})

test('a rule has each character that means something to sudoers escaped', () => {
  expect(sudoLine('deploy', [['/bin/x', '--a=b:c', 'd,e*']])).toBe(
    'deploy ALL=(root) NOPASSWD: /bin/x --a\\=b\\:c d\\,e\\*',
  )
})
