/** The further processes of a service: their units, their sudo rules, their scripts and their errors. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import type { Asked } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import { begun, failedOthers } from '../../../plugins/runtime/other-units.ts'
import { type ServiceOptions, service } from '../../../plugins/runtime/service/service.ts'
import { parseLog, parseProcess } from '../../../plugins/runtime/systemd.ts'
import type { Release, Slot } from '../../../slots/contracts.ts'
import { badness } from '../../../slots/journal/bad.ts'
import type { JournalEntry } from '../../../slots/model.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const green: Slot = { name: 'green', port: 5000, env: {} }
const release: Release = { name: '1.0-abc', version: '1.0', sha256: '', dir: '/srv/life/releases/1.0-abc' }
const facts = { user: 'deploy', group: 'www' }
const PROCESSES = {
  worker: 'bin/worker --queue jobs',
  scheduler: { start: 'bin/scheduler', when: 'live', stopSignal: 'SIGINT', stopLimit: 5, memoryMax: '64M' },
} as const
const runtimeOf = (options: Partial<ServiceOptions> = {}, log: string[] = []) =>
  service({ start: 'bin/server', processes: PROCESSES, ...options }).create(pluginKit({ log: line => log.push(line) }))
const provision = (options?: Partial<ServiceOptions>) => runtimeOf(options).provision(facts)
const unitOf = (name: string) => provision().files.find(({ path }) => path.endsWith(`/${name}@.service`))?.text ?? ''
const host: Asked = { name: 'web-1', query: async () => '' as never }
const read = (query: { read(output: never, host: Asked): unknown }, code: number, stdout: string, stderr = '') =>
  Promise.resolve().then(() => query.read({ code, stdout, stderr } as never, host))

describe('the processes of a service', () => {
  it('are one template unit each, with the folder, the environment and the restrictions of the application', () => {
    expect(provision().files.map(({ path }) => path)).toEqual([
      '/etc/systemd/system/life@.service',
      '/etc/systemd/system/life-worker@.service',
      '/etc/systemd/system/life-scheduler@.service',
    ])
    for (const text of [unitOf('life-worker'), unitOf('life-scheduler')])
      for (const line of [
        'User=deploy',
        'WorkingDirectory=/srv/life/slots/%i/current',
        'EnvironmentFile=/srv/life/slots/%i/env',
        'Restart=always',
        'NoNewPrivileges=yes',
        'ReadOnlyPaths=/srv/life/releases',
        'PrivateTmp=yes',
      ])
        expect(text).toContain(`\n${line}\n`)
    expect(unitOf('life-worker')).toContain('\nExecStart=/bin/bash -uc "exec bin/worker --queue jobs"\n')
    expect(unitOf('life-worker')).toContain('\nRuntimeDirectory=switchyard-life-worker-%i\n')
  })

  it('have their own stop signal and limits', () => {
    for (const line of ['KillSignal=SIGINT', 'TimeoutStopSec=5', 'MemoryMax=64M'])
      expect(unitOf('life-scheduler')).toContain(`\n${line}\n`)
    for (const line of ['KillSignal=SIGTERM', 'TimeoutStopSec=60', 'KillMode=mixed'])
      expect(unitOf('life-worker')).toContain(`\n${line}\n`)
    expect(unitOf('life-worker')).not.toContain('MemoryMax')
  })

  it('have a condition exactly if they run only in the live slot', () => {
    expect(unitOf('life-scheduler')).toContain('\nConditionPathExists=/srv/life/live/%i\n')
    expect(unitOf('life-worker')).not.toContain('Condition')
    expect(unitOf('life')).not.toContain('Condition')
    expect(provision().folders).toEqual([{ path: '/srv/life/live', mode: 0o755 }])
    expect(provision({ processes: { worker: 'bin/worker' } }).folders).toEqual([])
  })

  it('add their exact command lines to what sudo allows', () => {
    const lines = provision().sudo.map(words => words.join(' '))
    for (const verb of ['start', 'stop', 'enable', 'disable', 'reset-failed'])
      for (const unit of ['life@blue', 'life-worker@blue', 'life-scheduler@green'])
        expect(lines).toContain(`/usr/bin/systemctl ${verb} ${unit}.service`)
    const readers = lines.filter(line => line.includes('journalctl') && line.includes('@green'))
    expect(readers).toHaveLength(3)
    for (const line of readers)
      expect(line).toMatch(
        /--unit=life@green.service --unit=life-worker@green.service --unit=life-scheduler@green.service$/,
      )
  })

  it('change nothing for a service without any, which has no queries for them', () => {
    const runtime = runtimeOf({ processes: {} })
    expect(runtime.provision(facts).files).toHaveLength(1)
    expect(runtime.provision(facts).sudo).toHaveLength(16)
    for (const method of ['complete', 'promoted', 'demoted'] as const) expect(runtime[method]).toBeUndefined()
    expect(runtimeOf().demotes).toBeUndefined()
    expect(runtimeOf({ demote: 'before' }).demotes).toBe('before')
  })

  it.each([
    ['a name with a dash', { 'a-b': 'bin/worker' }],
    ['the name of the main process', { web: 'bin/worker' }],
    ['a process without a command', { worker: { when: 'live' } }],
    ['an unknown moment', { worker: { start: 'bin/worker', when: 'never' } }],
    ['an unknown option', { worker: { start: 'bin/worker', wen: 'live' } }],
    ['an empty command', { worker: '' }],
  ])('are rejected with %s', (_, processes) => {
    expect(() => service({ start: 'bin/server', processes: processes as never })).toThrow(
      /^`processes\b.* service\(\) (?:cannot be|has no)|processes.worker/,
    )
  })

  it('name the program that a release lacks', async () => {
    const fault = await faultOf(read(runtimeOf().start(release, green), 51, 'bin/worker\n'))
    expect(fault).toMatchObject({ code: 'RELEASE_WITHOUT_SCRIPT' })
    expect(fault.message).toBe('The release 1.0-abc has no program bin/worker.')
  })
})

describe('a process with a schedule', () => {
  const report = { start: 'bin/report', schedule: '*-*-* 03:00' } as const
  const scheduled = (options: object = {}) => runtimeOf({ processes: { report: { ...report, ...options } } })
  const textOf = (kind: string, options?: object) =>
    scheduled(options)
      .provision(facts)
      .files.find(({ path }) => path === `/etc/systemd/system/life-report@.${kind}`)?.text ?? expect.fail(kind)

  it('has a timer, and a unit that only the timer starts and nothing restarts', () => {
    expect(textOf('timer')).toBe(`# Generated by \`task setup\`, which overwrites any changes.
[Unit]
Description=life report, slot %i
ConditionPathExists=/srv/life/slots/%i/current
ConditionPathExists=/srv/life/live/%i

[Timer]
OnCalendar=*-*-* 03:00
AccuracySec=1s

[Install]
WantedBy=multi-user.target
`)
    const unit = textOf('service')
    expect(unit).toContain('\nExecStart=/bin/bash -uc "exec bin/report"\n')
    expect(unit).not.toMatch(/Restart|ExecStartPre|Install|WantedBy/)
    expect(unit).toContain('\nConditionPathExists=/srv/life/live/%i\n')
  })

  it('runs only in the live slot, unless the Taskfile says otherwise', () => {
    expect(textOf('timer', { when: 'always' }) + textOf('service', { when: 'always' })).not.toContain('/live/')
  })

  it('is started, enabled and waited for by its timer, and stopped after it', () => {
    const { start, stop, promoted } = scheduled()
    expect(start(release, green).script.text).toMatch(/systemctl enable life-report@green\.timer/)
    expect(start(release, green).script.text).not.toMatch(/systemctl (?:start|enable) life-report@green\.service/)
    expect(promoted?.(green).script.text).toContain('units=(life-report@green.timer)')
    expect(stop(green).script.text).toContain(
      'units=(life@green.service life-report@green.timer life-report@green.service)',
    )
  })

  it('may be controlled with sudo, and has its log, which the timer has not', () => {
    const lines = scheduled()
      .provision(facts)
      .sudo.map(words => words.join(' '))
    for (const verb of ['start', 'stop', 'enable', 'disable', 'reset-failed'])
      expect(lines).toContain(`/usr/bin/systemctl ${verb} life-report@green.timer`)
    const readers = lines.filter(line => line.includes('journalctl'))
    expect(readers[0]).toContain('--unit=life-report@blue.service')
    expect(readers.join()).not.toContain('timer')
  })

  it('waits for its time, or works; a timer that was stopped is reported', () => {
    expect(failedOthers('Process=report waiting\nProcess=other running\n')).toEqual([])
    expect(failedOthers('Process=report dead\n')).toEqual(['report'])
  })

  it('makes a slot that has nothing else one that runs', () => {
    expect(parseProcess('ActiveState=active\nSubState=waiting\nMainPID=\n')).toEqual({ state: 'running' })
  })

  it.each(['', 'daily\nUnit=x', 'every %i', 'daily; x', 5])('rejects %j', schedule => {
    expect(() => service({ start: 'bin/server', processes: { report: { ...report, schedule } } as never })).toThrow(
      /schedule/,
    )
  })

  it('is stopped by setup when the Taskfile no longer has it', () => {
    const { folder, name } = runtimeOf({ processes: {} }).provision(facts).obsolete ?? expect.fail('none')
    expect(folder).toBe('/etc/systemd/system')
    for (const unit of ['life-report@.timer', 'life-report@.service']) expect(unit).toMatch(name)
    expect(textOf('timer')).toContain('=/srv/life/slots/')
  })
})

describe('the state of a slot', () => {
  const web = 'MainPID=7\nActiveState=active\nSubState=running\nUptime=90\n'
  it.each([
    ['all run', 'Process=worker running\nProcess=scheduler running\n', undefined],
    ['one waits for its next restart', 'Process=worker auto-restart\nProcess=scheduler running\n', ['worker']],
    ['one was stopped by hand', 'Process=worker dead\n', ['worker']],
    ['several failed', 'Process=worker failed\nProcess=scheduler start-pre\n', ['worker', 'scheduler']],
  ])('reports its processes if %s', (_, states, failed) => {
    expect(failedOthers(states)).toEqual(failed ?? [])
    expect(parseProcess(web + states)).toEqual({ state: 'running', pid: 7, uptime: 90, ...(failed && { failed }) })
  })

  it('is found in a log whose lines begin with the name of their process', () => {
    const entry = (unit: string, message: string) =>
      JSON.stringify({ __REALTIME_TIMESTAMP: '5', _PID: '9', _SYSTEMD_UNIT: unit, MESSAGE: message })
    const text = ['0', entry('life@blue.service', 'ready'), entry('life-worker@blue.service', 'job 1')].join('\n')
    expect(parseLog(text, 5)).toBe('ready\nworker: job 1')
  })
})

describe('an error about a process of a slot', () => {
  it('has the end of the log of that process, and makes the release bad', async () => {
    const log = 'GET /\nworker: connecting\nscheduler: tick\nlife-worker@green.service: Failed with result exit-code.'
    const asked: Asked = { name: 'web-1', query: async () => log as never }
    const { complete } = runtimeOf()
    const fault = await faultOf(
      Promise.resolve(complete?.(green).read({ code: 44, stdout: 'worker\n', stderr: '' }, asked)),
    )
    expect(fault).toMatchObject({ code: 'PROCESS_FAILED', exitCode: 1 })
    expect(fault.message).toBe('The process worker of green is not running.')
    expect(fault.detail).toBe('worker: connecting\nlife-worker@green.service: Failed with result exit-code.')
    for (const event of ['deploy', 'check', 'promote'] as const) {
      const entry = { event, result: 'failed', release: '1.0-abc', why: fault.code } as JournalEntry
      expect(badness([entry], '1.0-abc'), event).toBe(entry)
    }
  })

  it('names the last process that was started, and why systemd did not start it', async () => {
    const { promoted } = runtimeOf()
    const failed = promoted?.(green) ?? expect.fail('a live process needs `promoted`')
    const fault = await faultOf(read(failed, 1, 'scheduler\n', 'Job for life-scheduler@green.service failed.'))
    expect(fault).toMatchObject({ code: 'PROCESS_FAILED', detail: 'Job for life-scheduler@green.service failed.' })
    expect(fault.message).toContain('scheduler of green')
  })

  it('says which processes were killed, with the limit and signal of each', async () => {
    const log: string[] = []
    const { stop, demoted } = runtimeOf({ stopLimit: 30 }, log)
    expect(await read(stop(green), 0, 'running yes web scheduler')).toEqual({ was: 'running', killed: true })
    expect(await read(stop(green), 0, 'running no')).toEqual({ was: 'running', killed: false })
    await read(demoted?.(green, undefined) ?? expect.fail('missing'), 0, 'stopped no')
    expect(log).toEqual([
      'green was killed: it did not exit within 30 s after SIGTERM.',
      'scheduler of green was killed: it did not exit within 5 s after SIGINT.',
    ])
  })

  it('says that a process could not be stopped', async () => {
    const { demoted } = runtimeOf()
    const stuck = read(demoted?.(green, green) ?? expect.fail('missing'), 43, '', 'no')
    expect(await faultOf(stuck)).toMatchObject({ code: 'PROCESS_STUCK', exitCode: 1 })
  })
})

const begunOf = (process: string) => begun(sh.read`${`life${process}@green.service`}`).text

interface Seen {
  readonly result: string
  /** When its process began, before this start and after it. */
  readonly times?: readonly [before: number, after: number]
  readonly status?: number
}

/** What a script with the start does, whose systemctl fails and has seen this. */
function startWith({ result, times = [5_000, 6_000], status = 1 }: Seen): 'goes on' | 'fails' {
  const stub = `sudo() { "\${@:2}"; }
started=
function /usr/bin/systemctl { started=yes; return 1; }
systemctl() {
  case "$2" in
    *=Result) echo ${result} ;;
    # Later than all that the process does: the unit waits for its next start.
    *=InactiveExitTimestampMonotonic) echo 9000 ;;
    *=ExecMainStartTimestampMonotonic) if [ -n "$started" ]; then echo ${times[1]}; else echo ${times[0]}; fi ;;
    *=ExecMainStatus) echo ${status} ;;
  esac
}`
  const { text } = begun(sh.read`life@blue.service`)
  const ended = spawnSync('bash', ['-eu', '-o', 'pipefail', '-c', `${stub}\n${text}\necho on`], { encoding: 'utf8' })
  expect([0, 1]).toContain(ended.status)
  expect(ended.stdout).toBe(ended.status === 0 ? 'on\n' : '')
  return ended.status === 0 ? 'goes on' : 'fails'
}

describe('a start by us', () => {
  it('removes what each unit counts its attempts with, in the folder that systemd makes for it', () => {
    const units = provision().files.map(({ text }) => /^RuntimeDirectory=(.*)$/m.exec(text)?.[1] ?? '')
    const counters = units.map(folder => `rm -f -- /run/${folder.replace('%i', 'green')}/tries`)
    const starting = runtimeOf().start(release, green).script.text
    expect(counters).toHaveLength(3)
    for (const [i, counter] of counters.entries())
      expect(starting.indexOf(counter)).toBeLessThan(starting.indexOf(begunOf(['', '-worker', '-scheduler'][i] ?? '')))
    for (const counter of counters) expect(starting).toContain(counter)
  })
})

describe('the start of a process whose end systemd has seen before its beginning', () => {
  it.each(['exit-code', 'signal', 'core-dump'])('with %s goes on: its output is shown later', result => {
    expect(startWith({ result })).toBe('goes on')
  })

  it.each(['success', 'resources', 'start-limit-hit', 'timeout'])('fails with %s', result => {
    expect(startWith({ result })).toBe('fails')
  })

  it('fails if what comes before the process failed, although an earlier one has ended', () => {
    expect(startWith({ result: 'exit-code', times: [4_000, 4_000] })).toBe('fails')
    expect(startWith({ result: 'exit-code', times: [0, 0], status: 0 })).toBe('fails')
  })

  it('fails if systemd could not execute the command', () => {
    expect(startWith({ result: 'exit-code', status: 203 })).toBe('fails')
  })

  it('is that of each process of a slot', () => {
    const starting = runtimeOf().start(release, green).script.text
    for (const name of ['life@green.service', 'life-worker@green.service', 'life-scheduler@green.service'])
      expect(starting).toContain(begun(sh.read`${name}`).text)
  })
})
