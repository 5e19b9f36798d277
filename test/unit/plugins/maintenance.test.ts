/** What the routers install and run for the maintenance of a site. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../host/exit-codes.ts'
import type { Query } from '../../../host/query.ts'
import { siteFile } from '../../../plugins/router/caddy/files.ts'
import { pageFile, parseMaintenance as parseMap } from '../../../plugins/router/haproxy/maintenance.ts'
import { maintenanceRules } from '../../../plugins/router/haproxy/maintenance-rules.ts'
import { allowNames, maintenanceByFiles, parseMaintenance } from '../../../plugins/router/maintenance.ts'
import { filledPage } from '../../../plugins/router/maintenance-page.ts'
import { maintenanceBlock } from '../../../plugins/router/nginx/templates.ts'
import { parseOutside } from '../../../plugins/router/site-request.ts'
import { layout } from '../../../slots/layout.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const SITE = { app: 'life', router: '/srv/life/router' }
const WANTED = {
  by: 'anna',
  since: '2026-11-26T09:15:00.123Z',
  message: 'a < b',
  allow: ['10.0.0.0/7'],
  retryAfter: 77,
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-maintenance-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the names of the files for a network', () => {
  it.each([
    ['10.0.0.0/8', ['10.']],
    ['10.0.0.0/7', ['10.', '11.']],
    ['10.1.0.0/16', ['10.1.']],
    ['192.0.2.0/24', ['192.0.2.']],
    ['192.0.2.7/32', ['192.0.2.7']],
    ['192.0.2.4/31', ['192.0.2.4', '192.0.2.5']],
    ['2001:db8::/32', ['2001:db8:']],
    ['2001:db8::/31', ['2001:db8:', '2001:db9:']],
    ['2001:db8::/64', ['2001:db8:0:0']],
    ['2001:db8:0:8::/63', ['2001:db8:0:8', '2001:db8:0:9']],
    ['2001:db8::1/128', ['2001:db8::1']],
  ])('%s are %j', (network, names) => {
    expect(allowNames(network)).toEqual(names)
  })

  it('are at most 512 for one network', () => {
    expect(allowNames('fc00::/7')).toHaveLength(512)
    expect(allowNames('128.0.0.0/1')).toHaveLength(128)
  })
})

describe('a maintenance by files', () => {
  const router = () => join(folder, 'router')
  const installed = () => join(folder, 'site.conf')
  const methods = () =>
    maintenanceByFiles(pluginKit({ layout: layout(folder) }), {
      installed: [installed()],
      needle: 'maintenance/on',
      page: undefined,
    })
  const run = ({ script, input = '' }: Query<unknown>) =>
    spawnSync('bash', ['-euo', 'pipefail', '-c', script.text], { input, encoding: 'utf8' })
  const state = () => parseMaintenance(run(methods().maintenance()).stdout)

  it('is one rename of a link to a folder with all that the router needs', () => {
    writeFileSync(installed(), 'if (-f maintenance/on) {}')
    expect(state()).toBeUndefined()
    expect(run(methods().beginMaintenance(WANTED))).toMatchObject({ status: 0, stderr: '' })
    expect(readlinkSync(join(router(), 'maintenance'))).toBe('maintenance-77-20261126091500123')
    expect(readdirSync(join(router(), 'maintenance')).sort()).toEqual([
      'allow',
      'on',
      'page.html',
      'record.json',
      'retry.77',
    ])
    expect(readdirSync(join(router(), 'maintenance/allow')).sort()).toEqual(['10.', '11.'])
    expect(readFileSync(join(router(), 'maintenance/page.html'), 'utf8')).toContain('<p>a &lt; b</p>')
    expect(state()).toEqual(WANTED)
  })

  it('that replaces another leaves only its own folder, and one that ends leaves none', () => {
    writeFileSync(installed(), 'if (-f maintenance/on) {}')
    run(methods().beginMaintenance(WANTED))
    const next = { ...WANTED, since: '2026-11-26T10:00:00.000Z', allow: [] }
    expect(run(methods().beginMaintenance(next))).toMatchObject({ status: 0, stderr: '' })
    expect(readdirSync(router()).sort()).toEqual(['maintenance', 'maintenance-77-20261126100000000'])
    expect(readdirSync(join(router(), 'maintenance/allow'))).toEqual([])
    for (let i = 0; i < 2; i++) {
      expect(run(methods().endMaintenance())).toMatchObject({ status: 0, stderr: '' })
      expect(readdirSync(router())).toEqual([])
      expect(state()).toBeUndefined()
    }
  })

  it.each([
    ['was installed by an earlier version', () => writeFileSync(installed(), 'location / {}')],
    ['is missing', () => undefined],
  ])('changes nothing if the file of the site %s', (_, prepare) => {
    prepare()
    const { status, stdout } = run(methods().beginMaintenance(WANTED))
    expect([status, stdout]).toEqual([EXIT.router.outdated, `${installed()}\n`])
    expect(existsSync(router())).toBe(false)
    expect(run(methods().endMaintenance())).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('the page', () => {
  it('of the user shows the escaped message in each place for it', () => {
    writeFileSync(join(folder, 'own.html'), '<p>{{message}}</p>{{ message }} $& {{ other }}')
    expect(filledPage(folder, 'own.html', { message: `<a> & "b" 'c' $1` })).toBe(
      '<p>&lt;a&gt; &amp; &quot;b&quot; &#39;c&#39; $1</p>&lt;a&gt; &amp; &quot;b&quot; &#39;c&#39; $1 $& {{ other }}',
    )
  })

  it('that does not exist is reported with its path', () => {
    expect(() => filledPage(folder, 'none.html', WANTED)).toThrow(
      expect.objectContaining({
        code: 'MAINTENANCE_PAGE_UNREADABLE',
        exitCode: 2,
        message: expect.stringContaining(`${join(folder, 'none.html')} cannot be read: it does not exist`),
      }),
    )
  })

  it('for HAProxy is a log-format, and not larger than a response of it', () => {
    writeFileSync(join(folder, 'own.html'), '100% {{ message }}')
    expect(pageFile(SITE, folder, 'own.html')).toEqual({
      path: '/etc/haproxy/switchyard/life.maintenance.html',
      text: '100%% %[str(message),map(/srv/life/router/maintenance.map)]',
      mode: 0o644,
    })
    writeFileSync(join(folder, 'own.html'), 'a'.repeat(12_001))
    expect(() => pageFile(SITE, folder, 'own.html')).toThrow(
      expect.objectContaining({ code: 'MAINTENANCE_PAGE_TOO_LARGE', exitCode: 2 }),
    )
    expect(pageFile(SITE, folder, undefined).text).toContain('<!doctype html>')
  })
})

describe('what is installed', () => {
  it('for nginx checks one file on each request, and the others only with a path that is set during a maintenance', () => {
    const text = maintenanceBlock('/srv/life/router')
    const checks = [...text.matchAll(/^if \(-f (\S+)\)/gm)].map(([, path]) => path)
    expect(checks[0]).toBe('/srv/life/router/maintenance/on')
    expect(checks.slice(1)).toEqual([1, 2, 3, 4, 5].map(i => `$switchyard_allow${i}`))
    for (const path of checks.slice(1)) expect(text).toContain(`\nset ${path} "";\n`)
    expect(text).not.toContain('@')
  })

  it('for Caddy does everything but one check of a file in a route of its own', () => {
    const application = {
      ...SITE,
      slots: [],
      site: 'life.example',
      url: new URL('https://life.example'),
      include: false,
    }
    const { text } = siteFile({ ...application, bind: '10.0.0.5', config: '' })
    expect(text).toContain('\t\t\t\troot /srv/life/router/maintenance\n\t\t\t\ttry_files /on\n')
    expect(text.match(/remote_ip 127\.0\.0\.0\/8 ::1 10\.0\.0\.5\n/g)).toHaveLength(2)
    expect(text.indexOf('route @switchyard_maintenance {')).toBeLessThan(text.indexOf('@switchyard_live file {'))
  })

  it('for HAProxy looks at the client only if there is a maintenance', () => {
    const rules = maintenanceRules('/srv/life/router', '/page.html')
      .split('\n')
      .filter(line => line.includes('http-request'))
    expect(rules).toHaveLength(4)
    expect(rules[0]).toMatch(
      / bool\(true\) if \{ str\(state\),map\(\/srv\/life\/router\/maintenance\.map\) -m str on \}/,
    )
    for (const rule of rules.slice(1)) expect(rule).toContain(' if { var(txn.switchyard_closed) -m bool }')
  })
})

describe('the state in the map of HAProxy', () => {
  it.each([
    ['state off\n', undefined],
    ['', undefined],
    [`state on\nretry 77\nmessage a\nrecord ${JSON.stringify(WANTED)}\n`, WANTED],
    ['state on\n', expect.objectContaining({ by: 'somebody' })],
  ])('%j is read', (text, expected) => {
    expect(parseMap(text)).toEqual(expected)
  })
})

describe('a response to a client from outside', () => {
  const url = new URL('http://life.example')
  const page = 'HTTP/1.1 503 Service Unavailable\r\nX-Maintenance: on\r\nRetry-After: 1\r\n\r\n<p>'
  it.each([
    ['the page', page, { status: 503, maintenance: true }],
    ['an error of the application', 'HTTP/1.1 503 No\r\n\r\n', { status: 503, maintenance: false }],
    ['an answer', 'HTTP/1.1 200 OK\r\n\r\nhello', { status: 200, maintenance: false }],
    ['no answer', '', { status: 0, maintenance: false }],
    [
      'a redirect to https, which is followed',
      `HTTP/1.1 301 Moved\r\nLocation: https://life.example/\r\n\r\n${page}`,
      { status: 503, maintenance: true },
    ],
    [
      'a redirect elsewhere',
      'HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\n\r\n',
      { status: 302, maintenance: false },
    ],
  ])('is recognized: %s', (_, printed, expected) => {
    expect(parseOutside(printed, url)).toEqual(expected)
  })
})
