import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../../../host/exit-codes.ts'
import { sh } from '../../../host/script.ts'
import { beginCanary } from '../../../plugins/router/haproxy/canary.ts'
import { conflicts } from '../../../plugins/router/haproxy/conflicts.ts'
import { type Application, files } from '../../../plugins/router/haproxy/files.ts'
import { type HaproxyOptions, haproxy } from '../../../plugins/router/haproxy/haproxy.ts'
import { setMaintenance } from '../../../plugins/router/haproxy/maintenance.ts'
import { apply, check, livePort, mapValue, parseRoute, switchScript } from '../../../plugins/router/haproxy/scripts.ts'
import { isFault } from '../../../runner/fault.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const FACTS = { user: 'deploy', group: 'web' }
const CANARY = { slot: 'green', percent: 5, sticky: true, by: 'anna', since: '2026-11-26T09:15:00.123Z' }
const NONE = sh.read`:`
const SLOTS = [
  { name: 'blue', port: 4000 },
  { name: 'green', port: 5000 },
]
const application = (parts: Partial<Application> = {}): Application => ({
  app: 'life',
  site: 'Life.example',
  slots: SLOTS,
  router: '/srv/life/router',
  listen: ['80'],
  config: '/etc/haproxy/haproxy.cfg',
  ...parts,
})
const text = (path: RegExp, parts: Partial<Application> = {}) =>
  files(application(parts), FACTS).find(file => path.test(file.path))?.text ?? ''
const create = (options: Partial<HaproxyOptions> = {}) =>
  haproxy({ site: 'life.example', ...options }).create(pluginKit())

describe('the files of HAProxy', () => {
  test('make the unit load the folder of the applications after the main file', () => {
    expect(text(/\.conf$/, { config: '/etc/haproxy/main.cfg' })).toContain(
      '[Service]\nEnvironment="CONFIG=/etc/haproxy/main.cfg -f /etc/haproxy/switchyard"\n',
    )
  })

  test('have a backend with one server per slot, and a socket for the deploying user only', () => {
    const backend = text(/life\.cfg$/)
    expect(backend).toContain(
      '    stats socket /run/haproxy/switchyard-life.sock user deploy group web mode 600 level operator\n',
    )
    expect(backend).toContain('\nbackend switchyard-life.example\n')
    expect(backend).toContain('str(live),map(/srv/life/router/live.map)\n')
    expect(backend).toContain('unless { var(txn.switchyard_slot) -m str blue green }\n')
    for (const { name, port } of SLOTS) {
      expect(backend).toContain(`    use-server ${name} if { var(txn.switchyard_target) -m str ${name} }\n`)
      expect(backend).toContain(`    server ${name} 127.0.0.1:${port}\n`)
    }
  })

  test('have an identical frontend for all applications at one address', () => {
    const frontend = text(/switchyard-80\.cfg$/)
    expect(text(/switchyard-80\.cfg$/, { app: 'other', site: 'other.example' })).toBe(frontend)
    expect(frontend).toContain('\nfrontend switchyard-80\n')
    expect(frontend).toContain('    bind *:80\n    bind [::]:80 v6only\n')
    expect(frontend).toContain('    use_backend switchyard-%[req.hdr(host),host_only,lower]\n')
  })

  test.each([
    ['*:80', 'switchyard-ipv4-80', '    bind *:80\n    timeout'],
    ['[::]:80', 'switchyard-ipv6-80', '    bind [::]:80 v6only\n    timeout'],
    ['[::1]:8080', 'switchyard---1-8080', '    bind [::1]:8080 v6only\n    timeout'],
    ['10.0.0.5:8080', 'switchyard-10.0.0.5-8080', '    bind 10.0.0.5:8080\n    timeout'],
  ])('have a frontend and file for the address %s', (entry, name, bind) => {
    const frontend = text(new RegExp(`/${name.replaceAll('.', '\\.')}\\.cfg$`), { listen: [entry] })
    expect(frontend).toContain(`\nfrontend ${name}\n`)
    expect(frontend).toContain(bind)
  })

  test('allow edits of a frontend: additions, timeouts and no IPv6, but no missing directives', () => {
    const [, , frontend] = files(application(), FACTS)
    const { ours, satisfied } = frontend?.edits ?? expect.fail('it can be edited')
    for (const line of frontend?.text.split('\n').filter(line => line !== '' && !line.startsWith('#')) ?? [])
      expect(ours(line.trim()), line).toBe(true)
    expect(ours('bind *:443 ssl crt /etc/haproxy/life.pem')).toBe(false)
    expect(satisfied('bind [::]:80 v6only', [])).toBe(true)
    expect(satisfied('timeout client 1m', ['timeout client 5m'])).toBe(true)
    expect(satisfied('timeout client 1m', ['timeout http-request 5m'])).toBe(false)
    expect(satisfied('use_backend switchyard-%[req.hdr(host),host_only,lower]', [])).toBe(false)
  })

  test('omit the frontend if the user has one, and add a note with the line for it', () => {
    const provision = create({ include: true }).provision(FACTS)
    expect(provision.files).toHaveLength(3)
    expect(provision.notes).toEqual([
      'Add this line to your own HAProxy frontend: use_backend switchyard-life.example if { req.hdr(host),host_only -i life.example }',
    ])
    expect(create().provision(FACTS)).not.toHaveProperty('notes')
    const router = create()
    expect(router.provision(FACTS)).toEqual(router.provision(FACTS))
  })

  test('request sudo only for the configuration test, as a full command line', () => {
    expect(create({ config: '/etc/haproxy/main.cfg' }).provision(FACTS)).toMatchObject({
      tools: { socat: 'socat' },
      sudo: [['/usr/sbin/haproxy', '-c', '-f', '/etc/haproxy/main.cfg', '-f', '/etc/haproxy/switchyard']],
    })
  })
})

describe('the options of HAProxy', () => {
  test.each([
    { site: 'a b' },
    { site: 'life.example:80' },
    { site: '-life' },
    { listen: [] },
    { listen: 0 },
    { listen: 'a b' },
    { listen: { port: 80 } },
    { config: 'haproxy.cfg' },
    { config: '/etc/a b' },
  ])('reject %j', options => {
    try {
      create(options as never)
    } catch (error) {
      if (!isFault(error)) throw error
      return expect(error.code).toBe('OPTION_INVALID')
    }
    expect.fail('the options were accepted')
  })

  test('send requests to the first address under the name of the site', () => {
    const args = create({ listen: ['10.0.0.5:8080', 80] }).curl?.('/up')
    expect(args?.slice(-3)).toEqual(['--connect-to', 'life.example:8080:10.0.0.5:8080', 'http://life.example:8080/up'])
  })

  test('make one frontend for a duplicate address', () => {
    expect(create({ listen: [80, '80'] }).provision(FACTS).files).toHaveLength(4)
  })
})

describe('the route of HAProxy', () => {
  const names = ['blue', 'green']

  test('is parsed only in the format that is written', () => {
    const route = { slot: 'blue', generation: '20260101-a.b_c' }
    expect(parseRoute(`live ${mapValue(route)}`, names)).toEqual(route)
    expect(parseRoute(`live ${mapValue({ slot: undefined, generation: undefined })}`, names)).toEqual({
      slot: undefined,
      generation: undefined,
    })
    for (const text of ['', 'live', 'live blue', 'live red.g1', 'dead blue.g1', 'live blue.g1\nlive green.g1'])
      expect(parseRoute(text, names)).toBeUndefined()
    expect(() => mapValue({ slot: 'blue', generation: 'a b' })).toThrow(RangeError)
  })

  describe('after a switch', () => {
    let folder: string
    let here: Application
    const bash = (script: string) =>
      spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${folder}/bin:${process.env.PATH}` },
      })
    const install = (name: string, body: string) => {
      writeFileSync(join(folder, 'bin', name), `#!/bin/bash\n${body}\n`)
      chmodSync(join(folder, 'bin', name), 0o755)
    }
    /**
     * Installs a fake socat that gives the response of the HAProxy process to a new entry, whose command is in `asked`. `shown` prints the process's own
     * entry; it is the last one that was set, unless told otherwise.
     */
    const answers = (body: string, shown = `sed -n 's/^set map [^ ]* /0x1 /p' ${folder}/told | tail -n 1`) =>
      install(
        'socat',
        `asked=$(cat)
case $asked in 'show map'*) ${shown}; exit ;; esac
printf '%s\\n' "$asked" >> ${folder}/told
${body}`,
      )
    const map = () => readFileSync(join(folder, 'live.map'), 'utf8')
    const told = () =>
      readFileSync(join(folder, 'told'), 'utf8')
        .trim()
        .split('\n')
        .map(command => command.split(' ').slice(3).join(' '))
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'switchyard-haproxy-'))
      mkdirSync(join(folder, 'bin'))
      here = application({ router: folder })
      writeFileSync(join(folder, 'live.map'), 'live blue.g1\n')
      install('systemctl', 'echo active')
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    test('is written to the file before it is sent to the process', () => {
      answers(`cp ${folder}/live.map ${folder}/then; echo`)
      expect(bash(switchScript(here, { slot: 'green', generation: 'g2' }).text)).toMatchObject({
        status: 0,
        stdout: '',
      })
      expect(map()).toBe('live green.g2\n')
      expect(readFileSync(join(folder, 'then'), 'utf8')).toBe('live green.g2\n')
      expect(readFileSync(join(folder, 'told'), 'utf8')).toBe(`set map ${folder}/live.map live green.g2\n`)
      expect(execFileSync('bash', ['-c', livePort(here).text], { encoding: 'utf8' })).toBe('5000\n')
    })

    test('is `none` for no slot', () => {
      answers('echo')
      expect(bash(switchScript(here, { slot: undefined, generation: undefined }).text).status).toBe(0)
      expect(map()).toBe('live none\n')
      expect(bash(livePort(here).text).status).toBe(1)
    })

    test.each([
      ['an error message with exit code 0', "echo 'entry not found.'; echo", 'entry not found.'],
      ['nothing', 'true', ''],
      ['a refused connection', 'echo "connection refused" >&2; exit 1', 'connection refused'],
    ])('is restored in the file when the process answers %s', (_, answer, message) => {
      answers(answer)
      const { status, stdout } = bash(switchScript(here, { slot: 'green', generation: 'g2' }, { patience: 0 }).text)
      expect(status).toBe(EXIT.router.refused)
      expect(stdout).toContain(message)
      expect(map()).toBe('live blue.g1\n')
    })

    test('is set once a process that starts again can be reached', () => {
      answers(`if [ $(wc -l < ${folder}/told) = 1 ]; then echo 'Connection refused' >&2; exit 1; fi; echo`)
      expect(bash(switchScript(here, { slot: 'green', generation: 'g2' }).text)).toMatchObject({
        status: 0,
        stdout: '',
      })
      expect(map()).toBe('live green.g2\n')
    })

    test('is restored in the file and in the process when that has another route to the end', () => {
      answers('echo', 'echo 0x1 live blue.g0')
      const { status, stdout } = bash(switchScript(here, { slot: 'green', generation: 'g2' }, { patience: 0 }).text)
      expect(status).toBe(EXIT.router.refused)
      expect(stdout).toContain('another state')
      expect(map()).toBe('live blue.g1\n')
      expect(told().at(-1)).toBe('live blue.g1')
    })

    describe.each([
      ['a route', () => switchScript(here, { slot: 'green', generation: 'g2' }), ['live.map']],
      [
        'a canary',
        () => beginCanary(here, CANARY, { slot: 'blue', generation: 'g1' }, { check: NONE }),
        ['canary.map'],
      ],
      [
        'a maintenance',
        () =>
          setMaintenance(here, { check: NONE, state: ['state on', 'message In  a moment.'], networks: ['::/0 pass'] }),
        ['maintenance-allow.map', 'maintenance.map'],
      ],
    ] as const)('while somebody reloads HAProxy: %s', (_, change, files) => {
      /** A process that accepts everything, and at its first look into a map has what `first` prints. */
      const accepts = (first: string) =>
        install(
          'socat',
          `asked=$(cat); map=$(grep -o '[^ ]*[.]map' <<< "$asked" | head -n 1)
case $asked in
  'show map'*) if [ -e ${folder}/looked ]; then sed 's/^/0x1 /' "$map"; else touch ${folder}/looked; ${first}; fi ;;
  'prepare map'*) echo 'New version created: 4'; echo ;;
  'add map @4'*) echo ;;
  'commit map @4'* | 'set map'*) echo "\${map##*/}" >> ${folder}/changed; echo ;;
esac`,
        )
      const changed = () => readFileSync(join(folder, 'changed'), 'utf8').trim().split('\n')

      test('is sent again to the process that takes over with the state before', () => {
        accepts('echo 0x1 live blue.g1')
        expect(bash(change().text)).toMatchObject({ status: 0, stdout: '', stderr: '' })
        expect(changed()).toEqual([...files, ...files])
      })

      test('is sent again after a reload that was under way', () => {
        accepts('sed "s/^/0x1 /" "$map"')
        install(
          'systemctl',
          `if [ -e ${folder}/asked ]; then echo active; else touch ${folder}/asked; echo reloading; fi`,
        )
        expect(bash(change().text)).toMatchObject({ status: 0, stdout: '', stderr: '' })
        expect(changed()).toEqual([...files, ...files])
      })
    })

    test.each([
      ['in a process that has taken over since it was prepared', "echo 'Version number in the future.'", 0],
      ['but is refused by one that does not know the map', "echo 'Unknown map identifier.'", EXIT.router.refused],
    ])('a map is replaced again %s', (_, answer, code) => {
      install(
        'socat',
        `asked=$(cat)
case $asked in
  'show map '*) sed 's/^/0x1 /' "\${asked#show map }" ;;
  'prepare map'*) echo 'New version created: 1' ;;
  'add map'*) if ! [ -e ${folder}/added ]; then touch ${folder}/added; ${answer}; fi ;;
esac
echo`,
      )
      writeFileSync(join(folder, 'maintenance.map'), 'state off\n')
      const script = setMaintenance(here, { check: NONE, state: ['state on'] })
      expect(bash(script.text)).toMatchObject({
        status: code,
        stdout: code === 0 ? '' : expect.stringContaining('Unknown map identifier.'),
      })
      const text = readFileSync(join(folder, 'maintenance.map'), 'utf8')
      expect(text).toBe(code === 0 ? 'state on\n' : 'state off\n')
    })

    test('replaces a folder in place of the file', () => {
      answers('echo')
      rmSync(join(folder, 'live.map'))
      mkdirSync(join(folder, 'live.map'))
      expect(bash(switchScript(here, { slot: 'green', generation: 'g2' }).text).status).toBe(0)
      expect(map()).toBe('live green.g2\n')
    })
  })

  test('has scripts that count as writing only if they change something', () => {
    const none = { slot: undefined, generation: undefined }
    expect(switchScript(application(), none).writes).toBe(true)
    expect(apply(application(), 'deploy').writes).toBe(true)
    expect(check(application(), { begin: sh.read`:`, end: sh.read`:` }).writes).toBe(false)
    expect(create().live().script.writes).toBe(false)
  })
})

describe('a conflict with HAProxy', () => {
  const listeners = [
    { address: '*', port: 80 },
    { address: '[::]', port: 80 },
  ]
  const ours = { names: ['life.example', 'next.life.example'], listeners, own: ['/own.cfg'] }
  const found = (files: Readonly<Record<string, string>>, sockets: readonly string[] = [], site = ours) =>
    conflicts(
      'web-1',
      `${Object.entries(files)
        .map(([path, content]) => `@@ file ${path}\n${content}\n`)
        .join('')}@@ listening\n${sockets.map(socket => `LISTEN 0 511 ${socket} 0.0.0.0:*\n`).join('')}`,
      site,
    ).map(({ code, message }) => `${code} ${message}`)

  test.each([
    'bind :80',
    'bind *:80 # all',
    'bind 10.0.0.5:80',
    'bind ipv4@:80 accept-proxy',
    'bind 127.0.0.1:8080,127.0.0.1:80',
    'bind :79-81',
    'bind :::80',
    'bind [::1]:80 v6only',
  ])('is reported for a frontend with %j', bind => {
    expect(found({ '/a.cfg': `frontend theirs\n  ${bind}\n` })[0]).toMatch(
      /^HAPROXY_ADDRESS_TAKEN .*:80 on web-1 is taken by \/a\.cfg:2/,
    )
  })

  test.each(['bind :8080', 'bind /run/x.sock', 'bind abns@x', '# bind :80', 'bind fd@3', 'bind [::1]:800'])(
    'is not reported for a frontend with %j',
    bind => {
      expect(found({ '/a.cfg': `frontend theirs\n  ${bind}\n` })).toEqual([])
    },
  )

  test('is not reported for our own files and addresses, or if no frontend is installed', () => {
    const own = {
      '/own.cfg': 'frontend switchyard-80\n  bind *:80\n  bind [::]:80 v6only\nbackend switchyard-life.example\n',
    }
    expect(found(own, ['0.0.0.0:80', '[::]:80'])).toEqual([])
    expect(found({ '/a.cfg': 'frontend mine\n  bind :80\n' }, ['0.0.0.0:80'], { ...ours, listeners: [] })).toEqual([])
  })

  test('is reported for another program only if it listens at our address', () => {
    expect(found({}, ['0.0.0.0:22', '127.0.0.1:80', '127.0.0.53%lo:53'])).toEqual([
      'HAPROXY_ADDRESS_TAKEN 127.0.0.1:80 on web-1 is taken by another program. This site could not listen there.',
    ])
  })

  test('is reported for a backend of the same name', () => {
    expect(found({ '/b.cfg': '\nbackend switchyard-life.example\n' })).toEqual([
      'HAPROXY_NAME_TAKEN HAProxy on web-1 already has a backend for life.example: /b.cfg:2.',
    ])
  })
})
