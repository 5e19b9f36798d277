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
  it('is one template for all slots, run by the deploying user in the release that the slot names', () => {
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
    expect(text).not.toMatch(/blue|green|MemoryMax/)
  })

  it('keeps the application from new privileges, from the releases, and from the temporary files of others', () => {
    const text = unitOf()
    for (const line of ['NoNewPrivileges=yes', 'ReadOnlyPaths=/srv/life/releases', 'PrivateTmp=yes'])
      expect(text).toContain(`\n${line}\n`)
  })

  it('ends the application and limits its memory as the options say', () => {
    const text = unitOf({ stopSignal: 'SIGQUIT', stopLimit: 5, killMode: 'control-group', memoryMax: '512M' })
    for (const line of ['KillMode=control-group', 'KillSignal=SIGQUIT', 'TimeoutStopSec=5', 'MemoryMax=512M'])
      expect(text).toContain(`\n${line}\n`)
  })
})

describe('the start of a service', () => {
  it.each([
    ['a line, whose variables bash expands', 'app --port $PORT', '/bin/bash -uc "exec app --port $$PORT"'],
    [
      'words, which stay as they are',
      ['app', '$PORT', "it's 5%"],
      `/bin/bash -uc "exec app '$$PORT' 'it'\\\\''s 5%%'"`,
    ],
    ['quotes and escapes', `app -c "a\\tb"\n`, '/bin/bash -uc "exec app -c \\"a\\\\tb\\"\\n"'],
  ])('is written for systemd: %s', (_, command, line) => {
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
  ])('of %j looks for the program %s in the release', (command, program) => {
    expect(programIn(command)).toBe(program)
  })

  it('is refused, with what to do, for a release without its program', async () => {
    const { read } = runtimeOf().start(release, green)
    const host = { name: 'web-1', query: async () => '' } as never
    expect(await faultOf(Promise.resolve(read({ code: 51, stdout: '', stderr: '' }, host)))).toMatchObject({
      code: 'RELEASE_WITHOUT_SCRIPT',
      message: 'The release 1.0-abc has no program bin/server.',
      hint: 'Compare the files in the artifact with the program that `service({ start })` names.',
    })
  })

  it('does not insist: a second SIGTERM makes some programs drop their requests', () => {
    expect(runtimeOf().stop(green).script.text).not.toContain('kill -TERM')
  })
})

describe('a service', () => {
  it('has migrations and a console only where the options have a command for them, and no rpc', () => {
    expect(Object.keys(runtimeOf())).not.toEqual(expect.arrayContaining(['migrate']))
    const { migrate, console, rpc } = runtimeOf({ migrate: 'bin/migrate', console: 'bin/shell' })
    expect([typeof migrate, typeof console, typeof rpc]).toEqual(['function', 'function', 'undefined'])
    expect(runtimeOf().migrate).toBeUndefined()
    expect(runtimeOf().console).toBeUndefined()
  })

  it('gives a slot its port, its name and its temporary folder', () => {
    expect(runtimeOf().environment(green)).toEqual({
      PORT: '5000',
      LANG: 'C.UTF-8',
      SWITCHYARD_SLOT: 'green',
      TMPDIR: '/srv/life/slots/green/tmp',
    })
  })

  it('is put in order by scripts that are bash', () => {
    const { migrate, console, start } = runtimeOf({ migrate: "echo 'it\"s' # all", console: ['a b', '$c'] })
    const scripts = [start(release, green).script, migrate?.(release, green).script, { text: console?.(green) }]
    for (const script of scripts)
      expect(() => execFileSync('bash', ['-n'], { input: script?.text ?? 'missing (' })).not.toThrow()
    expect(migrateScript('migrate # all').text).toContain('migrate # all\necho done')
  })
})
