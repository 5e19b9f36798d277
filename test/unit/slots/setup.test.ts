import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { ssh } from '../../../host/ssh/transport.ts'
import { caddy } from '../../../plugins/router/caddy/caddy.ts'
import { haproxy } from '../../../plugins/router/haproxy/haproxy.ts'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import { startable } from '../../../plugins/runtime/scripts.ts'
import type { Plugin, Router } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { accountLines, deployingUser } from '../../../slots/setup/account.ts'
import { assertUnclaimed, type Claims, parseFiles } from '../../../slots/setup/claims.ts'
import { parseSlots } from '../../../slots/setup/running.ts'
import { writeScript } from '../../../slots/setup/transaction.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

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

describe('a setup', () => {
  const code = (path: string, text: string) => {
    try {
      assertUnclaimed('web-1', claims, [{ path, text }])
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  it.each([
    [
      'our own unit is accepted',
      UNIT,
      '# Made by `task setup`\nWorkingDirectory=/srv/life/slots/%i/current\n',
      undefined,
    ],
    [
      'a unit of the same name for another folder is rejected',
      UNIT,
      'WorkingDirectory=/srv/staging/slots/%i/current',
      'APP_TAKEN',
    ],
    [
      'a site of the same name for another folder is rejected',
      INCLUDE,
      'if (-f /srv/staging/router/live/blue) {',
      'APP_TAKEN',
    ],
    [
      'a sudoers file for another folder is rejected',
      '/etc/sudoers.d/switchyard-life',
      'life to /srv/b/slots/ may',
      'APP_TAKEN',
    ],
    [
      'a sudoers file of an earlier version is accepted',
      '/etc/sudoers.d/switchyard-life',
      '# What deploying life may do',
      undefined,
    ],
    ['a unit that we did not write is rejected', UNIT, '[Service]\nExecStart=/usr/bin/life\n', 'FILE_NOT_OURS'],
    ['a site that we did not write is rejected', '/etc/nginx/sites-available/life.conf', 'server { }', 'FILE_NOT_OURS'],
    ['our own site is accepted', '/etc/nginx/sites-available/life.conf', `include ${INCLUDE};`, undefined],
    ['an empty file is accepted', UNIT, '\n', undefined],
    ['a unit of a system package is rejected', '/lib/systemd/system/life@.service', '', 'FILE_NOT_OURS'],
    [
      'another application in our folder is rejected',
      '/etc/systemd/system/b@.service',
      '`task setup` /srv/life/slots/%i',
      'ROOT_TAKEN',
    ],
    [
      'another application in another folder is accepted',
      '/etc/systemd/system/b@.service',
      '`task setup` /srv/life_b/slots/%i',
      undefined,
    ],
    [
      'another site on our port is rejected',
      '/etc/nginx/switchyard/b.conf',
      'set $switchyard_port 5000; }',
      'PORT_CLAIMED',
    ],
    [
      'another site that proxies to our port is rejected',
      '/etc/nginx/switchyard/b.blue.conf',
      'http://127.0.0.1:4000;',
      'PORT_CLAIMED',
    ],
    [
      'another site on other ports is accepted',
      '/etc/nginx/switchyard/b.conf',
      'set $switchyard_port 50000; }',
      undefined,
    ],
  ])('accepts or rejects what is already on the host: %s', (_, path, text, wanted) => {
    expect(code(path, text)).toBe(wanted)
  })

  it('parses the files that the host prints, each once', () => {
    const printed = `@@ switchyard /etc/a\none\n\ntwo\n@@ switchyard /etc/b\n\n@@ switchyard /etc/a\none\n\ntwo\n`
    expect(parseFiles(printed)).toEqual([
      { path: '/etc/a', text: 'one\n\ntwo\n' },
      { path: '/etc/b', text: '\n' },
    ])
  })
})

describe('an application of the same name behind one balancer', () => {
  const on = ssh('deploy@lb-1')
  const ROUTERS: readonly [string, (site: string, upstream: string) => Plugin<Router>][] = [
    ['nginx', (site, upstream) => nginx({ site, on, upstream })],
    ['HAProxy', (site, upstream) => haproxy({ site, on, upstream })],
    ['Caddy', (site, upstream) => caddy({ site, on, upstream })],
  ]
  const filesOf = (plugin: Plugin<Router>, address: string) => {
    const slots = claims.slots.map(slot => ({ ...slot, address }))
    return plugin.create(pluginKit({ slots })).provision({ user: 'deploy', group: 'deploy' }).files
  }
  describe.each(ROUTERS)('%s', (_, router) => {
    const theirs = filesOf(router('life.example', '10.0.0.5'), '10.0.0.5')
    it.each([
      ['itself', 'life.example', '10.0.0.5', undefined],
      ['itself with another site', 'staging.example', '10.0.0.5', undefined],
      ['itself on another host', 'life.example', '10.0.0.6', undefined],
      ['another, on another host and with another site', 'staging.example', '10.0.0.6', 'APP_ELSEWHERE'],
      ['another whose site ends as that one', 'example', '10.0.0.6', 'APP_ELSEWHERE'],
      ['another whose address begins as that one', 'www.life.example', '10.0.0.55', 'APP_ELSEWHERE'],
    ])('is %s', (_, site, address, wanted) => {
      const files = filesOf(router(site, address), address)
      const own = { ...claims, slots: [], provisions: [{ files }], behind: { site, addresses: [address] } }
      const check = () => assertUnclaimed('lb-1', own, theirs)
      if (wanted === undefined) expect(check).not.toThrow()
      else expect(check).toThrow(expect.objectContaining({ code: wanted, exitCode: 3 }))
    })
  })

  it('is not refused for a server block of its own, whose file names no site', () => {
    const theirs = filesOf(nginx({ site: 'life.example', on, upstream: '10.0.0.5', include: true }), '10.0.0.5')
    const files = filesOf(nginx({ site: 'b.example', on, upstream: '10.0.0.6', include: true }), '10.0.0.6')
    const behind = { site: 'b.example', addresses: ['10.0.0.6'] }
    expect(() =>
      assertUnclaimed('lb-1', { ...claims, slots: [], provisions: [{ files }], behind }, theirs),
    ).not.toThrow()
  })
})

describe('the existing slots of a host', () => {
  it('are parsed with port and record, even if one is missing or damaged', () => {
    const printed = 'blue 4000 {"slot":"blue","promoted":null}\ngreen - \nred 1 {cut\n*  - \n'
    expect(parseSlots(printed)).toEqual([
      { name: 'blue', port: 4000, record: { slot: 'blue', promoted: null } },
      { name: 'green', port: undefined, record: undefined },
      { name: 'red', port: 1, record: undefined },
    ])
  })

  it('are reported as unable to start if the release lacks the program of the unit', () => {
    const script = startable(layout('/nowhere/life'), { name: 'blue', port: 1, env: {} }, 'bin/other').text
    expect(() => execFileSync('bash', ['-c', script])).toThrow(expect.objectContaining({ status: 51 }))
    expect(execFileSync('bash', ['-c', `(${script}) || :`]).toString()).toBe('its release has no bin/other\n')
  })
})

describe('the deploying account', () => {
  const me = (user: string) => ({ user, group: user, root: true, missing: [] })
  it.each([
    ['the connected user by default', 'deploy', undefined, undefined, 'deploy'],
    ['the connected user when it owns the folder', 'deploy', undefined, 'deploy', 'deploy'],
    ['a user who does not own the folder is rejected', 'bob', undefined, 'deploy', 'NOT_OURS'],
    ['the owner when another user with sudo requests it', 'bob', 'deploy', 'deploy', 'deploy'],
    ['the owner when the connected user is root', 'root', undefined, 'deploy', 'deploy'],
    ['the requested user when the connected user is root', 'root', 'deploy', undefined, 'deploy'],
    ['root is rejected unless requested', 'root', undefined, undefined, 'SETUP_AS_ROOT'],
    ['root when it is requested', 'root', 'root', undefined, 'root'],
    ['root when it owns the folder', 'root', undefined, 'root', 'root'],
    ['a requested user who is not the owner is rejected', 'root', 'deploy', 'root', 'NOT_OURS'],
  ])('is chosen or rejected: %s', (_, user, requested, owner, expected) => {
    const found = () => deployingUser('web-1', folders, me(user), { user: requested, owner })
    if (/^[a-z]/.test(expected)) expect(found()).toBe(expected)
    else expect(found).toThrow(expect.objectContaining({ code: expected, exitCode: 3 }))
  })

  it('is shown with its keys, each shortened to its end', () => {
    const keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabcdefghijkl me@desk']
    expect(accountLines({ user: 'deploy', group: 'deploy', absent: true, keys })).toEqual([
      'new user deploy',
      'new key of deploy: ssh-ed25519 ...abcdefghijkl me@desk',
    ])
  })
})

it('the setup script does nothing unless all of it has arrived', () => {
  const { text } = writeScript(
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
  // Without its last line the script is complete for bash, but must still start nothing.
  expect(
    execFileSync('bash', ['-c', 'eval "$(cat)"'], { input: text.slice(0, text.lastIndexOf('\n')) }).toString(),
  ).toBe('')
})
