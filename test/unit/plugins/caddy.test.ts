import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CaddyOptions, caddy } from '../../../plugins/router/caddy/caddy.ts'
import { conflicts } from '../../../plugins/router/caddy/conflicts.ts'
import {
  type Application,
  addressOf,
  configTest,
  requestAddress,
  siteFile,
  sitePath,
} from '../../../plugins/router/caddy/files.ts'
import { readCaddyfiles, requireMarker } from '../../../plugins/router/caddy/scripts.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const SLOTS = [
  { name: 'blue', port: 4000 },
  { name: 'green', port: 5000 },
]
const application = (parts: Partial<Application> = {}): Application => ({
  app: 'life',
  site: 'Life.example',
  slots: SLOTS,
  router: '/srv/life/router',
  url: new URL('https://life.example'),
  bind: '',
  include: false,
  config: '/etc/caddy/Caddyfile',
  ...parts,
})
const create = (options: Partial<CaddyOptions> = {}) => caddy({ site: 'life.example', ...options }).create(pluginKit())
const bash = (text: string) => spawnSync('bash', ['-eu', '-o', 'pipefail', '-c', text], { encoding: 'utf8' })

describe('the file of Caddy', () => {
  test('one site, which looks behind the link for each request, three times at most', () => {
    const { path, text, check } = siteFile(application())
    expect(path).toBe('/etc/caddy/switchyard/life.caddy')
    expect(check?.slice(0, 2)).toEqual(['/usr/bin/caddy', 'validate'])
    expect(text).toContain('\nLife.example {\n\troute {\n')
    expect(text).toContain('\t\t\troot /srv/life/router\n\t\t\ttry_files /live/*.* /live/*.* /live/*.*\n')
    expect(text).toContain('\t\t@switchyard_slot vars {switchyard_slot} blue green\n')
    for (const { name, port } of SLOTS)
      expect(text).toContain(`\t\t\t~^/?live/(${name})\\.(.+)$ \${1} \${2} 127.0.0.1:${port}\n`)
  })

  test('a line break of an answer is the only thing between its text and its quotation mark', () => {
    const { text } = siteFile(application())
    expect(text).toContain('respond @switchyard_id "{switchyard_slot}\n"\n')
    expect(text).toContain('respond "no slot is live\n" 503\n')
  })

  test.each([
    ['https://life.example', 'life.example'],
    ['http://life.example', 'http://life.example'],
    ['https://life.example:8443', 'life.example:8443'],
    ['http://life.example:8080', 'http://life.example:8080'],
  ])('the site of %s has the address %s', (url, address) => {
    expect(addressOf('life.example', new URL(url))).toBe(address)
  })

  test('listens at the address that is named, and is asked there', () => {
    expect(siteFile(application({ bind: '10.0.0.5' })).text).toContain('Life.example {\n\tbind 10.0.0.5\n\troute {\n')
    expect(['', '10.0.0.5', '::1'].map(requestAddress)).toEqual(['127.0.0.1', '10.0.0.5', '[::1]'])
  })

  test('for a site block of your own it is no site, has no check of its own, and a name that the import of all leaves out', () => {
    const { path, text, check } = siteFile(application({ include: true }))
    expect(path).toBe('/etc/caddy/switchyard/life.include')
    expect(check).toBeUndefined()
    expect(text).toMatch(/\nroute \{\n/)
    expect(text).not.toContain('Life.example')
  })

  test.each(['/srv/my life', '/srv/{env.HOME}', '/srv/a*', '/srv/[a]', '/srv/"a'])(
    '%s is refused as a folder',
    router => {
      expect(() => siteFile(application({ router }))).toThrow(/cannot be used in a Caddyfile as folder/)
    },
  )
})

test('what a host needs: one file, the test as the user of Caddy, and not the file of the other way', () => {
  const own = create().provision({ user: 'deploy', group: 'web' })
  expect(own.files.map(({ path }) => path)).toEqual([sitePath('life')])
  expect(own.sudo).toEqual([configTest('/etc/caddy/Caddyfile')])
  expect(own.rivals).toEqual([sitePath('life', true)])
  expect(own.notes).toBeUndefined()
  const include = create({ include: true }).provision({ user: 'deploy', group: 'web' })
  expect(include.rivals).toEqual([sitePath('life')])
  expect(include.notes).toEqual([
    'Add this line to your own Caddy site block: import /etc/caddy/switchyard/life.include',
  ])
  expect(create({ url: 'http://life.example:8080' }).site).toEqual({ host: 'life.example:8080', https: false })
})

describe('conflicts', () => {
  const found = (text: string, parts: Partial<Application> = {}) =>
    conflicts('web-1', `@@ file /etc/caddy/Caddyfile\n${text}`, application(parts)).map(({ code }) => code)
  const IMPORTED = 'import switchyard/*.caddy\n'

  test.each([
    ['import /etc/caddy/switchyard/*.caddy', []],
    ['  import switchyard/*', []],
    ['import sites/*', ['CADDY_NOT_IMPORTED']],
    ['# import switchyard/*', ['CADDY_NOT_IMPORTED']],
    ['', ['CADDY_NOT_IMPORTED']],
  ])('with the line %j: %j', (line, codes) => {
    expect(found(`{\n\temail me@life.example\n}\n${line}\n`)).toEqual(codes)
  })

  test.each([
    'life.example {\n\trespond x\n}\n',
    'LIFE.example {\n}\n',
    'https://life.example:443 {\n}\n',
    'a.example, life.example {\n}\n',
    'a.example,\nlife.example {\n}\n',
    'a.example {\n\troute {\n\t\trespond {\n\t\t}\n\t}\n}\nlife.example {\n}\n',
    'life.example # mine\nrespond x\n',
  ])('a site with our name: %j', text => {
    expect(found(`${text}${IMPORTED}`)).toEqual(['CADDY_NAME_TAKEN'])
  })

  test.each([
    'http://life.example {\n\tredir https://life.example\n}\n',
    'life.example:8443 {\n}\n',
    '*.example {\n}\n',
    'other.example {\n\treverse_proxy life.example {\n\t}\n}\n',
    '(life.example) {\n}\n',
  ])('no site with our name: %j', text => {
    expect(found(`${text}${IMPORTED}`)).toEqual([])
  })

  test('says where; our own file, and one that cannot be read, are no conflict', () => {
    const printed = `@@ file /etc/caddy/Caddyfile\nimport sites/*\n@@ file ${sitePath('life')}\nlife.example {\n}\n@@ closed /etc/caddy/sites/a\n`
    expect(conflicts('web-1', printed, application())).toEqual([])
    const [fault] = conflicts('web-1', `${printed}@@ file /etc/b\n\nlife.example {\n}\n`, application())
    expect(fault?.message).toBe('Caddy on web-1 already has a site for Life.example: /etc/b:2.')
  })

  test('with a site block of your own there is none: the line comes after the setup', () => {
    expect(found('life.example {\n}\n', { include: true })).toEqual([])
  })
})

describe('on the host', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'switchyard-caddy-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('each file that the Caddyfile imports is read once, whatever its name', () => {
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
    mkdirSync(join(folder, 'sites'))
    write('Caddyfile', `import sites/*.caddy\nimport ${folder}/two\nimport snippet\nimport none/*\n`)
    write('sites/a b.caddy', 'import ../Caddyfile\n')
    write('two', `import ${folder}/Caddyfile\n`)
    const { stdout, status } = bash(readCaddyfiles(join(folder, 'Caddyfile')).text)
    expect(status).toBe(0)
    expect(stdout.match(/^@@ .*$/gm)?.slice(0, 3)).toEqual([
      `@@ file ${folder}/Caddyfile`,
      `@@ file ${folder}/sites/a b.caddy`,
      `@@ file ${folder}/two`,
    ])
    expect(bash(readCaddyfiles('/none/Caddyfile').text).stdout).toBe('@@ closed /none/Caddyfile\n')
  })

  test('a link needs the file that Caddy looks for', () => {
    const there = () => bash(requireMarker(folder).text)
    expect(there().status).toBe(0)
    symlinkSync('blue.g1', join(folder, 'live'))
    expect(there()).toMatchObject({ status: 1, stderr: 'blue.g1/blue.g1 does not exist\n' })
    mkdirSync(join(folder, 'blue.g1'))
    expect(there().status).toBe(1)
    writeFileSync(join(folder, 'blue.g1', 'blue.g1'), '')
    expect(there().status).toBe(0)
  })
})
