import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { sh } from '../../../host/script.ts'
import { routerFaults } from '../../../plugins/router/faults.ts'
import type { Runtime } from '../../../slots/contracts.ts'
import { slotFaults } from '../../../slots/faults.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { layout } from '../../../slots/layout.ts'
import type { Socket } from '../../../slots/lifecycle/sockets.ts'
import { checkTable, type Evidence, evaluateChecks } from '../../../slots/preflight/checks.ts'
import { type HostInspection, inspect, parseInspection } from '../../../slots/preflight/inspect.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { contentsOf } from '../../../slots/upload/contents.ts'

const exec = promisify(execFile)
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })

const ALLOWED = '    (root) NOPASSWD: /usr/sbin/nginx -t'
const DENIED = { sudo: { listing: '', denied: [{ command: 0, stderr: 'sudo: a password is required' }] } }
const socket = (more: Partial<Socket>): Socket => ({
  owner: undefined,
  address: '127.0.0.1',
  port: 4000,
  user: 'deploy',
  unit: undefined,
  pid: undefined,
  name: undefined,
  ...more,
})

const inspection: HostInspection = {
  clock: 1_000_500,
  disk: { free: 1e9, inodes: 100_000, mount: '/srv' },
  mounts: [
    { path: '/srv/life/releases', options: ['rw'], free: 1e9, on: '/srv' },
    { path: '/srv/life', options: ['rw'], free: 1e9, on: '/srv' },
    { path: '/tmp', options: ['rw', 'noexec'], free: 1e9, on: '/tmp' },
  ],
  sockets: [socket({ owner: 0 })],
  answers: [{ status: 200, body: '' }],
  sudo: { listing: ALLOWED, denied: [] },
  environments: [],
  busy: undefined,
  uploaded: false,
  unmeasured: undefined,
}
const evidence: Evidence = {
  host: 'web-1',
  user: 'deploy',
  root: '/srv/life',
  slots,
  sudo: [['/usr/sbin/nginx', '-t']],
  inspection,
  health: { path: '/health' },
  setup: { folders: [], files: [], removed: [], cut: false },
  router: undefined,
  live: { fault: undefined, name: 'blue' },
  environment: undefined,
  clock: { began: 1_000_000, ended: 1_001_000 },
  deploy: 'd1',
}
it('a file of the router that only gains lines still sends the traffic of each slot to its port', () => {
  const gains = file('/etc/s', '--- /etc/s\n+++ /etc/s\n@@ -1 +1,2 @@\n server {\n+set $other 5000;')
  expect(findings({ setup: { folders: [], removed: [], files: [gains], cut: false } })).toMatchObject([
    { name: 'setup', result: 'warn', message: 'changed: /etc/s' },
  ])
})

it('the port of a slot may be held by the server of the runtime, but by no other', () => {
  const sockets = [4000, 5000].map(port => socket({ port, unit: 'nginx.service' }))
  const failed = (server: string | undefined) => findings({ server }, { sockets }).map(({ name }) => name)
  expect(failed('nginx.service')).toEqual([])
  expect(failed('caddy.service')).toEqual(['port 4000', 'port 5000'])
  expect(failed(undefined)).toEqual(['port 4000', 'port 5000'])
})

const findings = (more: Partial<Evidence>, inspected: Partial<HostInspection> = {}) =>
  evaluateChecks({ ...evidence, ...more, inspection: { ...inspection, ...inspected } }).filter(
    check => check.result !== 'ok',
  )

const file = (path: string, diff: string) => ({ file: { path, text: '', mode: 0o644 }, diff })
const sizes = (packed: number, unpacked: number, entries: number) => ({
  load: { space: { packed, unpacked, entries } },
})

describe('the preflight checks', () => {
  it('all pass on a good host', () => {
    expect(findings({})).toEqual([])
  })

  it.each([
    [
      'too little disk space',
      sizes(6.6e6, 20e6, 900),
      { disk: { ...inspection.disk, free: 8e6 } },
      'disk',
      /8\.0 MB free on \/srv, 26\.6 MB needed/,
    ],
    [
      'too few inodes',
      sizes(1, 1, 900),
      { disk: { ...inspection.disk, inodes: 20 } },
      'inodes',
      /20 inodes free on \/srv, 902 needed/,
    ],
    [
      'a foreign process on a port',
      {},
      { sockets: [socket({ address: '0.0.0.0', port: 5000, name: 'nc', pid: 99 })] },
      'port 5000',
      /of green is held by nc, process 99, run by deploy on 0\.0\.0\.0/,
    ],
    [
      'the other slot on a port',
      {},
      { sockets: [socket({ owner: 0, port: 5000, unit: 'life@blue.service' })] },
      'port 5000',
      /of green is held by .* of life@blue\.service/,
    ],
    [
      'a foreign process beside the slot on its port',
      {},
      { sockets: [socket({ owner: 0 }), socket({ name: 'nc', pid: 99 })] },
      'port 4000',
      /of blue is held by nc, process 99/,
    ],
    [
      'an unhealthy live slot',
      {},
      { answers: [{ status: 500, body: 'no database' }] },
      'live slot',
      /^blue is live, but asked for \/health it answered 500: no database$/,
    ],
    [
      'a live slot that does not answer',
      {},
      { answers: [] },
      'live slot',
      /^blue is live, but asked for \/health it gave no answer$/,
    ],
    [
      'a process of another user on a port',
      {},
      { sockets: [socket({ address: '*', port: 5000, user: 'nobody', unit: 'shop@blue.service' })] },
      'port 5000',
      /held by a process that this user cannot see, of shop@blue\.service, run by nobody on \*/,
    ],
    [
      'a router that is down',
      { router: slotFaults.SLOT_EMPTY({ slot: 'x' }) },
      {},
      'router',
      /Nothing was ever deployed to x$/,
    ],
    [
      'a missing unit',
      { setup: { folders: [], removed: [], files: [file('/etc/u', '--- /etc/u\n+++ /etc/u\n@@ -0,0 +1 @@\n+x')] } },
      {},
      'setup',
      /missing.*\/etc\/u/,
    ],
    [
      'a site on the host with another port for a slot',
      {
        setup: {
          removed: [],
          folders: [],
          files: [file('/etc/s', '--- /etc/s\n+++ /etc/s\n@@ -1 +1 @@\n-port 5100;\n+port 5000;')],
        },
      },
      {},
      'setup',
      /\/etc\/s does not send the traffic of green to its port 5000/,
    ],
    [
      'the unit of a process that was removed',
      { setup: { folders: [], files: [], removed: ['/etc/systemd/system/life-worker@.service'] } },
      {},
      'setup',
      /may still run: .*life-worker@/,
    ],
    [
      'an interrupted setup',
      { setup: { folders: [], removed: [], files: [], cut: true } },
      {},
      'setup',
      /was interrupted/,
    ],
    ['a missing folder', { setup: { folders: ['/srv/life'], removed: [], files: [] } }, {}, 'setup', /\/srv\/life/],
    ['a command that sudo refuses', {}, DENIED, 'sudo', /`sudo -n \/usr\/sbin\/nginx -t` is refused to deploy/],
    [
      'a command for which sudo asks for a password',
      {},
      { sudo: { listing: '    (ALL) ALL', denied: [] } },
      'sudo',
      /is refused to deploy/,
    ],
    [
      'a user of the application that setup has yet to create',
      { application: 'life', setup: { folders: [], files: [], removed: [], cut: false, user: 'life' } },
      { application: 'sudo: unknown user life' },
      'setup',
      /^missing, or with another mode: the user life$/,
    ],
    [
      'commands that sudo does not run as the user of the application',
      { application: 'life' },
      { application: 'a password is required' },
      'application',
      /^deploy cannot run its commands as life: a password is required$/,
    ],
    [
      'shared data that the application cannot write',
      {
        application: 'life',
        setup: {
          ...{ folders: [], files: [], removed: [], cut: false },
          foreign: [{ path: '/srv/life/shared/storage', owner: 'deploy' }],
        },
      },
      {},
      'application',
      /^life does not own \/srv\/life\/shared\/storage, which belongs to deploy$/,
    ],
    [
      'a root that is mounted read-only',
      {},
      { mounts: [{ path: '/srv/life', options: ['ro', 'nosuid'], free: 1e9, on: '/srv' }] },
      'mounts',
      /^\/srv is mounted read-only, and \/srv\/life is on it$/,
    ],
    [
      'releases that are mounted noexec',
      {},
      { mounts: [{ path: '/srv/life/releases', options: ['rw', 'noexec'], free: 1e9, on: '/data' }] },
      'mounts',
      /^\/data is mounted noexec: no program of a release can be started/,
    ],
    [
      'a root without space for a record, although the releases have some',
      {},
      { mounts: [{ path: '/srv/life', options: ['rw'], free: 4096, on: '/' }] },
      'mounts',
      /^\/ is full, and \/srv\/life is on it$/,
    ],
  ] as const)('fail for %s', (_, more, inspected, name, message) => {
    const found = findings(more as Partial<Evidence>, inspected as Partial<HostInspection>)
    expect(found).toEqual([expect.objectContaining({ name, result: 'fail', message: expect.stringMatching(message) })])
    expect(found[0]?.hint).toMatch(/\w/)
  })

  it.each([
    [
      'a changed unit',
      { setup: { folders: [], removed: [], files: [file('/etc/u', '@@ -1 +1 @@\n-a\n+b')] } },
      {},
      'setup',
      /changed: \/etc\/u/,
    ],
    ['an application that runs as root', { user: 'root' }, {}, 'account', /runs as root/],
    ['a wrong clock', {}, { clock: 1_000_000 - 90_000 }, 'clock', /90 s from ours/],
    [
      'a slot that listens on all addresses',
      {},
      { sockets: [socket({ owner: 0, address: '0.0.0.0', port: 14000 })] },
      'loopback',
      /blue listens on 0\.0\.0\.0:14000/,
    ],
    ['an open environment file', {}, { environments: ['/srv/life/slots/blue/env'] }, 'environment', /0600/],
    ['a host whose curl is too old for probes', {}, { unmeasured: 'the curl there is older' }, 'measuring', /older/],
    [
      'a release that was changed',
      { changed: ['1.0-abc/lib/x'] },
      {},
      'releases',
      /changed since their upload.*1\.0-abc\/lib\/x$/,
    ],
    [
      'little disk space, with nothing to send',
      {},
      { disk: { ...inspection.disk, free: 1e6 } },
      'disk',
      /1\.0 MB free/,
    ],
  ] as const)('warn of %s', (_, more, inspected, name, message) => {
    const found = findings(more as Partial<Evidence>, inspected as Partial<HostInspection>)
    expect(found).toEqual([expect.objectContaining({ name, result: 'warn', message: expect.stringMatching(message) })])
  })

  it('fail for a folder whose lock names another destination, and first of all', () => {
    const last = { by: 'ann', deploy: 'd0', doing: 'deploy', since: '', destination: 'production' }
    const to = (name: string) => findings({ destination: { name, lock: '/srv/life/lock' } }, { last })
    expect(to('beta')).toEqual([
      {
        name: 'destination',
        result: 'fail',
        message: '/srv/life on web-1 belongs to the destination production, not to beta',
        hint: expect.stringContaining('empty /srv/life/lock on the host'),
      },
    ])
    expect(to('production')).toEqual([])
    expect(findings({}, { last })).toEqual([])
  })

  it('only warn of an unhealthy live slot before a deploy, which may repair it', () => {
    expect(findings(sizes(1, 1, 1), { answers: [{ status: 500, body: '' }] })).toEqual([
      expect.objectContaining({ name: 'live slot', result: 'warn' }),
    ])
  })

  it('never suggest ending a process, which may be the live slot of another application', () => {
    const [check] = findings({}, { sockets: [socket({ owner: 0 }), socket({ name: 'nc', pid: 99 })] })
    expect(check?.hint).toMatch(/give the slot a port of its own/)
    expect(check?.hint).not.toMatch(/\b(?:end|kill|stop) (?:it|that|the process)/i)
  })

  it('suggest the exact sudoers line', () => {
    const [check] = findings({ sudo: [['/usr/bin/journalctl', '--unit=life@blue.service']] }, DENIED)
    expect(check?.hint).toContain('deploy ALL=(root) NOPASSWD: /usr/bin/journalctl --unit\\=life@blue.service')
  })

  it('only warn of a port while another run holds the lock', () => {
    const busy = { by: 'ann@desk', since: 'noon', doing: 'deploy', deploy: 'd2' }
    const sockets = [socket({ port: 5000, name: 'beam.smp', pid: 99 })]
    expect(findings({}, { busy, sockets }).map(({ name, result }) => [name, result])).toEqual([
      ['port 5000', 'warn'],
      ['lock', 'warn'],
    ])
    expect(findings({ deploy: 'd2' }, { busy })).toEqual([])
  })

  it('report a router that is down before its consequences', () => {
    const live = { fault: slotFaults.LIVE_UNKNOWN({ readings: [] }), name: undefined }
    const names = findings({ router: slotFaults.SLOT_EMPTY({ slot: 'x' }), live }).map(({ name }) => name)
    expect(names).toEqual(['router', 'live slot'])
  })

  it('report a refusal of sudo before its consequences for the router', () => {
    const refusal = { user: 'deploy', command: '/usr/sbin/nginx -t', others: 0, stderr: '', hint: 'x' }
    const router = routerFaults.NGINX_SUDO_REFUSED({ host: 'web-1', refusal })
    expect(findings({ router }, DENIED).map(({ name }) => name)).toEqual(['sudo', 'router'])
  })

  it('require no disk space for a release that is already on the host', () => {
    expect(findings(sizes(1e12, 1e12, 1e9), { uploaded: true })).toEqual([])
  })

  it('are printed as a table with hints', () => {
    const lines = checkTable(evaluateChecks({ ...evidence, inspection: { ...inspection, ...DENIED } })).split('\n')
    expect(lines).toContain('ok    live slot    blue')
    expect(lines.find(line => line.startsWith('fail'))).toMatch(
      /^fail {2}sudo .*refused to deploy\. Run `npx task setup`/,
    )
  })
})

describe('the inspection of a host', () => {
  it('runs on this machine and is parsed', async () => {
    const root = await mkdtemp(join(tmpdir(), 'switchyard-look-'))
    const at = layout(root)
    await mkdir(at.releases)
    const runtime = { pid: () => sh.read`echo` } as unknown as Runtime
    const script = inspect({ layout: at, slots, runtime, health: healthOf() }, [['/usr/sbin/nginx', '-t']])
    const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${script.text}`])
    const parsed = parseInspection(stdout)
    expect(Math.abs(parsed.clock - Date.now())).toBeLessThan(60_000)
    expect(parsed.disk.free).toBeGreaterThan(0)
    expect(parsed.disk.mount).toMatch(/^\//)
    expect(parsed.answers.map(({ status }) => status)).toEqual([0, 0])
    expect(parsed.mounts.map(({ path }) => path)).toEqual([at.releases, root, '/tmp'])
    expect(parsed.mounts.every(({ free, on, options }) => free > 0 && /^\//.test(on) && options.includes('rw'))).toBe(
      true,
    )
    expect([parsed.busy, parsed.uploaded, parsed.environments]).toEqual([undefined, false, []])
  })
})

describe('the disk usage of an artifact', () => {
  it('is the size of its unpacked content in blocks', async () => {
    const root = await mkdtemp(join(tmpdir(), 'switchyard-room-'))
    const long = join('a'.repeat(90), 'b'.repeat(90))
    await mkdir(join(root, 'in', long), { recursive: true })
    await writeFile(join(root, 'in', long, 'file'), 'x'.repeat(10_000))
    await writeFile(join(root, 'in', 'empty'), '')
    const path = join(root, 'a.tar.gz')
    await exec('tar', ['-czf', path, '-C', join(root, 'in'), '.'])
    expect(await contentsOf({ path }).diskUsage()).toEqual({
      entries: 4,
      unpacked: 12_288 + 3 * 4096,
      packed: (await stat(path)).size,
    })
  })

  it('is unknown for a file that is not a tarball', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'switchyard-room-')), 'a.tar.gz')
    await writeFile(path, 'plain text')
    expect(await contentsOf({ path }).diskUsage()).toBeUndefined()
  })
})
