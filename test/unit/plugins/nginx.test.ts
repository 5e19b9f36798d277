import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sh } from '../../../host/script.ts'
import { moveLink, readLink, removeLink, routeOf, targetOf } from '../../../plugins/router/live-link.ts'
import { checkScript } from '../../../plugins/router/nginx/check.ts'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import { moveSite, slotOf } from '../../../plugins/router/nginx/reload.ts'
import { defaultPaths, enable, programOf } from '../../../plugins/router/nginx/site.ts'
import { plainWord, render, shipped } from '../../../plugins/router/nginx/templates.ts'
import { get, parseAnswer, parsePublic, parseVerification } from '../../../plugins/router/site-request.ts'
import { Fault } from '../../../runner/fault.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const SLOTS = [
  { name: 'blue', port: 4000 },
  { name: 'green', port: 5000 },
]
const FACTS = { user: 'deploy', group: 'deploy' }
const at = defaultPaths('life')
const program = programOf()
const local = (url: string) => ({ url: new URL(url), address: '127.0.0.1' })
const bash = (text: string) => execFileSync('bash', ['-euo', 'pipefail', '-c', text], { stdio: 'pipe' }).toString()

describe('the nginx templates', () => {
  test('repeat a line with a slot for each slot, and fill in other names', () => {
    expect(render('listen @listen@;\nif (@slot@) { @port@ } # @site@\nend', { listen: 80, site: 'a.b' }, SLOTS)).toBe(
      'listen 80;\nif (blue) { 4000 } # a.b\nif (green) { 5000 } # a.b\nend',
    )
  })

  test('leave out a line with only a placeholder that is empty', () => {
    expect(render('a\n  @none@\n\nb @none@\n', { none: '' }, SLOTS)).toBe('a\n\nb \n')
  })

  test('fail on an unknown placeholder', () => {
    expect(() => render('listen @lisen@;', { listen: 80 }, SLOTS)).toThrow('@lisen@')
  })

  test('check the live link for every slot twice', () => {
    const text = render(
      shipped('live-link'),
      { router: '/srv/life/router', maintenance: '', options: '', assets: '', canary: '' },
      SLOTS,
    )
    const checks = text.split('\n').filter(line => line.startsWith('if (-f'))
    const check = (slot: string, port: number) =>
      `if (-f /srv/life/router/live/${slot}) { set $switchyard_slot ${slot}; set $switchyard_port ${port}; }`
    expect(checks).toEqual([check('blue', 4000), check('green', 5000), check('blue', 4000), check('green', 5000)])
  })

  test('contain no directive for outside of a server block in an include', () => {
    for (const name of ['live-link', 'canary', 'maintenance'] as const)
      expect(shipped(name)).not.toMatch(/^\s*(?:server|upstream|map|log_format)\b/m)
  })

  test('have a separate site for each slot in reload mode', () => {
    const text = render(
      shipped('reload-slot'),
      { site: 'life.example', listen: 'listen 80;', maintenance: '', http: '', tls: '', more: '', options: '' },
      SLOTS.slice(1),
    )
    expect(text).toContain('server_name life.example;')
    expect(text).toContain('return 200 "green\\n";')
    expect(text).toContain('proxy_pass http://127.0.0.1:5000;')
    expect(text).not.toContain('blue')
  })

  test.each(['a b', 'a;b', 'a{b', '$host', 'a"b', ''])('reject the value %j', word => {
    expect(() => plainWord('site name', word)).toThrow(Fault)
  })
})

describe('the nginx provision', () => {
  const provision = (options: Parameters<typeof nginx>[0]) => nginx(options).create(pluginKit()).provision(FACTS)

  test('has in link mode an include, a site, a folder for the link, and one sudo command', () => {
    const { files, folders, links, sudo, notes } = provision({ site: 'life.example' })
    expect(files.map(file => file.path)).toEqual([
      '/etc/nginx/switchyard/life.conf',
      '/etc/nginx/sites-available/life.conf',
    ])
    expect(files[1]?.text).toContain('    include /etc/nginx/switchyard/life.conf;')
    expect(folders).toEqual([{ path: '/srv/life/router', mode: 0o755 }])
    expect(links).toEqual([['/etc/nginx/sites-enabled/life.conf', '/etc/nginx/conf.d/life.conf']])
    expect(sudo).toEqual([['/usr/sbin/nginx', '-t']])
    expect(notes).toBeUndefined()
  })

  test("has with a server block of the user's own only the include, and a note with the line for it", () => {
    const { files, links, notes } = provision({ site: 'life.example', include: true })
    expect(links).toBeUndefined()
    expect(files.map(file => file.path)).toEqual(['/etc/nginx/switchyard/life.conf'])
    expect(notes).toEqual([expect.stringContaining('include /etc/nginx/switchyard/life.conf;')])
  })

  test('has in reload mode a site for each slot and for none, and exact sudo commands without wildcards', () => {
    const { files, links, sudo } = provision({ site: 'life.example', mode: 'reload' })
    // The link defines the live slot: a setup that recreated it would reset that to none.
    expect(links).toBeUndefined()
    expect(files.map(file => file.path)).toEqual([
      '/etc/nginx/switchyard/life.no-slot.conf',
      '/etc/nginx/switchyard/life.blue.conf',
      '/etc/nginx/switchyard/life.green.conf',
    ])
    expect(sudo.map(line => line.join(' '))).toEqual([
      '/usr/sbin/nginx -t',
      '/usr/bin/systemctl reload nginx',
      '/usr/bin/mv -T /etc/nginx/switchyard/life.next /etc/nginx/sites-enabled/life.conf',
      '/usr/bin/mv -T /etc/nginx/switchyard/life.next /etc/nginx/conf.d/life.conf',
      '/usr/bin/ln -sfn /etc/nginx/switchyard/life.no-slot.conf /etc/nginx/switchyard/life.next',
      '/usr/bin/ln -sfn /etc/nginx/switchyard/life.blue.conf /etc/nginx/switchyard/life.next',
      '/usr/bin/ln -sfn /etc/nginx/switchyard/life.green.conf /etc/nginx/switchyard/life.next',
    ])
  })

  test('includes every sudo command of a switch with reload', () => {
    const { sudo } = provision({ site: 'life.example', mode: 'reload' })
    const script = moveSite(program, at, 'life', 'green', ['blue', 'green']).text
    const used = [...script.matchAll(/echo sudo -n\) ([^;>\n]+)/g)].map(([, command = '']) => command.trim())
    expect(used).toHaveLength(7)
    for (const command of used) expect(sudo.map(line => line.join(' '))).toContain(command)
  })

  test('rejects a site name that is invalid in nginx before anything is contacted', () => {
    expect(() => nginx({ site: 'a; b' })).toThrow(Fault)
  })

  test('enables a site only once, and removes the new link when nginx rejects it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'switchyard-enable-'))
    const there = defaultPaths('life', folder)
    mkdirSync(join(folder, 'conf.d'))
    mkdirSync(join(folder, 'sites-enabled'))
    /** A fake nginx that includes these files and exits with this code. */
    const stub = (code: number, ...reads: string[]) => {
      const path = join(folder, 'nginx')
      const lines = reads.map(file => `# configuration file ${file}:`).join('\\n')
      writeFileSync(
        path,
        `#!/bin/sh\nif [ "$1" = -T ]; then printf '${lines}\\n'; fi\necho "$1" >> ${folder}/said\nexit ${code}\n`,
        { mode: 0o755 },
      )
      return { ...programOf(path), reload: ['touch', join(folder, 'reloaded')] }
    }
    const run = (of: ReturnType<typeof stub>) =>
      bash(enable({ program: of, target: there.available, enabled: there.enabled, lenient: [] }).text)
    const [debian = '', fedora = ''] = there.enabled
    try {
      expect(() => run(stub(1, debian))).toThrow()
      expect(() => run(stub(0, '/else'))).toThrow(/nginx does not read .*life\.conf/)
      expect(readdirSync(join(folder, 'sites-enabled'))).toEqual([])
      expect(readdirSync(join(folder, 'conf.d'))).toEqual([])
      expect(readdirSync(folder)).not.toContain('reloaded')
      run(stub(0, fedora))
      expect(readlinkSync(fedora)).toBe('../sites-available/life.conf')
      expect(readdirSync(join(folder, 'sites-enabled'))).toEqual([])
      run(stub(0, fedora, debian))
      expect(readdirSync(join(folder, 'sites-enabled'))).toEqual([])
      expect(readdirSync(folder)).toContain('reloaded')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the live link', () => {
  let router: string
  beforeEach(() => {
    router = mkdtempSync(join(tmpdir(), 'switchyard-link-'))
  })
  afterEach(() => rmSync(router, { recursive: true }))
  const live = () => bash(readLink(join(router, 'live')).text).trim()

  test('contains slot and generation, and is parsed back', () => {
    expect(targetOf('blue', '20240101T000000Z-ab12')).toBe('blue.20240101T000000Z-ab12')
    expect(routeOf('blue.20240101T000000Z-ab12')).toEqual({ slot: 'blue', generation: '20240101T000000Z-ab12' })
    expect(routeOf('green.1.2')).toEqual({ slot: 'green', generation: '1.2' })
    expect(() => targetOf('blue', 'a/../b')).toThrow(RangeError)
  })

  test.each(['blue', 'blue.', '.blue', '../blue.1', 'Blue.1', '/srv/blue.1', 'blue.1/x'])(
    'is not parsed from the foreign name %j',
    name => {
      expect(routeOf(name)).toBeUndefined()
    },
  )

  test('does not exist before the first switch, and follows every switch', () => {
    expect(live()).toBe('')
    bash(moveLink(router, 'blue', 'g1').text)
    expect(live()).toBe('blue.g1')
    bash(moveLink(router, 'green', 'g2').text)
    expect(live()).toBe('green.g2')
    // One for nginx and one for Caddy: the site may move from one to the other.
    expect(readdirSync(join(router, 'live')).sort()).toEqual(['green', 'green.g2'])
    bash(removeLink(router).text)
    expect(live()).toBe('')
  })

  test('keeps the last five generations, and the previously live one', () => {
    for (let i = 1; i <= 8; i++) bash(moveLink(router, 'blue', `g${i}`).text)
    expect(readdirSync(router).sort()).toEqual(['blue.g4', 'blue.g5', 'blue.g6', 'blue.g7', 'blue.g8', 'live'])
    bash(moveLink(router, 'blue', 'g4').text)
    bash(moveLink(router, 'green', 'g9').text)
    expect(readdirSync(router)).toContain('blue.g4')
    expect(live()).toBe('green.g9')
  })

  test('can switch back to a removed generation, and after an interrupted switch', () => {
    symlinkSync('blue.half', join(router, 'live.next'))
    bash(moveLink(router, 'blue', 'long-ago').text)
    expect(readlinkSync(join(router, 'live'))).toBe('blue.long-ago')
    expect(readdirSync(join(router, 'live')).sort()).toEqual(['blue', 'blue.long-ago'])
    expect(readdirSync(router)).not.toContain('live.next')
  })

  test('is unreadable, not "no slot", if it is not a link or its folder is missing', () => {
    writeFileSync(join(router, 'live'), '')
    expect(live).toThrow()
    expect(() => bash(readLink(join(router, 'gone', 'live')).text)).toThrow()
    mkdirSync(join(router, 'dir', 'live'), { recursive: true })
    expect(() => bash(readLink(join(router, 'dir', 'live')).text)).toThrow()
  })

  test('in reload mode points to one of our files, or is unknown', () => {
    expect(slotOf(at, 'life', '/etc/nginx/switchyard/life.green.conf', ['blue', 'green'])).toBe('green')
    expect(slotOf(at, 'life', '/etc/nginx/switchyard/life.no-slot.conf', ['blue', 'green'])).toBeUndefined()
    expect(slotOf(at, 'life', '/etc/nginx/switchyard/life.red.conf', ['blue', 'green'])).toBeNull()
    expect(slotOf(at, 'life', '../sites-available/life', ['blue', 'green'])).toBeNull()
  })
})

describe('a response of the site', () => {
  const answer = (status: string, body: string, ...headers: string[]) =>
    [`HTTP/1.1 ${status}`, 'Content-Type: text/plain', ...headers, '', body].join('\r\n')
  const names = ['blue', 'green']

  test('is split into status, headers and body, without interim responses', () => {
    const { status, headers, body } = parseAnswer(
      `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer('200 OK', 'a\r\n\r\nb\n', 'X-A: b: c')}`,
    )
    expect({ status, body, a: headers.get('x-a') }).toEqual({ status: 200, body: 'a\r\n\r\nb\n', a: 'b: c' })
  })

  test('contains a slot and its generation', () => {
    expect(parsePublic(answer('200 OK', 'blue\n', 'X-Deployment-Generation: g1'), undefined, names)).toEqual({
      slot: 'blue',
      generation: 'g1',
      status: 200,
      problem: undefined,
    })
  })

  test('reports "no slot is live" in exactly one form', () => {
    expect(
      parsePublic(answer('503 Service Unavailable', 'no slot is live\n'), undefined, names).problem,
    ).toBeUndefined()
    expect(parsePublic(answer('503 Service Unavailable', 'overloaded'), undefined, names).problem).toContain('503')
  })

  test.each([
    ['', 'no HTTP'],
    [answer('404 Not Found', 'blue\n'), '404'],
    [answer('200 OK', ''), '""'],
    [answer('200 OK', 'red\n'), '"red"'],
    [answer('200 OK', '<html>blue</html>'), 'html'],
  ])('%j is reported as a problem, not as a slot', (text, problem) => {
    const parsed = parsePublic(text, undefined, names)
    expect(parsed.slot).toBeUndefined()
    expect(parsed.problem).toContain(problem)
  })

  test('that never arrived is reported with the message of curl', () => {
    expect(parsePublic('', 'Connection refused', names)).toMatchObject({
      status: undefined,
      problem: 'Connection refused',
    })
  })

  test('to a verification is parsed with its summary', () => {
    expect(parseVerification(`1 7 120 0\n\n${answer('200 OK', 'green')}\n`, names)).toMatchObject({
      verified: true,
      asked: 7,
      firstAfter: 120,
      last: { slot: 'green' },
      answer: undefined,
    })
    const application = Buffer.from('HTTP/1.1 404 Not Found\r\n\r\nnothing\nhere').toString('base64')
    expect(parseVerification(`1 5 9 0\n${application}\n${answer('200 OK', 'green')}\n`, names).answer).toEqual({
      status: 404,
      body: 'nothing\nhere',
    })
    expect(parseVerification(`1 5 9 0\n${application} failed\n${answer('200 OK', 'green')}\n`, names).answer).toEqual({
      status: 0,
      body: '',
    })
    expect(parseVerification('0 3 - 7\n\ncurl: (7) Failed to connect\n', names)).toMatchObject({
      verified: false,
      firstAfter: undefined,
      last: { problem: 'Failed to connect' },
    })
  })

  test('is always requested from this machine, under the name of the site', () => {
    expect(get(local('https://life.example'), '/a?b=c d').text).toMatch(
      /--connect-to life\.example:443:127\.0\.0\.1:443 'https:\/\/life\.example\/a\?b=c d'$/,
    )
    expect(get(local('http://life.example:8080'), '//evil.example').text).toMatch(
      / http:\/\/life\.example:8080\/\/evil\.example$/,
    )
  })
})

describe('the nginx check', () => {
  const own = ['/etc/nginx/switchyard/life.conf', '/etc/nginx/sites-enabled/life.conf']
  const nothing = sh.read`:`
  const checking = { program, files: [], own, guard: { begin: nothing, end: nothing } }

  test('does not count as writing', () => {
    expect(checkScript({ ...checking, own: undefined }).writes).toBe(false)
  })

  // The real script with a fake nginx. Its exit code decides whether the switch after it in the batch runs.
  const resultOf = (message: string, code: number, own: readonly string[] | undefined) => {
    const text = checkScript({ ...checking, own }).text.replace(
      /^output=\$\([\s\S]*? 2>&1\)/m,
      'output=$(fake_nginx 2>&1)',
    )
    const stubs = `systemctl() { :; }\nfake_nginx() { printf '%s\\n' ${sh.read`${message}`.text}; return ${code}; }\nset -eu -o pipefail\n`
    const { status, stdout } = spawnSync('bash', ['-c', stubs + text], { encoding: 'utf8' })
    return [status, stdout.trimEnd()]
  }
  const emerg = (file: string) => `nginx: [emerg] unknown directive "x" in ${file}:3`
  const warn = `nginx: [warn] the "ssl" directive is deprecated in ${own[0]}:1`

  test.each([
    ['no problem', 'nginx: configuration file /etc/nginx/nginx.conf test is successful', 0, own, 0],
    ['a warning in our own file', warn, 0, own, 0],
    ['an error in the file of another site', emerg('/etc/nginx/sites-enabled/shop'), 1, own, 0],
    [
      'an error in the file of another site and a warning in ours',
      `${warn}\n${emerg('/etc/nginx/conf.d/a.conf')}`,
      1,
      own,
      0,
    ],
    ['an error in a file whose name begins like ours', emerg(`${own[0]}.bak`), 1, own, 0],
    ['an error in our include', emerg('/etc/nginx/switchyard/life.conf'), 1, own, 82],
    ['an error in our site', emerg('/etc/nginx/sites-enabled/life.conf'), 1, own, 82],
    ['an error in any file in reload mode', emerg('/etc/nginx/sites-enabled/shop'), 1, undefined, 82],
    ['no nginx output because sudo requires a password', 'sudo: a password is required', 1, own, 82],
  ])('has the right exit code for %s', (_, message, code, own, expected) => {
    expect(resultOf(message, code, own)).toEqual([expected, code === 0 ? '' : message])
  })
})
