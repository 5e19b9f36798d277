import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { startable } from '../../../plugins/runtime/scripts.ts'
import { layout } from '../../../slots/layout.ts'
import { accountLines, deployingUser } from '../../../slots/setup/account.ts'
import { assertUnclaimed, type Claims, parseStanding } from '../../../slots/setup/claims.ts'
import { parseSlots } from '../../../slots/setup/running.ts'
import { written } from '../../../slots/setup/transaction.ts'

const folders = layout('/srv/life')
const file = (path: string) => ({ path, text: '', mode: 0o644 })
const UNIT = '/etc/systemd/system/life@.service'
const INCLUDE = '/etc/nginx/switchyard/life.conf'
const claims: Claims = {
  app: 'life',
  layout: folders,
  slots: [
    { name: 'blue', port: 4000, env: {} },
    { name: 'green', port: 5000, env: {} },
  ],
  provisions: [
    { files: [file(UNIT)], rivals: ['/lib/systemd/system/life@.service'] },
    { files: [file(INCLUDE), file('/etc/nginx/sites-available/life.conf')] },
  ],
}

describe('what stands on a host already', () => {
  const code = (path: string, text: string) => {
    try {
      assertUnclaimed('web-1', claims, [{ path, text }])
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  it.each([
    ['our own unit', UNIT, '# Made by `task setup`\nWorkingDirectory=/srv/life/slots/%i/current\n', undefined],
    [
      'the unit of the same name in another folder',
      UNIT,
      'WorkingDirectory=/srv/staging/slots/%i/current',
      'APP_TAKEN',
    ],
    ['the site of the same name in another folder', INCLUDE, 'if (-f /srv/staging/router/live/blue) {', 'APP_TAKEN'],
    ['the sudoers file of another folder', '/etc/sudoers.d/switchyard-life', 'life to /srv/b/slots/ may', 'APP_TAKEN'],
    [
      'a sudoers file of an earlier version',
      '/etc/sudoers.d/switchyard-life',
      '# What deploying life may do',
      undefined,
    ],
    ['a unit that somebody wrote', UNIT, '[Service]\nExecStart=/usr/bin/life\n', 'FILE_NOT_OURS'],
    ['a site that somebody wrote', '/etc/nginx/sites-available/life.conf', 'server { }', 'FILE_NOT_OURS'],
    ['a site of ours', '/etc/nginx/sites-available/life.conf', `include ${INCLUDE};`, undefined],
    ['an empty file', UNIT, '\n', undefined],
    ["a unit of the system's own", '/lib/systemd/system/life@.service', '', 'FILE_NOT_OURS'],
    ['another name in our folder', '/etc/systemd/system/b@.service', '`task setup` /srv/life/slots/%i', 'ROOT_TAKEN'],
    ['another name, another folder', '/etc/systemd/system/b@.service', '`task setup` /srv/life_b/slots/%i', undefined],
    ['another site on our port', '/etc/nginx/switchyard/b.conf', 'set $switchyard_port 5000; }', 'PORT_CLAIMED'],
    [
      'another site that passes to our port',
      '/etc/nginx/switchyard/b.blue.conf',
      'http://127.0.0.1:4000;',
      'PORT_CLAIMED',
    ],
    ['another site on other ports', '/etc/nginx/switchyard/b.conf', 'set $switchyard_port 50000; }', undefined],
  ])('%s', (_, path, text, wanted) => {
    expect(code(path, text)).toBe(wanted)
  })

  it('is read as the host prints it, each file once', () => {
    const printed = `@@ switchyard /etc/a\none\n\ntwo\n@@ switchyard /etc/b\n\n@@ switchyard /etc/a\none\n\ntwo\n`
    expect(parseStanding(printed)).toEqual([
      { path: '/etc/a', text: 'one\n\ntwo\n' },
      { path: '/etc/b', text: '\n' },
    ])
  })
})

describe('the slots that stand on a host', () => {
  it('have the port of their environment and their record, whatever of it is missing', () => {
    const printed = 'blue 4000 {"slot":"blue","promoted":null}\ngreen - \nred 1 {cut\n*  - \n'
    expect(parseSlots(printed)).toEqual([
      { name: 'blue', port: 4000, record: { slot: 'blue', promoted: null } },
      { name: 'green', port: undefined, record: undefined },
      { name: 'red', port: 1, record: undefined },
    ])
  })

  it('could not start again without the program that the unit wants', () => {
    const script = startable(layout('/nowhere/life'), { name: 'blue', port: 1, env: {} }, 'bin/other').text
    expect(() => execFileSync('bash', ['-c', script])).toThrow(expect.objectContaining({ status: 51 }))
    expect(execFileSync('bash', ['-c', `(${script}) || :`]).toString()).toBe('its release has no bin/other\n')
  })
})

describe('the account that deploys', () => {
  const me = (user: string) => ({ user, group: user, root: true, missing: [] })
  it.each([
    ['we are it', 'deploy', undefined, undefined, 'deploy'],
    ['we are it, and the folder is ours', 'deploy', undefined, 'deploy', 'deploy'],
    ['a colleague', 'bob', undefined, 'deploy', 'NOT_OURS'],
    ['a colleague who may become root, for its owner', 'bob', 'deploy', 'deploy', 'deploy'],
    ['root goes on as the owner', 'root', undefined, 'deploy', 'deploy'],
    ['root for another', 'root', 'deploy', undefined, 'deploy'],
    ['root, unasked', 'root', undefined, undefined, 'SETUP_AS_ROOT'],
    ['root, asked', 'root', 'root', undefined, 'root'],
    ['root, of old', 'root', undefined, 'root', 'root'],
    ['another than the owner', 'root', 'deploy', 'root', 'NOT_OURS'],
  ])('%s', (_, user, wished, owner, wanted) => {
    const found = () => deployingUser('web-1', folders, me(user), { user: wished, owner })
    if (/^[a-z]/.test(wanted)) expect(found()).toBe(wanted)
    else expect(found).toThrow(expect.objectContaining({ code: wanted, exitCode: 3 }))
  })

  it('is shown with its keys, of which the end is enough', () => {
    const keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabcdefghijkl me@desk']
    expect(accountLines({ user: 'deploy', group: 'deploy', absent: true, keys })).toEqual([
      'new user deploy',
      'new key of deploy: ssh-ed25519 ...abcdefghijkl me@desk',
    ])
  })
})

it('the script that writes the files does nothing unless all of it has come', () => {
  const { text } = written(
    {
      app: 'life',
      deploy: 'd1',
      groups: [{ files: [file(UNIT)], links: [], apply: [] }],
      prepare: { writes: true, text: 'echo began' },
    },
    false,
  )
  for (const part of [0.2, 0.5, 0.9, 0.99]) {
    const cut = text.slice(0, Math.floor(text.length * part))
    const run = () => execFileSync('bash', ['-c', 'eval "$(cat)"'], { input: cut, stdio: 'pipe' })
    expect(run, String(part)).toThrow(/syntax error|unexpected/)
  }
  // Without its last line it is whole for bash, and still nothing is begun.
  expect(
    execFileSync('bash', ['-c', 'eval "$(cat)"'], { input: text.slice(0, text.lastIndexOf('\n')) }).toString(),
  ).toBe('')
})
