import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Script } from '../../../host/script.ts'
import { sh } from '../../../host/script.ts'
import { haproxy, nginx } from '../../../index.ts'
import type { Provision } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { isGone, ownNames, parseRemains, planned, type Remains, remainsScript } from '../../../slots/remove/plan.ts'
import { foldersScript, slotsToStop } from '../../../slots/remove/remove.ts'
import { removalOf, removalText } from '../../../slots/remove/text.ts'
import { type Deletion, deleteScript } from '../../../slots/setup/transaction.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const NOTHING: Provision = { tools: {}, files: [], folders: [], sudo: [], apply: [] }
const file = (path: string) => ({ path, text: '', mode: 0o644 })
const UNIT = '/etc/systemd/system/life@.service'
const SITE = '/etc/nginx/sites-available/life.conf'
const ENABLED = '/etc/nginx/sites-enabled/life.conf'
const SUDOERS = '/etc/sudoers.d/switchyard-life'
const folders = layout('/srv/life')
const request = {
  app: 'life',
  layout: folders,
  runtime: { ...NOTHING, files: [file(UNIT)], apply: [sh.write`daemon-reload`] },
  router: {
    ...NOTHING,
    files: [file(SITE)],
    links: [[ENABLED, '/etc/nginx/conf.d/life.conf']],
    apply: [sh.write`enable`],
    unapply: [sh.write`forget`],
  },
  root: true,
  shared: false,
}
const none: Remains = { files: [], used: [], foreign: [], own: [], shared: [], other: [] }
const whole = { cut: false, certificates: [] }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-remove-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bash = (text: string) => execFileSync('bash', ['-c', `set -eu -o pipefail\n${text}`], { encoding: 'utf8' })
const put = (path: string, text = '') => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

describe('the plan of a removal', () => {
  it('deletes what setup has installed and what switchyard has made, and keeps the data, unknown files and certificates', () => {
    const plan = planned(
      request,
      {
        ...none,
        files: [UNIT, SITE, ENABLED, SUDOERS],
        own: ['releases', 'lock'],
        shared: ['shared'],
        other: ['backup.tar'],
      },
      { cut: false, certificates: ['life.example'] },
    )
    const removal = removalOf(plan, {
      app: 'life',
      host: 'web-1',
      layout: folders,
      live: 'blue',
      running: ['blue'],
      owner: 'deploy',
    })
    expect(removalText(removal).split('\n')).toEqual([
      'the site goes down: blue is live',
      'stop blue',
      `delete ${SITE}`,
      `delete ${ENABLED}`,
      `delete ${UNIT}`,
      `delete ${SUDOERS}`,
      'delete /srv/life/releases',
      'delete /srv/life/lock',
      "keep /srv/life/shared: the application's data; --shared deletes it too",
      'keep /srv/life/backup.tar: not made by switchyard',
      'keep /etc/letsencrypt/live/life.example: a certificate; `certbot delete --cert-name life.example` deletes it',
      'keep the account deploy: it may have other uses',
    ])
  })

  it('deletes the data too if that is asked for', () => {
    const plan = planned({ ...request, shared: true }, { ...none, own: ['lock'], shared: ['shared'] }, whole)
    expect(plan.folders).toEqual(['lock', 'shared'])
    expect(plan.names).toEqual([...ownNames(folders, []), 'shared'])
    expect(plan.kept).toEqual([])
  })

  it('keeps files that other applications need, and what is not ours in the place of a link', () => {
    const plan = planned(request, { ...none, files: [UNIT, SITE], used: [SITE], foreign: [ENABLED] }, whole)
    expect(plan.router.paths).toEqual(['/etc/nginx/conf.d/life.conf'])
    expect(plan.kept.map(({ path }) => path)).toEqual([ENABLED, SITE])
  })

  it('puts the deletion into effect with `apply` if a plugin has no `unapply`', () => {
    const plan = planned(request, none, whole)
    expect(plan.rest.unapply).toEqual(request.runtime.apply)
    expect(plan.router.unapply).toEqual(request.router.unapply)
  })

  it.each([
    ['nothing is left', none, false, true],
    ['only the data is left', { ...none, shared: ['shared'] }, false, true],
    ['a file is left', { ...none, files: [SUDOERS] }, false, false],
    ['a folder is left', { ...none, own: ['releases'] }, false, false],
    ['an earlier run was interrupted', none, true, false],
  ])('finds out whether there is something to do: %s', (_, remains, cut, gone) => {
    expect(isGone(planned(request, remains, { ...whole, cut }))).toBe(gone)
  })

  it('never counts the data among what switchyard has made, even if a plugin has a folder in it', () => {
    const plugin = {
      ...NOTHING,
      folders: [
        { path: '/srv/life/shared/x', mode: 0o755 },
        { path: '/srv/life/cache/a', mode: 0o755 },
      ],
    }
    const names = ownNames(folders, [plugin])
    expect(names).toContain('cache')
    expect(names).toContain('migration.lock')
    // A promote makes it for every service with processes.
    expect(names).toContain('live')
    expect(names).not.toContain('shared')
  })
})

describe('what is left of an application on a host', () => {
  const at = (path: string) => join(folder, path)
  const remains = (links: readonly string[]) => {
    const there = layout(at('srv/life'))
    const router = { ...NOTHING, files: [file(at('available/life.conf'))], links: [links] }
    const script = remainsScript({ ...request, layout: there, runtime: NOTHING, router })
    return parseRemains(bash(script.text))
  }

  it('includes files, links to them even without the file, and each entry of the folder by its kind', () => {
    put(at('srv/life/releases/1/x'))
    put(at('srv/life/lock'))
    put(at('srv/life/.hidden'))
    put(at('srv/life/shared/a'))
    mkdirSync(at('enabled'))
    symlinkSync('../available/life.conf', at('enabled/life.conf'))
    const found = remains([at('enabled/life.conf'), at('conf.d/life.conf')])
    expect(found).toEqual({
      ...none,
      files: [at('enabled/life.conf')],
      own: ['lock', 'releases'],
      shared: ['shared'],
      other: ['.hidden'],
    })
    put(at('available/life.conf'))
    expect(remains([at('enabled/life.conf')]).files).toEqual([at('available/life.conf'), at('enabled/life.conf')])
  })

  it('does not include a link to another file, nor a file in the place of a link', () => {
    mkdirSync(at('enabled'))
    symlinkSync('/etc/hosts', at('enabled/life.conf'))
    put(at('conf.d/life.conf'))
    expect(remains([at('enabled/life.conf'), at('conf.d/life.conf')])).toMatchObject({
      files: [],
      foreign: [at('enabled/life.conf'), at('conf.d/life.conf')],
    })
  })

  it('is nothing on a host that was never set up', () => {
    expect(remains([at('enabled/life.conf')])).toEqual(none)
  })
})

it('a removal also stops slots that an earlier Taskfile had, and no folder that was never a slot', () => {
  const blue = { name: 'blue', port: 4000, env: {} }
  const record = { slot: 'red', adopted: null } as never
  const existing = [
    { name: 'blue', port: 4100, record: undefined },
    { name: 'red', port: 6000, record },
    { name: 'lost', port: undefined, record: undefined },
  ]
  expect(slotsToStop([blue], existing)).toEqual([
    { slot: blue, record: undefined },
    { slot: { name: 'red', port: 6000, env: {} }, record },
  ])
})

it("HAProxy's frontends are needed as long as another application has a backend, and its drop-in always", () => {
  const { files } = haproxy({ site: 'life.example' }).create(pluginKit()).provision({ user: 'a', group: 'a' })
  const needed = (path: RegExp) => {
    const script = files.find(found => path.test(found.path))?.needed as Script
    return bash(
      `if ( ${script.text.replaceAll('/etc/haproxy/switchyard', folder)} ); then echo yes; else echo no; fi`,
    ).trim()
  }
  expect(needed(/switchyard-80\.cfg$/)).toBe('no')
  put(join(folder, 'life.cfg'))
  put(join(folder, 'switchyard-80.cfg'))
  put(join(folder, 'switchyard-8080.cfg'))
  expect(needed(/switchyard-80\.cfg$/)).toBe('no')
  put(join(folder, 'shop.cfg'))
  expect(needed(/switchyard-80\.cfg$/)).toBe('yes')
  expect(needed(/switchyard\.conf$/)).toBe('yes')
  expect(files.find(({ path }) => path.endsWith('/life.cfg'))?.needed).toBeUndefined()
})

it('nginx in reload mode names the links that a promote moves, so that a removal deletes them', () => {
  const { moved } = nginx({ site: 'life.example', mode: 'reload' })
    .create(pluginKit())
    .provision({ user: 'a', group: 'a' })
  expect(moved).toEqual([ENABLED, '/etc/nginx/conf.d/life.conf', '/etc/nginx/switchyard/life.next'])
})

describe('the deletion of files', () => {
  const store = () => join(folder, 'store')
  const at = (name: string) => join(folder, 'etc', name)
  const said = () => (existsSync(at('said')) ? readFileSync(at('said'), 'utf8').split('\n').filter(Boolean) : [])
  const note = (word: string, code = 0) => sh.write`echo ${word} >> ${at('said')}; exit ${code}`
  const run = (parts: Partial<Deletion> = {}, change = (text: string) => text) => {
    const { text } = deleteScript({
      app: 'life',
      deploy: 'd1',
      paths: [at('site'), at('link'), at('absent')],
      apply: [note('again')],
      unapply: [note('forget')],
      ...parts,
    })
    const input = change(text.replaceAll('/var/lib/switchyard', store()))
    try {
      execFileSync('bash', ['-c', 'eval "$(cat)"'], { input, stdio: 'pipe' })
      return 0
    } catch (error) {
      return (error as { status: number }).status
    }
  }
  beforeEach(() => {
    put(at('site'), 'the site')
    put(at('other'), 'another site')
    symlinkSync('site', at('link'))
  })

  it('is complete, keeps other files, and puts the deletion into effect once', () => {
    expect(run()).toBe(0)
    expect(readdirSync(join(folder, 'etc')).sort()).toEqual(['other', 'said'])
    expect(said()).toEqual(['forget'])
    expect(readdirSync(store())).toEqual([])
    expect(run()).toBe(0)
    expect(readdirSync(join(folder, 'etc')).sort()).toEqual(['other', 'said'])
  })

  it('restores every file and puts them into effect again if the services cannot do without them', () => {
    expect(run({ unapply: [note('forget', 3)] })).toBe(72)
    expect(readFileSync(at('site'), 'utf8')).toBe('the site')
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true)
    expect(existsSync(at('absent'))).toBe(false)
    expect(said()).toEqual(['forget', 'again'])
    expect(readdirSync(store())).toEqual([])
  })

  it('that was cut off between the deletion and the reload is restored first, then done, by the next run', () => {
    // As if the host had stopped there.
    expect(run({}, text => text.replace('attempt in_force', 'exit 99'))).toBe(99)
    expect(existsSync(at('site'))).toBe(false)
    expect(readdirSync(store())).toEqual(['life.setup'])
    expect(run()).toBe(0)
    expect(said()).toEqual(['again', 'forget'])
    expect(existsSync(at('site'))).toBe(false)
    expect(readdirSync(store())).toEqual([])
  })
})

describe("the deletion of the application's folder", () => {
  const me = userInfo().username
  const root = () => join(folder, 'srv/life')
  const run = (own: readonly string[], owner = me, at = root()) => bash(foldersScript(layout(at), owner, own).text)

  it('deletes these names, also without write permission, and the folder if nothing else is in it', () => {
    put(join(root(), 'releases/1/bin/life'))
    execFileSync('chmod', ['-R', 'a-w', join(root(), 'releases/1')])
    put(join(root(), 'lock'))
    // Another account than root could not delete a read-only release; a removal runs as root.
    if (me !== 'root') execFileSync('chmod', ['-R', 'u+w', join(root(), 'releases/1')])
    expect(run(['releases', 'lock', 'absent'])).toBe('')
    expect(existsSync(root())).toBe(false)
    expect(run(['releases', 'lock', 'absent'])).toBe('')
  })

  it('keeps the folder and everything else in it', () => {
    put(join(root(), 'shared/a'))
    put(join(root(), 'lock'))
    expect(run(['lock'])).toBe('shared\n')
    expect(readdirSync(root())).toEqual(['shared'])
  })

  it('deletes a link, but not what it points to', () => {
    put(join(folder, 'elsewhere/precious'))
    mkdirSync(root(), { recursive: true })
    symlinkSync(join(folder, 'elsewhere'), join(root(), 'releases'))
    run(['releases'])
    expect(readdirSync(join(folder, 'elsewhere'))).toEqual(['precious'])
  })

  it('works in a folder that is reached through a link, and deletes that link', () => {
    put(join(folder, 'data/life/lock'))
    symlinkSync(join(folder, 'data/life'), join(folder, 'life'))
    run(['lock'], me, join(folder, 'life'))
    expect(readdirSync(join(folder, 'data'))).toEqual([])
    expect(readdirSync(folder)).not.toContain('life')
  })

  it('refuses a folder that belongs to somebody else', () => {
    put(join(root(), 'lock'))
    expect(() => run(['lock'], 'somebody-else')).toThrow(/does not belong to somebody-else any more/)
    expect(readdirSync(root())).toEqual(['lock'])
  })
})
