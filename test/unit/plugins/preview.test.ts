import { describe, expect, test } from 'vitest'
import { type CaddyOptions, caddy } from '../../../plugins/router/caddy/caddy.ts'
import { above } from '../../../plugins/router/caddy/clients.ts'
import { type HaproxyOptions, haproxy } from '../../../plugins/router/haproxy/haproxy.ts'
import { type NginxOptions, nginx } from '../../../plugins/router/nginx/nginx.ts'
import { type Preview, previewAddress } from '../../../plugins/router/preview.ts'
import { Fault } from '../../../runner/fault.ts'
import { type Status, statusTable } from '../../../slots/status/status.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const FACTS = { user: 'deploy', group: 'deploy' }
const HASH = `$2y$05$${'a'.repeat(53)}`
const AUTH = { user: 'anna', hash: HASH }
const nginxOf = (options: Omit<NginxOptions, 'site'>) => nginx({ site: 'life.example', ...options } as NginxOptions)
const haproxyOf = (options: Omit<HaproxyOptions, 'site'>) => haproxy({ site: 'life.example', ...options })
const caddyOf = (options: Omit<CaddyOptions, 'site'>) => caddy({ site: 'life.example', ...options })
const files = (plugin: ReturnType<typeof nginx>) => plugin.create(pluginKit()).provision(FACTS).files
const text = (plugin: ReturnType<typeof nginx>, path: RegExp) =>
  files(plugin).find(file => path.test(file.path))?.text ?? expect.fail(`no file ${path}`)

describe('a preview', () => {
  test.each<[string, Preview, string]>([
    ['a host name', { host: 'next.life.example' }, 'http://next.life.example:8080'],
    ['a header', { header: 'X-Preview', value: 'yes' }, 'http://life.example:8080 with the header X-Preview'],
    ['a cookie', { cookie: 'preview', value: 'yes' }, 'http://life.example:8080 with the cookie preview'],
  ])('by %s has an address that does not contain its value', (_, preview, address) => {
    expect(previewAddress(preview, { host: 'life.example:8080', https: false })).toBe(address)
  })

  test.each([
    ['nginx', nginxOf],
    ['HAProxy', haproxyOf],
    ['Caddy', caddyOf],
  ])('is known to %s only with the option, and its password is in no setting', (_, of) => {
    const context = pluginKit()
    expect(of({}).create(context).preview).toBeUndefined()
    expect(JSON.stringify(files(of({})))).not.toMatch(/next\.life|_idle/)
    const plugin = of({ preview: { host: 'next.life.example', auth: AUTH } })
    expect(plugin.create(context).preview).toMatch(/^https?:\/\/next\.life\.example$/)
    expect(plugin.shown).toContain('next.life.example')
    expect(plugin.secrets).toEqual([HASH])
    expect(plugin.settings?.(context)).toMatchObject({ preview: { host: 'next.life.example', auth: 'a password' } })
    expect(JSON.stringify(plugin.settings?.(context))).not.toContain(HASH)
  })

  test('of nginx follows the live link, and has the users in a file of its own', () => {
    const plugin = nginxOf({ preview: { host: 'Next.life.example', auth: AUTH } })
    const inner = text(plugin, /switchyard\/life\.conf$/)
    expect(inner).toContain('set $switchyard_idle blue; set $switchyard_idle_port 4000;\n')
    expect(inner).toContain(
      'if ($switchyard_slot = blue) { set $switchyard_idle green; set $switchyard_idle_port 5000; }',
    )
    expect(inner).toContain('if ($host = next.life.example) { set $switchyard_preview on; }')
    expect(inner).toContain('auth_basic_user_file /etc/nginx/switchyard/life.preview-users;')
    expect(inner.match(/proxy_set_header Upgrade/g)).toHaveLength(2)
    expect(inner.indexOf('/.switchyard/preview last')).toBeLessThan(inner.indexOf('/.switchyard/closed last'))
    expect(text(plugin, /sites-available/)).toContain(
      '    server_name life.example;\n    server_name Next.life.example;\n',
    )
    expect(text(plugin, /preview-users$/)).toBe(`anna:${HASH}\n`)
  })

  test('of nginx has the users of a file on the host', () => {
    const plugin = nginxOf({ preview: { host: 'next.life.example', auth: { file: '/etc/nginx/people' } } })
    expect(text(plugin, /life\.conf$/)).toContain('auth_basic_user_file /etc/nginx/people;')
    expect(files(plugin)).toHaveLength(2)
  })

  test('of nginx by reload is in each file the slot that is not live', () => {
    const plugin = nginxOf({ mode: 'reload', preview: { header: 'X-Preview', value: 'yes' } })
    const idle = (name: string) =>
      /set \$switchyard_idle (\w+);/.exec(text(plugin, new RegExp(`life\\.${name}\\.conf$`)))?.[1]
    expect(['blue', 'green', 'no-slot'].map(idle)).toEqual(['green', 'blue', 'blue'])
    for (const [, variable = ''] of text(plugin, /no-slot\.conf$/).matchAll(/\$(switchyard_\w+)/g))
      expect(text(plugin, /no-slot\.conf$/)).toContain(`set $${variable} `)
    expect(text(plugin, /blue\.conf$/)).toContain('if ($http_x_preview = yes) { set $switchyard_preview on; }')
  })

  test('of HAProxy by a host name has a backend of its own, and by a cookie that of the site', () => {
    const own = text(haproxyOf({ preview: { host: 'Next.life.example', auth: AUTH } }), /life\.cfg$/)
    expect(own.match(/^backend .*$/gm)).toEqual([
      'backend switchyard-life.example',
      'backend switchyard-next.life.example',
    ])
    expect(own).toContain(`userlist switchyard-preview-life\n    user anna password ${HASH}\n`)
    const [site = '', preview = ''] = own.split(/^backend switchyard-next/m)
    expect(site).not.toMatch(/bool\(true\) if !|http_auth/)
    expect(preview).toMatch(/http-request auth realm Preview if .* !\{ http_auth\(switchyard-preview-life\) \}/)
    expect(preview).toMatch(/txn\.switchyard_target\) str\(green\) if .* -m str blue \}/)
    const shared = text(haproxyOf({ preview: { cookie: 'preview', value: 'yes' } }), /life\.cfg$/)
    expect(shared.match(/^backend /gm)).toHaveLength(1)
    expect(shared).toContain('bool(true) if { req.cook(preview) -m str yes } !{ path /deployment_id }')
  })

  test("tells who has a server block or a frontend of the user's own what to add for each host name", () => {
    const block = nginxOf({ include: true, preview: { host: 'next.life.example', auth: AUTH } })
    expect(block.create(pluginKit()).provision(FACTS).notes).toEqual([
      expect.stringContaining('include /etc/nginx/switchyard/life.conf;'),
      expect.stringContaining('server_name next.life.example;'),
    ])
    expect(files(block).map(({ path }) => path)).toEqual([
      '/etc/nginx/switchyard/life.conf',
      '/etc/nginx/switchyard/life.preview-users',
    ])
    const provision = haproxyOf({ include: true, preview: 'next.life.example' }).create(pluginKit()).provision(FACTS)
    expect(provision.notes).toEqual([
      expect.stringContaining('use_backend switchyard-life.example if'),
      expect.stringContaining('use_backend switchyard-next.life.example if'),
    ])
  })

  test('of Caddy is another address of the same site, and its hash is bcrypt', () => {
    const site = text(
      caddyOf({ url: 'http://life.example', preview: { host: 'next.life.example', auth: AUTH } }),
      /caddy$/,
    )
    expect(site).toContain('\nhttp://life.example, http://next.life.example {\n')
    expect(site).toContain(`anna ${Buffer.from(HASH).toString('base64')}\n`)
    expect(site).toMatch(/\n\thandle_errors \{\n\t\t@switchyard_idle_down \{\n\t\t\thost next\.life\.example\n/)
    const crypt = `$6$salt$${'a'.repeat(86)}`
    expect(() => caddyOf({ preview: { host: 'a.b', auth: { user: 'anna', hash: crypt } } })).toThrow(Fault)
    expect(haproxyOf({ preview: { host: 'a.b', auth: { user: 'anna', hash: crypt } } }).secrets).toEqual([crypt])
  })

  test('is named by status', () => {
    const status: Status = {
      host: 'h',
      live: 'blue',
      generation: null,
      agreed: true,
      readings: {},
      slots: [],
      migration: null,
    }
    expect(statusTable(status)).not.toContain('review')
    expect(statusTable({ ...status, preview: 'https://next.life.example' })).toMatch(
      /\nPreview of the idle slot: https:\/\/next\.life\.example$/,
    )
  })
})

describe('the numbers above a limit, as Caddy compares the size of a body', () => {
  test.each([1, 9, 10, 99, 1024, 8191, 20_971_520])('%i', limit => {
    const pattern = new RegExp(above(limit))
    for (const larger of [limit + 1, limit + 7, limit * 2, limit * 10, limit * 99])
      expect(String(larger)).toMatch(pattern)
    for (const smaller of [0, limit - 1, limit, Math.floor(limit / 2)]) expect(String(smaller)).not.toMatch(pattern)
  })
})
