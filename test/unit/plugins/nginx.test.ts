import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sh } from '../../../host/script.ts'
import { checkScript } from '../../../plugins/router/nginx/check.ts'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import { moveSite, slotOf } from '../../../plugins/router/nginx/reload.ts'
import { enable, paths, programOf } from '../../../plugins/router/nginx/site.ts'
import { moveLink, readLink, removeLink, routeOf, targetOf } from '../../../plugins/router/nginx/symlink.ts'
import { plainWord, render, shipped } from '../../../plugins/router/nginx/templates.ts'
import { get, parseAnswer, parsePublic, parseVerification } from '../../../plugins/router/site-request.ts'
import { Fault } from '../../../runner/fault.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const SLOTS = [
  { name: 'blue', port: 4000 },
  { name: 'green', port: 5000 },
]
const FACTS = { user: 'deploy', group: 'deploy' }
const at = paths('life')
const program = programOf()
const local = (url: string) => ({ url: new URL(url), address: '127.0.0.1' })
const bash = (text: string) => execFileSync('bash', ['-euo', 'pipefail', '-c', text], { stdio: 'pipe' }).toString()

describe('the nginx files', () => {
  test('a line that speaks of a slot is there once for each, and other names are filled in', () => {
    expect(render('listen @listen@;\nif (@slot@) { @port@ } # @site@\nend', { listen: 80, site: 'a.b' }, SLOTS)).toBe(
      'listen 80;\nif (blue) { 4000 } # a.b\nif (green) { 5000 } # a.b\nend',
    )
  })

  test('a placeholder that nobody fills in is an error', () => {
    expect(() => render('listen @lisen@;', { listen: 80 }, SLOTS)).toThrow('@lisen@')
  })

  test('the live link looks for every slot, and then for every slot again', () => {
    const text = render(shipped('live-link'), { router: '/srv/life/router' }, SLOTS)
    const looks = text.split('\n').filter(line => line.startsWith('if (-f'))
    const look = (slot: string, port: number) =>
      `if (-f /srv/life/router/live/${slot}) { set $switchyard_slot ${slot}; set $switchyard_port ${port}; }`
    expect(looks).toEqual([look('blue', 4000), look('green', 5000), look('blue', 4000), look('green', 5000)])
  })

  test('all that stands outside of a server block is in none of the files that are included in one', () => {
    expect(shipped('live-link')).not.toMatch(/^\s*(?:server|upstream|map|log_format)\b/m)
  })

  test('a slot of the way with a reload has a site of its own', () => {
    const text = render(shipped('reload-slot'), { site: 'life.example', listen: 'listen 80;' }, SLOTS.slice(1))
    expect(text).toContain('server_name life.example;')
    expect(text).toContain('return 200 "green\\n";')
    expect(text).toContain('proxy_pass http://127.0.0.1:5000;')
    expect(text).not.toContain('blue')
  })

  test.each(['a b', 'a;b', 'a{b', '$host', 'a"b', ''])('%j cannot stand in an nginx file', word => {
    expect(() => plainWord('site name', word)).toThrow(Fault)
  })
})

describe('what nginx wants on a host', () => {
  const provision = (options: Parameters<typeof nginx>[0]) => nginx(options).create(pluginKit()).provision(FACTS)

  test('by a live link: an include and a site, a folder for the link, and one command as root', () => {
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

  test("with a server block of the user's own: the include alone, and the line for it", () => {
    const { files, links, notes } = provision({ site: 'life.example', include: true })
    expect(links).toBeUndefined()
    expect(files.map(file => file.path)).toEqual(['/etc/nginx/switchyard/life.conf'])
    expect(notes).toEqual([expect.stringContaining('include /etc/nginx/switchyard/life.conf;')])
  })

  test('by reload: a site for each slot and for none, and the exact commands as root, without a wildcard', () => {
    const { files, links, sudo } = provision({ site: 'life.example', mode: 'reload' })
    // Which slot is live is what the link says: a setup that made it anew would say that none is.
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

  test('every command as root of a reload is one that sudo was told of', () => {
    const { sudo } = provision({ site: 'life.example', mode: 'reload' })
    const script = moveSite(program, at, 'life', 'green', ['blue', 'green']).text
    const asked = [...script.matchAll(/echo sudo -n\) ([^;>\n]+)/g)].map(([, words = '']) => words.trim())
    expect(asked).toHaveLength(7)
    for (const words of asked) expect(sudo.map(line => line.join(' '))).toContain(words)
  })

  test('a site that cannot be written into an nginx file is refused before anything is contacted', () => {
    expect(() => nginx({ site: 'a; b' })).toThrow(Fault)
  })

  test('a site is enabled once, and a link that was just made is taken away again when nginx refuses', () => {
    const folder = mkdtempSync(join(tmpdir(), 'switchyard-enable-'))
    const there = paths('life', folder)
    mkdirSync(join(folder, 'conf.d'))
    mkdirSync(join(folder, 'sites-enabled'))
    /** An nginx that reads these files, and ends its test with this code. */
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

  test('names slot and generation, and is read back', () => {
    expect(targetOf('blue', '20240101T000000Z-ab12')).toBe('blue.20240101T000000Z-ab12')
    expect(routeOf('blue.20240101T000000Z-ab12')).toEqual({ slot: 'blue', generation: '20240101T000000Z-ab12' })
    expect(routeOf('green.1.2')).toEqual({ slot: 'green', generation: '1.2' })
    expect(() => targetOf('blue', 'a/../b')).toThrow(RangeError)
  })

  test.each(['blue', 'blue.', '.blue', '../blue.1', 'Blue.1', '/srv/blue.1', 'blue.1/x'])(
    '%j is none of ours',
    name => {
      expect(routeOf(name)).toBeUndefined()
    },
  )

  test('is not there before the first move, and moves as often as it is told', () => {
    expect(live()).toBe('')
    bash(moveLink(router, 'blue', 'g1').text)
    expect(live()).toBe('blue.g1')
    bash(moveLink(router, 'green', 'g2').text)
    expect(live()).toBe('green.g2')
    expect(readdirSync(join(router, 'live'))).toEqual(['green'])
    bash(removeLink(router).text)
    expect(live()).toBe('')
  })

  test('keeps the last five generations, and the one that was live before, however old', () => {
    for (let i = 1; i <= 8; i++) bash(moveLink(router, 'blue', `g${i}`).text)
    expect(readdirSync(router).sort()).toEqual(['blue.g4', 'blue.g5', 'blue.g6', 'blue.g7', 'blue.g8', 'live'])
    bash(moveLink(router, 'blue', 'g4').text)
    bash(moveLink(router, 'green', 'g9').text)
    expect(readdirSync(router)).toContain('blue.g4')
    expect(live()).toBe('green.g9')
  })

  test('can be moved back to a generation whose folder is gone, and over a move that was interrupted', () => {
    symlinkSync('blue.half', join(router, 'live.next'))
    bash(moveLink(router, 'blue', 'long-ago').text)
    expect(readlinkSync(join(router, 'live'))).toBe('blue.long-ago')
    expect(readdirSync(join(router, 'live'))).toEqual(['blue'])
    expect(readdirSync(router)).not.toContain('live.next')
  })

  test('that is no link, or whose folder is not there, cannot be read: it is never "no slot"', () => {
    writeFileSync(join(router, 'live'), '')
    expect(live).toThrow()
    expect(() => bash(readLink(join(router, 'gone', 'live')).text)).toThrow()
    mkdirSync(join(router, 'dir', 'live'), { recursive: true })
    expect(() => bash(readLink(join(router, 'dir', 'live')).text)).toThrow()
  })

  test('of the way with a reload names a file of ours, or is not understood', () => {
    expect(slotOf(at, 'life', '/etc/nginx/switchyard/life.green.conf', ['blue', 'green'])).toBe('green')
    expect(slotOf(at, 'life', '/etc/nginx/switchyard/life.no-slot.conf', ['blue', 'green'])).toBeUndefined()
    expect(slotOf(at, 'life', '/etc/nginx/switchyard/life.red.conf', ['blue', 'green'])).toBeNull()
    expect(slotOf(at, 'life', '../sites-available/life', ['blue', 'green'])).toBeNull()
  })
})

describe('an answer of the site', () => {
  const answer = (status: string, body: string, ...headers: string[]) =>
    [`HTTP/1.1 ${status}`, 'Content-Type: text/plain', ...headers, '', body].join('\r\n')
  const names = ['blue', 'green']

  test('is split into status, headers and body, and interim answers are left out', () => {
    const { status, headers, body } = parseAnswer(
      `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer('200 OK', 'a\r\n\r\nb\n', 'X-A: b: c')}`,
    )
    expect({ status, body, a: headers.get('x-a') }).toEqual({ status: 200, body: 'a\r\n\r\nb\n', a: 'b: c' })
  })

  test('names a slot and its generation', () => {
    expect(parsePublic(answer('200 OK', 'blue\n', 'X-Deployment-Generation: g1'), undefined, names)).toEqual({
      slot: 'blue',
      generation: 'g1',
      status: 200,
      problem: undefined,
    })
  })

  test('says that no slot is live in one way only', () => {
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
  ])('%j is a problem and never a slot', (text, problem) => {
    const read = parsePublic(text, undefined, names)
    expect(read.slot).toBeUndefined()
    expect(read.problem).toContain(problem)
  })

  test('that did not come is a problem in the words of curl', () => {
    expect(parsePublic('', 'Connection refused', names)).toMatchObject({
      status: undefined,
      problem: 'Connection refused',
    })
  })

  test('of a proof stands below its summary', () => {
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

  test('is always asked for on this machine, under the name of the site', () => {
    expect(get(local('https://life.example'), '/a?b=c d').text).toMatch(
      /--connect-to life\.example:443:127\.0\.0\.1:443 'https:\/\/life\.example\/a\?b=c d'$/,
    )
    expect(get(local('http://life.example:8080'), '//evil.example').text).toMatch(
      / http:\/\/life\.example:8080\/\/evil\.example$/,
    )
  })
})

describe('the check', () => {
  const own = ['/etc/nginx/switchyard/life.conf', '/etc/nginx/sites-enabled/life.conf']
  const checking = { program, files: [], own, guard: undefined }

  test('only looks, also as root', () => {
    expect(checkScript({ ...checking, own: undefined }).writes).toBe(false)
  })

  // The script as it is, but for the nginx that it asks: what it ends with decides whether the switch behind it in the batch is run.
  const ended = (said: string, code: number, own: readonly string[] | undefined) => {
    const text = checkScript({ ...checking, own }).text.replace(
      /^output=\$\([\s\S]*? 2>&1\)/m,
      'output=$(nginx_says 2>&1)',
    )
    const stubs = `systemctl() { :; }\nnginx_says() { printf '%s\\n' ${sh.read`${said}`.text}; return ${code}; }\nset -eu -o pipefail\n`
    const { status, stdout } = spawnSync('bash', ['-c', stubs + text], { encoding: 'utf8' })
    return [status, stdout.trimEnd()]
  }
  const emerg = (file: string) => `nginx: [emerg] unknown directive "x" in ${file}:3`
  const warn = `nginx: [warn] the "ssl" directive is deprecated in ${own[0]}:1`

  test.each([
    ['nothing', 'nginx: configuration file /etc/nginx/nginx.conf test is successful', 0, own, 0],
    ['a warning of our own file', warn, 0, own, 0],
    ["another site's file", emerg('/etc/nginx/sites-enabled/shop'), 1, own, 0],
    ["another site's file, beside a warning of ours", `${warn}\n${emerg('/etc/nginx/conf.d/a.conf')}`, 1, own, 0],
    ['a file whose name begins as ours does', emerg(`${own[0]}.bak`), 1, own, 0],
    ['the include', emerg('/etc/nginx/switchyard/life.conf'), 1, own, 82],
    ['the site', emerg('/etc/nginx/sites-enabled/life.conf'), 1, own, 82],
    ['any file where a switch reloads', emerg('/etc/nginx/sites-enabled/shop'), 1, undefined, 82],
    ['nothing, because sudo wants a password', 'sudo: a password is required', 1, own, 82],
  ])('that complains of %s ends with the right code', (_, said, code, own, expected) => {
    expect(ended(said, code, own)).toEqual([expected, code === 0 ? '' : said])
  })
})
