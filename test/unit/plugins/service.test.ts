import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { execStart, migrateScript, programIn } from '../../../plugins/runtime/service/command.ts'
import { type ServiceOptions, service } from '../../../plugins/runtime/service/service.ts'
import type { Release, Slot } from '../../../slots/contracts.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const green: Slot = { name: 'green', port: 5000, env: {} }
const release: Release = { name: '1.0-abc', version: '1.0', sha256: '', dir: '/srv/life/releases/1.0-abc' }
const facts = { user: 'deploy', group: 'www' }
const runtimeOf = (options: Partial<ServiceOptions> = {}) =>
  service({ start: 'bin/server', ...options }).create(pluginKit())
const unitOf = (options: Partial<ServiceOptions> = {}) => runtimeOf(options).provision(facts).files[0]?.text ?? ''

describe('the unit of a service', () => {
  it('is one template for all slots that runs as the deploying user in the release of the slot', () => {
    expect(runtimeOf().provision(facts).files).toMatchObject([{ path: '/etc/systemd/system/life@.service' }])
    const text = unitOf()
    for (const line of [
      'User=deploy',
      'Group=www',
      'WorkingDirectory=/srv/life/slots/%i/current',
      'EnvironmentFile=/srv/life/slots/%i/env',
      'ExecStart=/bin/bash -uc "exec bin/server"',
      'KillMode=mixed',
      'KillSignal=SIGTERM',
      'TimeoutStopSec=60',
      'Restart=always',
    ])
      expect(text).toContain(`\n${line}\n`)
    expect(text).not.toMatch(/blue|green|MemoryMax|CPUQuota/)
  })

  it('denies the application new privileges, writes to releases, and the temporary files of others', () => {
    const text = unitOf()
    for (const line of ['NoNewPrivileges=yes', 'ReadOnlyPaths=/srv/life/releases', 'PrivateTmp=yes'])
      expect(text).toContain(`\n${line}\n`)
  })

  it('applies the options for stops and limits', () => {
    const limits = { memoryMax: '512M', cpuMax: 0.29, filesMax: 4096 } as const
    const text = unitOf({ stopSignal: 'SIGQUIT', stopLimit: 5, killMode: 'control-group', ...limits })
    const stop = ['KillMode=control-group', 'KillSignal=SIGQUIT', 'TimeoutStopSec=5']
    for (const line of [...stop, 'MemoryMax=512M', 'CPUQuota=29%', 'LimitNOFILE=4096'])
      expect(text).toContain(`\n${line}\n`)
  })
})

describe('the start command of a service', () => {
  it.each([
    ['a line whose variables bash expands', 'app --port $PORT', '/bin/bash -uc "exec app --port $$PORT"'],
    ['a list that stays unchanged', ['app', '$PORT', "it's 5%"], `/bin/bash -uc "exec app '$$PORT' 'it'\\\\''s 5%%'"`],
    ['quotes and escapes', `app -c "a\\tb"\n`, '/bin/bash -uc "exec app -c \\"a\\\\tb\\"\\n"'],
  ])('is escaped for systemd: %s', (_, command, line) => {
    expect(execStart(command)).toBe(line)
  })

  it.each([
    ['bin/server --port $PORT', 'bin/server'],
    ['./server', 'server'],
    [['venv/bin/gunicorn', 'app:app'], 'venv/bin/gunicorn'],
    ['gunicorn app/wsgi', undefined],
    ['/usr/bin/gunicorn app', undefined],
    ['$HOME/bin/server', undefined],
    ['env A=1 bin/server', undefined],
  ])('%j has the program %s in the release', (command, program) => {
    expect(programIn(command)).toBe(program)
  })

  it('is rejected with a hint when the release lacks its program', async () => {
    const { read } = runtimeOf().start(release, green)
    const host = { name: 'web-1', query: async () => '' } as never
    expect(await faultOf(Promise.resolve(read({ code: 51, stdout: 'bin/server\n', stderr: '' }, host)))).toMatchObject({
      code: 'RELEASE_WITHOUT_SCRIPT',
      message: 'The release 1.0-abc has no program bin/server.',
      hint: 'Compare the files in the artifact with the commands in `service({ start, processes })`.',
    })
  })
})

describe('a service', () => {
  it('is stopped with a single SIGTERM, because a second one makes some programs drop requests', () => {
    expect(runtimeOf().stop(green).script.text).not.toContain('kill -TERM')
  })

  it('has migrations and a console only if the options have commands for them, and no rpc', () => {
    expect(Object.keys(runtimeOf())).not.toEqual(expect.arrayContaining(['migrate']))
    const { migrate, console, rpc } = runtimeOf({ migrate: 'bin/migrate', console: 'bin/shell' })
    expect([typeof migrate, typeof console, typeof rpc]).toEqual(['function', 'function', 'undefined'])
    expect(runtimeOf().migrate).toBeUndefined()
    expect(runtimeOf().console).toBeUndefined()
  })

  it('sets port, name and temporary folder of the slot in its environment', () => {
    expect(runtimeOf().environment(green)).toEqual({
      PORT: '5000',
      LANG: 'C.UTF-8',
      SWITCHYARD_SLOT: 'green',
      TMPDIR: '/srv/life/slots/green/tmp',
    })
  })

  it('has scripts that are valid bash', () => {
    const { migrate, console, start } = runtimeOf({ migrate: "echo 'it\"s' # all", console: ['a b', '$c'] })
    const scripts = [start(release, green).script, migrate?.(release, green).script, { text: console?.(green) }]
    for (const script of scripts)
      expect(() => execFileSync('bash', ['-n'], { input: script?.text ?? 'missing (' })).not.toThrow()
    expect(migrateScript('migrate # all').text).toContain('migrate # all\necho done')
  })
})
