import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sh } from '../../../host/script.ts'
import { bytesOf } from '../../../plugins/router/client-options.ts'
import { certificateOf, checkScript } from '../../../plugins/router/nginx/check.ts'
import { type NginxOptions, nginx } from '../../../plugins/router/nginx/nginx.ts'
import { defaultPaths, enable, programOf } from '../../../plugins/router/nginx/site.ts'
import { http2Of, type Secured, tlsFiles, tlsLenient } from '../../../plugins/router/nginx/tls.ts'
import { verdict } from '../../../slots/edited.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const bash = (text: string) => execFileSync('bash', ['-euo', 'pipefail', '-c', text], { stdio: 'pipe' })
const FACTS = { user: 'deploy', group: 'deploy' }
const FOLDER = '/etc/nginx/switchyard'
const provision = (options: Omit<NginxOptions, 'site'>) =>
  nginx({ site: 'life.example', ...options } as NginxOptions)
    .create(pluginKit())
    .provision(FACTS)
const textOf = (options: Omit<NginxOptions, 'site'>, path: string) =>
  provision(options).files.find(file => file.path === path)?.text ?? expect.fail(`no file ${path}`)
const INNER = `${FOLDER}/life.conf`
const SITE = '/etc/nginx/sites-available/life.conf'

describe('the options of an nginx site', () => {
  test('add nothing to a site that has none of them', () => {
    for (const text of [textOf({}, INNER), textOf({}, SITE)])
      expect(text).not.toMatch(/client_max_body_size|real_ip|acme-challenge\/ \{|ssl_|preview|@\w/)
    expect(textOf({}, SITE)).toContain('server_name life.example;\n\n    include')
  })

  test.each(['link', 'reload'] as const)('are lines of the server block in mode %s', mode => {
    const options = { mode, bodySize: '20M', extra: ['gzip on;', 'location = /ping { return 204; }'] }
    const paths = mode === 'link' ? [INNER] : [`${FOLDER}/life.blue.conf`, `${FOLDER}/life.no-slot.conf`]
    const indent = mode === 'link' ? '' : '    '
    for (const path of paths) {
      const text = textOf(options, path)
      expect(text).toContain(`\n${indent}client_max_body_size 20m;\n`)
      expect(text).toContain(`\n${indent}gzip on;\n${indent}location = /ping { return 204; }\n`)
      expect(text).toMatch(/return 413 "The body of the request is larger than 20m, /)
    }
  })

  test.each(['link', 'reload'] as const)('make only the trusted proxies say who the client is, in mode %s', mode => {
    const options = { mode, trustedProxies: ['10.0.0.0/8', '2001:db8::/32'] }
    const [inner, outer] = mode === 'link' ? [INNER, SITE] : Array<string>(2).fill(`${FOLDER}/life.green.conf`)
    const text = textOf(options, inner ?? '')
    expect(text).toMatch(/^ *set_real_ip_from 10\.0\.0\.0\/8;\n *set_real_ip_from 2001:db8::\/32;$/m)
    expect(textOf(options, outer ?? '')).toMatch(
      /^include \/etc\/nginx\/switchyard\/life\.trusted-proxies\.conf;\nserver \{$/m,
    )
    expect(textOf(options, `${FOLDER}/life.trusted-proxies.conf`)).toContain('10.0.0.0/8 1;\n    2001:db8::/32 1;\n}')
  })

  test("do not include those of a server block in one of the user's own", () => {
    const { files, notes } = provision({ include: true, bodySize: '2m' })
    expect(files.map(({ path }) => path)).toEqual([INNER])
    expect(files[0]?.text).toContain('client_max_body_size 2m;')
    expect(notes).toHaveLength(1)
  })

  test.each([
    ['1', 1],
    ['8k', 8_192],
    ['20m', 20_971_520],
    ['2G', 2_147_483_648],
  ])('have %s as a size of %i bytes', (size, bytes) => {
    expect(bytesOf(size)).toBe(bytes)
  })
})

describe('HTTPS of an nginx site', () => {
  const LINES = `${FOLDER}/life.tls-lines.conf`
  const own = { certificate: '/etc/ssl/life.pem', key: '/etc/ssl/life.key' }

  test("has the user's certificate, on the addresses of the site, and redirects HTTP", () => {
    const options = { tls: own, http2: false, listen: ['10.0.0.5:80', '10.0.0.5:8080', '[::1]:80'] }
    expect(textOf(options, LINES)).toMatch(
      /\nlisten 10\.0\.0\.5:443 ssl;\nlisten \[::1\]:443 ssl;\nssl_certificate \/etc\/ssl\/life\.pem;\nssl_certificate_key \/etc\/ssl\/life\.key;/,
    )
    expect(textOf(options, SITE)).toContain(`    include ${LINES};\n`)
    expect(textOf(options, INNER)).toContain('if ($switchyard_plain = http) { return 308 https://$host$request_uri; }')
    expect(textOf(options, INNER)).not.toMatch(/location [^\n]*acme/)
    const { links, notes } = provision(options)
    expect(links).toEqual([['/etc/nginx/sites-enabled/life.conf', '/etc/nginx/conf.d/life.conf']])
    expect(notes).toBeUndefined()
  })

  test('sends our own requests over HTTPS with a certificate that is there, and over HTTP until certbot has one', () => {
    const urlOf = (tls: NonNullable<Parameters<typeof textOf>[0]>) =>
      nginx({ site: 'life.example', ...tls } as NginxOptions).create(pluginKit()).site
    expect(urlOf({ tls: own } as never)).toEqual({ host: 'life.example', https: true })
    expect(urlOf({ tls: 'certbot' } as never)).toEqual({ host: 'life.example', https: false })
  })

  test('of certbot has its webroot, its hook, and the command for the first certificate', () => {
    const { files, links, notes } = provision({ tls: 'certbot' } as never)
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      [INNER, 0o644],
      [SITE, 0o644],
      [LINES, 0o644],
      [`${FOLDER}/life.http2-directive.conf`, 0o644],
      [`${FOLDER}/life.http2-parameter.conf`, 0o644],
      ['/etc/letsencrypt/renewal-hooks/deploy/switchyard-life', 0o755],
    ])
    expect(links?.at(-1)).toEqual([`${FOLDER}/life.http2-lines.conf`])
    expect(notes?.[0]).toMatch(
      / sudo certbot certonly --webroot -w \/var\/lib\/switchyard\/life\.acme --cert-name life\.example -d life\.example --reuse-key --deploy-hook \/etc\/letsencrypt\/renewal-hooks\/deploy\/switchyard-life$/,
    )
    expect(textOf({ tls: 'certbot' } as never, INNER)).toContain('root /var/lib/switchyard/life.acme;')
    expect(textOf({ tls: 'certbot' } as never, LINES)).toContain(`ssl_certificate_key ${FOLDER}/life.tls/$scheme.pem;`)
  })

  test('is missing in a site file that certbot has edited itself, which setup refuses with the line', () => {
    const site = provision({ tls: 'certbot' } as never).files[1] ?? expect.fail('no site')
    const edited = ['--- a', '+++ b', `-    listen 443 ssl; # managed by Certbot`, `+    include ${LINES};`].join('\n')
    expect(verdict(site, edited)).toEqual([`include ${LINES};`])
    const before = ['--- a', '+++ b', '-    listen 8080;', '+    listen 80;', `+    include ${LINES};`].join('\n')
    expect(verdict(site, before)).toBe('write')
  })
})

describe('a certificate on the host', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'switchyard-tls-'))
    mkdirSync(join(folder, 'switchyard/life.tls'), { recursive: true })
    mkdirSync(join(folder, 'sites-enabled'))
    mkdirSync(join(folder, 'live/life.example'), { recursive: true })
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const secured = (): Secured => ({
    app: 'life',
    names: ['life.example'],
    tls: 'certbot',
    http2: true,
    listeners: ['*', '[::]'].map(address => ({ address, port: 80 })),
    paths: defaultPaths('life', folder),
    program: programOf(join(folder, 'nginx')),
  })
  const certificate = (days: number, key: string, chain: string) =>
    bash(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days ${days} -subj /CN=life.example \
      -keyout ${join(folder, key)} -out ${join(folder, chain)} 2> /dev/null`)

  test('is installed by the hook with its key for the workers of nginx alone, and only that of the site', () => {
    const me = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()
    writeFileSync(join(folder, 'nginx'), `#!/bin/sh\necho '  user  ${me};'\n`, { mode: 0o755 })
    const hook = join(folder, 'hook')
    writeFileSync(hook, tlsFiles(secured()).at(-1)?.text ?? '', { mode: 0o755 })
    const run = (lineage: string) =>
      execFileSync(hook, { env: { ...process.env, RENEWED_LINEAGE: join(folder, 'live', lineage) } })
    const installed = (name: string) => join(folder, 'switchyard/life.tls', name)
    run('life.example')
    expect(existsSync(installed('https.pem'))).toBe(false)
    certificate(90, 'live/life.example/privkey.pem', 'live/life.example/fullchain.pem')
    mkdirSync(join(folder, 'live/other.example'))
    certificate(90, 'live/other.example/privkey.pem', 'live/other.example/fullchain.pem')
    run('other.example')
    expect(existsSync(installed('https.pem'))).toBe(false)
    run('life.example')
    const read = (path: string) => readFileSync(path, 'utf8')
    const chain = read(join(folder, 'live/life.example/fullchain.pem'))
    expect(read(installed('https.pem'))).toBe(read(join(folder, 'live/life.example/privkey.pem')) + chain)
    expect(read(installed('https.crt'))).toBe(chain)
    expect(statSync(installed('https.pem')).mode & 0o777).toBe(0o640)
    expect(statSync(installed('https.crt')).mode & 0o777).toBe(0o644)
  })

  test.each([
    ['is missing', undefined, /^@@ certificate missing$/],
    ['ends soon', 3, /^@@ certificate ends \w{3} +\d+ .*GMT$/],
    ['is good for long', 60, /^$/],
  ])('that %s is what check says of it', async (_, days, expected) => {
    if (days !== undefined) certificate(days, 'switchyard/life.tls/key', 'switchyard/life.tls/https.crt')
    const nothing = sh.read`:`
    const script = checkScript({
      program: { ...programOf('/bin/true'), test: ['true'] },
      files: [],
      own: [],
      guard: { begin: nothing, end: nothing },
      certificate: certificateOf('certbot', secured()),
    })
    const { status, stdout } = spawnSync(
      'bash',
      ['-euc', `systemctl() { :; }\nsudo() { shift; "$@"; }\n${script.text}`],
      {
        encoding: 'utf8',
      },
    )
    expect(status).toBe(0)
    expect(stdout.trimEnd()).toMatch(expected)
  })

  /** A fake nginx that reads the site, knows `http2 on` or only the older syntax, and has IPv6 or not. */
  const installedBy = (knows: 'directive' | 'parameter', ipv6: boolean) => {
    const { paths, program } = secured()
    for (const { path, text } of tlsFiles(secured()).slice(0, -1)) writeFileSync(path, text)
    const link = http2Of(secured())?.link ?? ''
    writeFileSync(
      program.path,
      `#!/bin/bash
if [ "$1" = -T ]; then echo '# configuration file ${paths.enabled[0]}:'; exit; fi
if grep -q 'http2 on' ${link} && [ ${knows} = parameter ]; then echo 'nginx: [emerg] unknown directive "http2" in x:1' >&2; exit 1; fi
if grep -q '\\[::]' ${link} && [ ${ipv6} = false ]; then echo 'nginx: [emerg] socket() [::]:443 failed (97: Address family not supported by protocol)' >&2; exit 1; fi
`,
      { mode: 0o755 },
    )
    const script = enable({
      program: { ...program, reload: ['true'] },
      target: paths.available,
      enabled: paths.enabled,
      lenient: tlsLenient(secured()),
      http2: http2Of(secured()),
    })
    bash(script.text)
    return { target: readlinkSync(link).replace(/^.*http2-|\.conf$/g, ''), text: readFileSync(link, 'utf8') }
  }

  test('is served with HTTP/2 in the syntax that nginx knows, and without IPv6 where there is none', () => {
    const ipv6 = expect.stringMatching(/\[::\]:443 ssl/)
    expect(installedBy('directive', true)).toEqual({ target: 'directive', text: ipv6 })
    expect(installedBy('parameter', true)).toEqual({ target: 'parameter', text: ipv6 })
    expect(installedBy('directive', false).text).toMatch(/\nlisten 443 ssl;\nhttp2 on;\n$/)
    expect(installedBy('parameter', false).text).toMatch(/\nlisten 443 ssl http2;\n$/)
  })
})
