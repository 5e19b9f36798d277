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
import { healthOf } from '../../../slots/health/health.ts'
import { layout } from '../../../slots/layout.ts'
import type { Socket } from '../../../slots/lifecycle/sockets.ts'
import { checkTable, type Evidence, evaluateChecks } from '../../../slots/preflight/checks.ts'
import { type HostInspection, inspect, parseInspection } from '../../../slots/preflight/inspect.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { contentsOf } from '../../../slots/upload/contents.ts'

const exec = promisify(execFile)
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })

const ALLOWED = '    (root) NOPASSWD: /usr/sbin/nginx -t'
const DENIED = { sudo: { listing: '', denied: [{ command: 0, said: 'sudo: a password is required' }] } }
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

const seen: HostInspection = {
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
  there: false,
  unmeasured: undefined,
}
const evidence: Evidence = {
  host: 'web-1',
  user: 'deploy',
  root: '/srv/life',
  slots,
  sudo: [['/usr/sbin/nginx', '-t']],
  seen,
  health: { path: '/health' },
  setup: { folders: [], files: [], cut: false },
  router: undefined,
  live: { fault: undefined, name: 'blue' },
  environment: undefined,
  clock: { began: 1_000_000, ended: 1_001_000 },
  deploy: 'd1',
}
const findings = (more: Partial<Evidence>, what: Partial<HostInspection> = {}) =>
  evaluateChecks({ ...evidence, ...more, seen: { ...seen, ...what } }).filter(check => check.result !== 'ok')

const file = (path: string, diff: string) => ({ file: { path, text: '', mode: 0o644 }, diff })
const room = (packed: number, unpacked: number, entries: number) => ({ load: { room: { packed, unpacked, entries } } })

describe('the judgement of a host', () => {
  it('is good all over when all is good', () => {
    expect(findings({})).toEqual([])
  })

  it.each([
    [
      'too little room',
      room(6.6e6, 20e6, 900),
      { disk: { ...seen.disk, free: 8e6 } },
      'disk',
      /8\.0 MB free on \/srv, 26\.6 MB needed/,
    ],
    [
      'too few inodes',
      room(1, 1, 900),
      { disk: { ...seen.disk, inodes: 20 } },
      'inodes',
      /20 inodes free on \/srv, 902 needed/,
    ],
    [
      'a stranger on a port',
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
      'a stranger beside the slot on its port',
      {},
      { sockets: [socket({ owner: 0 }), socket({ name: 'nc', pid: 99 })] },
      'port 4000',
      /of blue is held by nc, process 99/,
    ],
    [
      'a live slot that answers something else',
      {},
      { answers: [{ status: 500, body: 'no database' }] },
      'live slot',
      /^blue is live, but asked for \/health it answered 500: no database$/,
    ],
    [
      'a live slot that gives no answer',
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
      /held by a process that we may not see, of shop@blue\.service, run by nobody on \*/,
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
      { setup: { folders: [], files: [file('/etc/u', '--- /etc/u\n+++ /etc/u\n@@ -0,0 +1 @@\n+x')] } },
      {},
      'setup',
      /missing.*\/etc\/u/,
    ],
    [
      'a slot whose port the site on the host does not name',
      {
        setup: {
          folders: [],
          files: [file('/etc/s', '--- /etc/s\n+++ /etc/s\n@@ -1 +1 @@\n-port 5100;\n+port 5000;')],
        },
      },
      {},
      'setup',
      /\/etc\/s does not send the traffic of green to its port 5000/,
    ],
    ['a setup that was cut', { setup: { folders: [], files: [], cut: true } }, {}, 'setup', /was cut before its end/],
    ['a missing folder', { setup: { folders: ['/srv/life'], files: [] } }, {}, 'setup', /\/srv\/life/],
    ['a command that sudo refuses', {}, DENIED, 'sudo', /`sudo -n \/usr\/sbin\/nginx -t` is refused to deploy/],
    [
      'a command for which sudo asks for a password',
      {},
      { sudo: { listing: '    (ALL) ALL', denied: [] } },
      'sudo',
      /is refused to deploy/,
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
      'a root without room for a record, although the releases have some',
      {},
      { mounts: [{ path: '/srv/life', options: ['rw'], free: 4096, on: '/' }] },
      'mounts',
      /^\/ is full, and \/srv\/life is on it$/,
    ],
  ] as const)('fails for %s', (_, more, what, name, said) => {
    const found = findings(more as Partial<Evidence>, what as Partial<HostInspection>)
    expect(found).toEqual([expect.objectContaining({ name, result: 'fail', message: expect.stringMatching(said) })])
    expect(found[0]?.hint).toMatch(/\w/)
  })

  it.each([
    [
      'a changed unit',
      { setup: { folders: [], files: [file('/etc/u', '@@ -1 +1 @@\n-a\n+b')] } },
      {},
      'setup',
      /changed: \/etc\/u/,
    ],
    ['an application that runs as root', { user: 'root' }, {}, 'account', /runs as root/],
    ['a clock that is off', {}, { clock: 1_000_000 - 90_000 }, 'clock', /90 s from ours/],
    [
      'a slot that listens to the world',
      {},
      { sockets: [socket({ owner: 0, address: '0.0.0.0', port: 14000 })] },
      'loopback',
      /blue listens on 0\.0\.0\.0:14000/,
    ],
    ['an open environment file', {}, { environments: ['/srv/life/slots/blue/env'] }, 'environment', /0600/],
    ['a host that cannot measure', {}, { unmeasured: 'the curl there is older' }, 'measuring', /older/],
    [
      'a release that was changed',
      { changed: ['1.0-abc/lib/x'] },
      {},
      'releases',
      /not as they were.*1\.0-abc\/lib\/x$/,
    ],
    ['little room, with nothing to send', {}, { disk: { ...seen.disk, free: 1e6 } }, 'disk', /1\.0 MB free/],
  ] as const)('warns of %s', (_, more, what, name, said) => {
    const found = findings(more as Partial<Evidence>, what as Partial<HostInspection>)
    expect(found).toEqual([expect.objectContaining({ name, result: 'warn', message: expect.stringMatching(said) })])
  })

  it('lets a deploy mend a live slot that is ill', () => {
    expect(findings(room(1, 1, 1), { answers: [{ status: 500, body: '' }] })).toEqual([
      expect.objectContaining({ name: 'live slot', result: 'warn' }),
    ])
  })

  it('never says to end a process, which may be the live slot of somebody else', () => {
    const [check] = findings({}, { sockets: [socket({ owner: 0 }), socket({ name: 'nc', pid: 99 })] })
    expect(check?.hint).toMatch(/give the slot a port of its own/)
    expect(check?.hint).not.toMatch(/\b(?:end|kill|stop) (?:it|that|the process)/i)
  })

  it('gives the exact line of sudoers', () => {
    const [check] = findings({ sudo: [['/usr/bin/journalctl', '--unit=life@blue.service']] }, DENIED)
    expect(check?.hint).toContain('deploy ALL=(root) NOPASSWD: /usr/bin/journalctl --unit\\=life@blue.service')
  })

  it('does not refuse what somebody else changes at this moment', () => {
    const busy = { by: 'ann@desk', since: 'noon', doing: 'deploy', deploy: 'd2' }
    const sockets = [socket({ port: 5000, name: 'beam.smp', pid: 99 })]
    expect(findings({}, { busy, sockets }).map(({ name, result }) => [name, result])).toEqual([
      ['port 5000', 'warn'],
      ['lock', 'warn'],
    ])
    expect(findings({ deploy: 'd2' }, { busy })).toEqual([])
  })

  it('says that the router is down before what follows from that', () => {
    const live = { fault: slotFaults.LIVE_UNKNOWN({ readings: [] }), name: undefined }
    const names = findings({ router: slotFaults.SLOT_EMPTY({ slot: 'x' }), live }).map(({ name }) => name)
    expect(names).toEqual(['router', 'live slot'])
  })

  it('says that sudo refuses before what follows from that for the router', () => {
    const refusal = { user: 'deploy', command: '/usr/sbin/nginx -t', others: 0, said: '', next: 'x' }
    const router = routerFaults.NGINX_SUDO_REFUSED({ host: 'web-1', refusal })
    expect(findings({ router }, DENIED).map(({ name }) => name)).toEqual(['sudo', 'router'])
  })

  it('needs no room for a release that is there', () => {
    expect(findings(room(1e12, 1e12, 1e9), { there: true })).toEqual([])
  })

  it('is a table with what to do', () => {
    const lines = checkTable(evaluateChecks({ ...evidence, seen: { ...seen, ...DENIED } })).split('\n')
    expect(lines).toContain('ok    live slot    blue')
    expect(lines.find(line => line.startsWith('fail'))).toMatch(
      /^fail {2}sudo .*refused to deploy\. Run `npx task setup`/,
    )
  })
})

describe('what the host prints', () => {
  it('is read on this machine, which is a host too', async () => {
    const root = await mkdtemp(join(tmpdir(), 'switchyard-look-'))
    const at = layout(root)
    await mkdir(at.releases)
    const runtime = { pid: () => sh.read`echo` } as unknown as Runtime
    const script = inspect({ layout: at, slots, runtime, health: healthOf() }, [['/usr/sbin/nginx', '-t']])
    const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${script.text}`])
    const read = parseInspection(stdout)
    expect(Math.abs(read.clock - Date.now())).toBeLessThan(60_000)
    expect(read.disk.free).toBeGreaterThan(0)
    expect(read.disk.mount).toMatch(/^\//)
    expect(read.answers.map(({ status }) => status)).toEqual([0, 0])
    expect(read.mounts.map(({ path }) => path)).toEqual([at.releases, root, '/tmp'])
    expect(read.mounts.every(({ free, on, options }) => free > 0 && /^\//.test(on) && options.includes('rw'))).toBe(
      true,
    )
    expect([read.busy, read.there, read.environments]).toEqual([undefined, false, []])
  })
})

describe('the room that an artifact takes', () => {
  it('is what comes out of it, in blocks', async () => {
    const root = await mkdtemp(join(tmpdir(), 'switchyard-room-'))
    const long = join('a'.repeat(90), 'b'.repeat(90))
    await mkdir(join(root, 'in', long), { recursive: true })
    await writeFile(join(root, 'in', long, 'file'), 'x'.repeat(10_000))
    await writeFile(join(root, 'in', 'empty'), '')
    const path = join(root, 'a.tar.gz')
    await exec('tar', ['-czf', path, '-C', join(root, 'in'), '.'])
    expect(await contentsOf({ path }).room()).toEqual({
      entries: 4,
      unpacked: 12_288 + 3 * 4096,
      packed: (await stat(path)).size,
    })
  })

  it('is not known of what is no tarball', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'switchyard-room-')), 'a.tar.gz')
    await writeFile(path, 'plain text')
    expect(await contentsOf({ path }).room()).toBeUndefined()
  })
})
