/** An application with a system user of its own: what setup makes and changes, what remove takes away, and its units. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sh } from '../../../host/script.ts'
import { beam, container, php, service } from '../../../index.ts'
import type { Provision, Runtime } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { routerLayout } from '../../../slots/place.ts'
import { isGone, planned, type Remains, remainsScript } from '../../../slots/remove/plan.ts'
import { removalOf, removalText } from '../../../slots/remove/text.ts'
import { applicationUser, foreignNote, makeUser } from '../../../slots/setup/application-user.ts'
import { folders, missingFolders } from '../../../slots/setup/folders.ts'
import { setupSentences } from '../../../slots/setup/sentences.ts'
import { sudoersFile } from '../../../slots/setup/sudoers.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const owned = layout('/srv/life', ['storage'], 'shop')
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const facts = { user: 'deploy', group: 'www' }
const bash = (text: string) => execFileSync('bash', ['-c', `set -eu -o pipefail\n${text}`], { encoding: 'utf8' })
const runtimeOf = (
  plugin = service({ start: 'bin/server', user: 'shop', processes: { worker: 'bin/worker' } }),
): Runtime => plugin.create(pluginKit({ layout: owned }))

describe('an application with a user of its own', () => {
  it('runs as that user with its group in each of its units, and with the temporary files of its unit', () => {
    for (const runtime of [runtimeOf(), runtimeOf(php({ version: '8.2', user: 'shop' }))]) {
      const units = runtime.provision(facts).files.filter(({ path }) => path.endsWith('.service'))
      expect(units.length).toBeGreaterThan(0)
      for (const { text } of units) {
        expect(text).toContain('\nUser=shop\nWorkingDirectory=')
        expect(text).not.toMatch(/Group=|deploy/)
      }
      expect(runtime.environment({ name: 'blue', port: 4000, env: {} })).not.toHaveProperty('TMPDIR')
    }
  })

  it('is named to the project by the plugin, and by no other runtime', () => {
    expect(service({ start: 'a', user: 'shop' }).user).toBe('shop')
    expect(php({ version: '8.2', user: 'shop' }).user).toBe('shop')
    for (const plugin of [service({ start: 'a' }), beam(), container()]) expect(plugin.user).toBeUndefined()
  })

  it.each(['root', 'Shop', '-x', 'a b', ''])('is refused as the user %j', user => {
    expect(() => service({ start: 'a', user })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('may traverse the slots, and owns the shared folder alone', () => {
    expect(folders(owned, slots, [])).toEqual([
      { path: '/srv/life/releases', mode: 0o755 },
      ...['blue', 'green'].flatMap(name => [
        { path: `/srv/life/slots/${name}`, mode: 0o711 },
        { path: `/srv/life/slots/${name}/tmp`, mode: 0o700 },
      ]),
      { path: '/srv/life/shared', mode: 0o755, owner: 'shop' },
    ])
  })

  it('does not run on the host of a balancer', () => {
    expect(folders(routerLayout(owned), undefined, [])).toEqual([])
    expect(applicationUser(routerLayout(owned), 'deploy')).toBeUndefined()
  })

  it('is one whose commands the deploying user may run, by one line of sudo without a wildcard', () => {
    const { text } = sudoersFile('life', owned, facts, [])
    expect(text.split('\n').slice(1)).toEqual([
      'Defaults>shop env_keep += "SWITCHYARD_RUN"',
      'deploy ALL=(shop) NOPASSWD: /bin/bash --norc -euo pipefail -c eval\\ "$SWITCHYARD_RUN"',
      '',
    ])
  })
})

describe('a setup', () => {
  it('reports a folder of the application that another user owns', () => {
    const me = userInfo().username
    const root = mkdtempSync(join(tmpdir(), 'switchyard-owned-'))
    const other = me === 'nobody' ? 'daemon' : 'nobody'
    bash(`chmod 0711 ${root}; mkdir -m 0755 ${root}/shared`)
    const missing = (owner: string) =>
      bash(missingFolders(layout(root), [{ path: `${root}/shared`, mode: 0o755, owner }], { user: me, group: me }).text)
    expect(missing(me)).toBe('')
    expect(missing(other)).toBe(`${root}/shared\n`)
    expect(missing('no-such-user')).toBe(`${root}/shared\n`)
  })

  it('creates the user unless it exists, and says so', () => {
    const user = { user: 'shop', absent: true, foreign: [] }
    expect(makeUser('life', user).text).toContain("--comment 'switchyard life' shop")
    expect(makeUser('life', { ...user, absent: false })).toEqual(sh.read`:`)
    const nothing = { folders: [], files: [], links: [], removed: [], cut: false }
    expect(setupSentences({ ...nothing, user: 'shop' })).toEqual([
      'create the system user shop, without a login, for the application',
    ])
  })

  it('finds the user, and the shared paths that it does not own', async () => {
    const root = mkdtempSync(join(tmpdir(), 'switchyard-foreign-'))
    const me = userInfo().username
    bash(`mkdir -p ${root}/shared/storage`)
    const stateOf = (user: string) => {
      const query = applicationUser(layout(root, ['storage', 'later'], user), 'deploy')
      if (!query || !('script' in query)) throw new Error('one query')
      return query.read({ code: 0, stderr: '', stdout: bash(query.script.text) }, {} as never)
    }
    const foreign = [{ path: `${root}/shared/storage`, owner: me }]
    expect(await stateOf(me)).toEqual({ user: me, absent: false, foreign: [] })
    expect(await stateOf('no-such-user')).toEqual({ user: 'no-such-user', absent: true, foreign })
    expect(await stateOf('daemon')).toEqual({ user: 'daemon', absent: false, foreign })
    expect(foreignNote({ user: 'daemon', absent: false, foreign })).toBe(
      `daemon does not own ${root}/shared/storage, which belongs to ${me}. As root on the host: \`chown -R daemon ${root}/shared/storage && chmod -R g+rwX ${root}/shared/storage\`.`,
    )
  })

  it('refuses the deploying user in the place of another', () => {
    expect(() => applicationUser(owned, 'shop')).toThrow(expect.objectContaining({ code: 'APPLICATION_USER_DEPLOYS' }))
  })
})

describe('a removal', () => {
  const NOTHING: Provision = { tools: {}, files: [], folders: [], sudo: [], apply: [] }
  const request = { app: 'life', layout: owned, runtime: NOTHING, router: NOTHING, root: true, shared: false }
  const none: Remains = { files: [], used: [], foreign: [], own: [], shared: [], other: [] }
  const whole = { cut: false, certificates: [] }
  const textOf = (remains: Partial<Remains>, shared = false) => {
    const plan = planned({ ...request, shared }, { ...none, ...remains }, whole)
    const found = { app: 'life', host: 'web-1', layout: owned, live: undefined, running: [], owner: 'deploy' }
    return { gone: isGone(plan), text: removalText(removalOf(plan, found)) }
  }

  it.each<[string, Partial<Remains>, boolean, string, boolean]>([
    ['takes away the user that setup made', { user: 'made' }, false, 'delete the user shop', false],
    [
      'keeps it with the data',
      { user: 'made', shared: ['shared'] },
      false,
      'keep the user shop: it owns the data',
      true,
    ],
    ['takes it away with the data', { user: 'made', shared: ['shared'] }, true, 'delete the user shop', false],
    ['keeps one that others use', { user: 'used' }, false, 'keep the user shop: other units run as it', true],
    ['keeps one that was there', { user: 'found' }, false, 'keep the user shop: not made by switchyard', true],
  ])('%s', (_, remains, shared, line, gone) => {
    const { text, gone: found } = textOf(remains, shared)
    expect(text.split('\n')).toContain(line)
    expect(found).toBe(gone)
  })

  it('finds who made the user', () => {
    const ofUser = (user: string) => {
      const there = layout(mkdtempSync(join(tmpdir(), 'switchyard-remains-')), [], user)
      return bash(remainsScript({ ...request, layout: there }).text)
    }
    expect(ofUser('daemon')).toContain('user found\n')
    expect(ofUser('no-such-user')).not.toContain('user ')
  })
})
