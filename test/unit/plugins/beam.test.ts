import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sh } from '../../../host/script.ts'
import { beam } from '../../../plugins/runtime/beam/beam.ts'
import {
  evaluate,
  makeCookie,
  remoteConsole,
  rpc,
  withRepeatedSigterm,
} from '../../../plugins/runtime/beam/commands.ts'
import {
  daemon,
  parseProcess as parseDaemon,
  parseLog as parseDaemonLog,
} from '../../../plugins/runtime/beam/daemon.ts'
import { environment, moduleName, unitFile } from '../../../plugins/runtime/beam/files.ts'
import { distributionFlags, nodesOf } from '../../../plugins/runtime/beam/nodes.ts'
import { assertStartable, startable } from '../../../plugins/runtime/scripts.ts'
import { parseLog, parseProcess, systemd } from '../../../plugins/runtime/systemd.ts'
import { restartBackoff } from '../../../plugins/runtime/unit.ts'
import type { Release, Slot } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const blue: Slot = { name: 'blue', port: 4000, env: {} }
const green: Slot = { name: 'green', port: 5000, env: {} }
const folders = layout('/srv/life')
const release: Release = { name: '1.0-abc', version: '1.0', sha256: '', dir: '/srv/life/releases/1.0-abc' }
const facts = { user: 'deploy', group: 'www' }
const unit = { app: 'life', layout: folders, release: 'life', stopLimit: 30 }
const supervised = systemd({
  app: 'life',
  layout: folders,
  slots: [blue, green],
  startable: slot => startable(folders, slot, 'bin/life'),
  unitFile: who => unitFile(unit, who),
  wrapStop: withRepeatedSigterm,
})
const unsupervised = daemon({ layout: folders, release: 'life', stopLimit: 30 })

describe('the unit of a BEAM release', () => {
  it('is one template for all slots that runs as the deploying user', () => {
    const text = unitFile(unit, facts)
    expect(text).toContain('\nUser=deploy\nGroup=www\n')
    expect(text).toContain('\nWorkingDirectory=/srv/life/slots/%i/current\n')
    expect(text).toContain('\nEnvironmentFile=/srv/life/slots/%i/env\n')
    expect(text).toContain('\nExecStart=/srv/life/slots/%i/current/bin/life start\n')
    expect(text).toContain('\nTimeoutStopSec=30\n')
    expect(text).toContain('\nWantedBy=multi-user.target\n')
    expect(text).not.toMatch(/blue|green/)
  })

  it('restarts a slot without limit, even with a systemd too old for growing delays', () => {
    const text = unitFile(unit, facts)
    expect(text).toMatch(/\nStartLimitIntervalSec=0\n/)
    expect(text).toMatch(/\nRestart=always\nRestartSec=2\n/)
    // systemd reads `$$` as `$` and `%%` as `%`.
    const [, inUnit = ''] = /^ExecStartPre=-\/bin\/sh -c '(.*)'$/m.exec(text) ?? []
    expect(inUnit.replaceAll('$$', '$').replaceAll('%%', '%')).toBe(restartBackoff)
    expect(inUnit.replaceAll('$$', '').replaceAll('%%', '')).not.toMatch(/['$%]/)
  })

  it('increases the delay between restarts, and resets it after a long run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-pause-'))
    await writeFile(join(folder, 'sleep'), '#!/bin/sh\necho "$1"\n', { mode: 0o755 })
    const env = { PATH: `${folder}:${process.env.PATH}`, RUNTIME_DIRECTORY: folder }
    const next = () => Number(execFileSync('sh', ['-c', restartBackoff], { env, encoding: 'utf8' }))
    expect(Array.from({ length: 13 }, next)).toEqual([0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 59, 59, 59])
    const began = Math.floor(Date.now() / 1000)
    await writeFile(join(folder, 'tries'), `12 ${began - 3600}\n`)
    expect(next()).toBe(0)
    expect(await readFile(join(folder, 'tries'), 'utf8')).toMatch(/^0 \d+\n$/)
    await rm(folder, { recursive: true })
  })
})

describe('the environment of a BEAM slot', () => {
  it('contains port, node name, temporary folder and distribution port', () => {
    expect(environment(folders, blue, nodesOf('life', [blue, green], { cluster: false })(blue))).toEqual({
      PORT: '4000',
      LANG: 'C.UTF-8',
      PHX_SERVER: 'true',
      SWITCHYARD_SLOT: 'blue',
      RELEASE_DISTRIBUTION: 'name',
      RELEASE_NODE: 'life_blue@127.0.0.1',
      RELEASE_TMP: '/srv/life/slots/blue/tmp',
      ERL_CRASH_DUMP: '/srv/life/slots/blue/tmp/erl_crash.dump',
      ERL_ZFLAGS: '-start_epmd false -erl_epmd_port 14000 -kernel inet_dist_use_interface {127,0,0,1} -setcookie',
    })
  })
})

describe('the nodes of the slots', () => {
  const nodes = (options: Parameters<typeof nodesOf>[2], slots = [blue, green]) =>
    [blue, green].map(nodesOf('life', slots, options))

  it('have a port each, 10000 above that of the slot, on one address, and know nothing of each other', () => {
    expect(nodes({ cluster: false })).toEqual([
      { name: 'life_blue@127.0.0.1', address: '127.0.0.1', port: 14_000, peers: [] },
      { name: 'life_green@127.0.0.1', address: '127.0.0.1', port: 15_000, peers: [] },
    ])
  })

  it('have one port as a cluster, an address each, and join each other', () => {
    expect(nodes({ cluster: true })).toEqual([
      { name: 'life_blue@127.0.0.1', address: '127.0.0.1', port: 14_000, peers: ['life_green@127.0.0.2'] },
      { name: 'life_green@127.0.0.2', address: '127.0.0.2', port: 14_000, peers: ['life_blue@127.0.0.1'] },
    ])
  })

  it('are the same in any order of the slots', () => {
    expect(nodes({ cluster: true }, [green, blue])).toEqual(nodes({ cluster: true }))
  })

  it('take the port of the first slot by name from the function, as a cluster', () => {
    const distributionPort = (slot: Slot) => (slot.name === 'blue' ? 9000 : 80)
    expect(nodes({ cluster: true, distributionPort }).map(({ port }) => port)).toEqual([9000, 9000])
  })

  it('join each other through flags whose quotes the erl program leaves', () => {
    expect(nodes({ cluster: true }).map(distributionFlags)).toEqual([
      "-start_epmd false -erl_epmd_port 14000 -kernel inet_dist_use_interface {127,0,0,1} -setcookie -kernel sync_nodes_optional [\\'life_green@127.0.0.2\\'] sync_nodes_timeout 500",
      "-start_epmd false -erl_epmd_port 14000 -kernel inet_dist_use_interface {127,0,0,2} -setcookie -kernel sync_nodes_optional [\\'life_blue@127.0.0.1\\'] sync_nodes_timeout 500",
    ])
  })

  it.each([
    ['the port of another slot', false, (slot: Slot) => slot.port + 1000, 'the application in green uses it'],
    ['the port of another slot for a cluster', true, () => 5000, 'the application in green uses it'],
    ['one port for both', false, () => 9000, 'blue uses it'],
    ['no port', false, () => 70_000, 'it is not a whole number from 1024 to 65535'],
    ['a port of root', true, () => 80, 'it is not a whole number from 1024 to 65535'],
  ])('reject %s before anything is contacted', (_, cluster, distributionPort, why) => {
    expect(() => nodes({ cluster, distributionPort })).toThrow(
      expect.objectContaining({
        code: 'DISTRIBUTION_PORT_INVALID',
        exitCode: 2,
        message: expect.stringContaining(why),
      }),
    )
  })
})

describe('the module name', () => {
  it.each([
    ['life', 'Life'],
    ['my_app', 'MyApp'],
    ['shop_v2', 'ShopV2'],
  ])('of %s is %s', (app, module) => {
    expect(moduleName(app)).toBe(module)
  })
})

describe('the scripts of a BEAM runtime', () => {
  const all = {
    assertStartable: assertStartable(folders, release, blue, 'bin/life'),
    makeCookie,
    evaluate: evaluate({
      layout: folders,
      release,
      slot: blue,
      name: 'life',
      expression: 'Life.Release.migrate()',
      limit: 60,
    }),
    rpc: rpc(folders, blue, 'life', 'IO.puts("it\'s $HOME")'),
    remote: { ...sh.read`true`, text: remoteConsole(folders, blue, 'life') },
    ...Object.fromEntries(
      Object.entries({ supervised, unsupervised }).flatMap(([who, it]) => [
        [`${who}.start`, it.start(blue)],
        [`${who}.stop`, it.stop(blue)],
        [`${who}.process`, it.process(blue)],
        [`${who}.log`, it.log(blue)],
      ]),
    ),
  }

  it.each(Object.entries(all))('are valid bash: %s', (_, script) => {
    expect(() => execFileSync('bash', ['-n'], { input: script.text })).not.toThrow()
  })

  it('count as writing only if they change something', () => {
    const writing = Object.entries(all).flatMap(([name, { writes }]) => (writes ? [name] : []))
    expect(writing.sort()).toEqual(
      [
        'evaluate',
        'makeCookie',
        'rpc',
        'supervised.start',
        'supervised.stop',
        'unsupervised.start',
        'unsupervised.stop',
      ].sort(),
    )
  })

  it('evaluate in the folder of the release, with the environment of the slot, without a node name and without its cluster', () => {
    expect(all.evaluate.text).toContain(`
umask 077
set -a
. /srv/life/slots/blue/env
set +a
cd /srv/life/releases/1.0-abc
export RELEASE_DISTRIBUTION=none
export ERL_AFLAGS="-kernel sync_nodes_optional [] \${ERL_AFLAGS-}"
`)
    expect(all.evaluate.text).toContain(
      "\ntimeout -k 10 60 /srv/life/releases/1.0-abc/bin/life eval 'Life.Release.migrate()\n:ok = ",
    )
  })

  it('quote the expression of rpc as one word, do not listen, and join no cluster', () => {
    expect(all.rpc.text).toContain(`bin/life rpc 'IO.puts("it'\\''s $HOME")' </dev/null`)
    expect(all.rpc.text).toContain(`export ERL_ZFLAGS="\${ERL_ZFLAGS-} -dist_listen false"`)
    expect(all.rpc.text).toContain(`export ERL_AFLAGS="-kernel sync_nodes_optional [] \${ERL_AFLAGS-}"`)
  })
})

describe('the systemd supervisor', () => {
  it('requests sudo only to control the units of these slots and read their journal', () => {
    const lines = supervised.provision(facts).sudo.map(words => words.join(' '))
    expect(lines).toEqual(
      ['blue', 'green'].flatMap(slot => [
        ...['start', 'stop', 'enable', 'disable', 'reset-failed'].map(
          verb => `/usr/bin/systemctl ${verb} life@${slot}.service`,
        ),
        ...[
          '--output=json --lines=1000',
          '--all --output=json --output-fields=MESSAGE,_PID,_SYSTEMD_UNIT --reverse',
          '--all --output=json --output-fields=MESSAGE,_PID,_SYSTEMD_UNIT --follow --lines=10000',
        ].map(options => `/usr/bin/journalctl --quiet --no-pager ${options} --unit=life@${slot}.service`),
      ]),
    )
  })

  it.each([
    [
      'running',
      'ActiveState=active\nSubState=running\nMainPID=12\nUptime=  34\n',
      { state: 'running', pid: 12, uptime: 34 },
    ],
    [
      'running during a stop',
      'MainPID=12\nActiveState=deactivating\nSubState=stop-sigterm\n',
      { state: 'running', pid: 12 },
    ],
    ['failed', 'MainPID=0\nActiveState=failed\nSubState=failed\n', { state: 'failed' }],
    ['failed between two restarts', 'MainPID=0\nActiveState=activating\nSubState=auto-restart\n', { state: 'failed' }],
    ['stopped', 'MainPID=0\nActiveState=inactive\nSubState=dead\n', { state: 'stopped' }],
  ])('parses a process that is %s', (_, text, process) => {
    expect(parseProcess(text)).toEqual(process)
  })

  it('reads the journal since the last start', () => {
    const entry = (at: number, pid: number, message: unknown) =>
      JSON.stringify({ __REALTIME_TIMESTAMP: String(at), _PID: String(pid), MESSAGE: message })
    const text = [
      '1000',
      entry(999, 5, 'of the start before'),
      entry(1001, 1, 'Starting life, slot blue...'),
      entry(1002, 6, 'first'),
      entry(1003, 6, [...Buffer.from('sécond\x1b[0m')]),
      entry(1004, 6, null),
      entry(1005, 1, 'life@blue.service: Main process exited, code=exited, status=1/FAILURE'),
      '',
    ].join('\n')
    expect(parseLog(text, 10)).toBe(
      'first\nsécond\x1b[0m\n...\nlife@blue.service: Main process exited, code=exited, status=1/FAILURE',
    )
    expect(parseLog(text, 1)).toMatch(/^life@blue/)
    expect(parseLog('0\n', 5)).toBe('')
  })
})

describe('the daemon supervisor', () => {
  it('refuses `since` for its log, which has no times, and contacts nothing', () => {
    const daemonic = beam({ supervisor: 'daemon' }).create(pluginKit())
    expect(() => daemonic.logs(blue, { since: 0 })).toThrow(
      expect.objectContaining({ code: 'LOG_WITHOUT_TIMES', exitCode: 2 }),
    )
    expect(daemonic.logs(blue, {}).page.script.writes).toBe(false)
  })

  it('requires nothing of root', () => {
    expect(unsupervised.provision(facts)).toMatchObject({ files: [], sudo: [], apply: [] })
  })

  it.each([
    ['running 12      34\n', { state: 'running', pid: 12, uptime: 34 }],
    ['running 12 ', { state: 'running', pid: 12 }],
    ['failed', { state: 'failed' }],
    ['stopped', { state: 'stopped' }],
  ])('parses the process state %j', (text, process) => {
    expect(parseDaemon(text)).toEqual(process)
  })

  it('reads the log without the lines of run_erl', () => {
    const text = '\n=====\n===== LOGGING STARTED Sat Nov 22 21:12:00 UTC\n=====\nfirst\r\nsecond\r\n\n===== ALIVE Sat\n'
    expect(parseDaemonLog(text, 10)).toBe('first\nsecond')
    expect(parseDaemonLog(text, 1)).toBe('second')
  })
})
