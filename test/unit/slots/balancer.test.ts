import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import type { Router, Slot } from '../../../slots/contracts.ts'
import { healthRequest } from '../../../slots/health/health.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { layout } from '../../../slots/layout.ts'
import type { Socket } from '../../../slots/lifecycle/sockets.ts'
import { routerLayout } from '../../../slots/place.ts'
import {
  balancerChecks,
  firewallLines,
  inspectBalancer,
  isPrivate,
  parseBalancer,
} from '../../../slots/preflight/balancer.ts'
import { assertReached, connect, connectProblem } from '../../../slots/promote/reach.ts'
import { requestSlots } from '../../../slots/promote/serving.ts'
import { folders } from '../../../slots/setup/folders.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const bash = async (text: string) =>
  (await promisify(execFile)('bash', ['-c', `set -eu -o pipefail\n${text}`])).stdout.trim()
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } }, '10.0.0.5')
const [blue] = slots.all as [Slot]

const PRINTED = `@@ mounts
/srv/life/router rw 1000000000 /srv
/srv/life rw 1000000000 /srv
@@ sudo
    (root) NOPASSWD: /usr/sbin/nginx -t
@@ denied
@@ source
10.0.0.9
@@ slots
1 7
0 0
@@ unmeasured
`

type Evidence = Parameters<typeof balancerChecks>[0]
const running: Socket = {
  owner: 0,
  address: '10.0.0.5',
  port: 4000,
  user: 'deploy',
  unit: undefined,
  pid: undefined,
  name: undefined,
}
const findings = (printed = PRINTED, more: Partial<Evidence> = {}) =>
  balancerChecks(
    {
      balancer: { host: { name: 'lb-1' } as Host, layout: routerLayout(layout('/srv/life')), upstream: '10.0.0.5' },
      host: 'web-1',
      slots,
      sockets: [running],
      deploying: false,
      ...more,
    },
    {
      user: 'deploy',
      sudo: [['/usr/sbin/nginx', '-t']],
      setup: { folders: [], files: [], removed: [], cut: false },
      found: parseBalancer(printed),
    },
  )
const problems = (...args: Parameters<typeof findings>) =>
  findings(...args).flatMap(({ name, result, message }) => (result === 'ok' ? [] : [`${result} ${name}: ${message}`]))

describe('the checks of a balancer', () => {
  it('all pass if it reaches the slot that runs, and name it', () => {
    expect(problems()).toEqual([])
    const messages = findings().map(({ name, message }) => `${name}: ${message}`)
    expect(messages).toContain('balancer port 4000: lb-1: reaches blue at 10.0.0.5:4000')
    expect(messages).toContain('balancer port 5000: lb-1: nothing listens at 10.0.0.5:5000 yet, for green')
  })

  it('tell the firewall lines, but not before a deploy', () => {
    const names = (deploying: boolean) => findings(PRINTED, { deploying }).map(({ name }) => name)
    expect(names(true)).not.toContain('balancer firewall')
    const { result, message } = findings().find(({ name }) => name === 'balancer firewall') ?? {}
    expect(result).toBe('ok')
    expect(message).toContain('ufw allow from 10.0.0.9 to 10.0.0.5 port 4000,5000 proto tcp; ufw deny from any to')
  })

  it('fail for a running slot that it does not reach, which is only a warning before a deploy', () => {
    const refused = PRINTED.replace('0 0', '0 7')
    expect(problems(refused)).toEqual([
      'fail balancer port 4000: lb-1: does not reach blue at 10.0.0.5:4000: the connection is refused, or there is no route',
    ])
    expect(problems(refused, { deploying: true })[0]).toMatch(/^warn balancer port 4000/)
    expect(problems(PRINTED.replace('1 7', '1 28'))).toEqual([
      'warn balancer port 5000: lb-1: does not reach green at 10.0.0.5:5000: no answer within 3 s',
    ])
  })

  it('fail without a route to the host, and warn of a public address', () => {
    expect(problems(PRINTED.replace('10.0.0.9\n', ''))).toEqual([
      'fail balancer firewall: lb-1: it has no route to 10.0.0.5',
    ])
    const balancer = { host: { name: 'lb-1' } as Host, layout: layout('/srv/life'), upstream: '203.0.113.5' }
    expect(problems(PRINTED, { balancer })[0]).toMatch(
      /^warn balancer firewall: lb-1: 203\.0\.113\.5 is a public address/,
    )
  })

  it('fail for a command that sudo refuses there, with the account as which it was asked', () => {
    expect(problems(PRINTED.replace('@@ denied\n', '@@ denied\n0 a password is required\n'))).toEqual([
      'fail balancer sudo: lb-1: `sudo -n /usr/sbin/nginx -t` is refused to deploy',
    ])
  })
})

it('firewall lines name the address family, and let the host reach itself', () => {
  expect(firewallLines('fd00::5', 'fd00::9', slots.all)).toEqual({
    ufw: [
      'ufw allow from fd00::9 to fd00::5 port 4000,5000 proto tcp',
      'ufw deny from any to fd00::5 port 4000,5000 proto tcp',
    ],
    nft: 'nft add rule inet filter input ip6 daddr fd00::5 tcp dport { 4000, 5000 } ip6 saddr != { fd00::9, fd00::5 } drop',
  })
})

it.each([
  ['10.0.0.5', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.2', true],
  ['100.64.0.1', true],
  ['100.128.0.1', false],
  ['203.0.113.5', false],
  ['fd00::5', true],
  ['fe80::1', true],
  ['2001:db8::5', false],
])('%s is a private address: %s', (address, expected) => {
  expect(isPrivate(address)).toBe(expected)
})

describe('a connection to a slot', () => {
  const listening = async (server: Server): Promise<number> => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  }
  const at = (port: number): Slot => ({ name: 'blue', port, env: {}, address: '127.0.0.1' })

  it('is there with any response, also without a complete one, and not if nothing listens', async () => {
    const status = createServer((_, response) => void response.writeHead(500).end())
    const silent = createServer(({ socket }) => void socket.destroy())
    try {
      for (const server of [status, silent])
        expect(connectProblem(Number(await bash(connect(at(await listening(server))).text)))).toBeUndefined()
      expect(connectProblem(Number(await bash(connect(at(1)).text)))).toContain('refused')
    } finally {
      status.close()
      silent.close()
    }
  })

  it('is required before a switch on another host, and not asked for on the same one', async () => {
    expect(assertReached({} as Router, blue)).toEqual([])
    const [query] = assertReached({ machine: 'balancer' } as Router, { ...blue, port: 1, address: '127.0.0.1' })
    if (!query) throw new Error('no query')
    expect(query.script.machine).toBe('balancer')
    const host = fakeHost(() => '')
    const asked = { name: 'lb-1', query: host.query }
    const read = (code: number, stdout: string) =>
      Promise.resolve().then(() => query.read({ code, stdout, stderr: '' }, asked))
    expect(await read(0, '')).toBeUndefined()
    expect(await faultOf(read(1, '28\n'))).toMatchObject({
      code: 'SLOT_UNREACHABLE',
      exitCode: 3,
      message: 'lb-1, the host of the router, cannot reach blue at 127.0.0.1:1: no answer within 3 s.',
    })
    await expect(bash(query.script.text)).rejects.toMatchObject({ code: 1, stdout: '7\n' })
  })
})

it('the inspection of a balancer prints its sections', async () => {
  const script = inspectBalancer(
    { layout: routerLayout(layout('/nowhere/life')), upstream: '127.0.0.1' },
    slotsOf({ blue: { port: 1024 }, green: { port: 1025 } }, '127.0.0.1').all,
    [['/usr/sbin/nginx', '-t']],
  )
  const found = parseBalancer(await bash(script.text))
  expect(found.source).toBe('127.0.0.1')
  expect(found.problems).toEqual([expect.stringContaining('refused'), expect.stringContaining('refused')])
})

it('slots with an address are asked there, and others on loopback', () => {
  const [here] = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } }).all as [Slot]
  const health = healthOf()
  expect(healthRequest(blue, health, 1_000).text).toContain('http://10.0.0.5:4000/health')
  expect(healthRequest(here, health, 1_000).text).toContain('http://127.0.0.1:4000/health')
  expect(requestSlots([blue], ['/'], undefined).text).toContain('http://10.0.0.5:4000/')
  expect(requestSlots([here], ['/'], undefined).text).toContain('http://127.0.0.1:4000/')
  expect(here).not.toHaveProperty('address')
})

it('a host with the router alone gets its folder, and none for releases and slots', () => {
  const at = layout('/srv/life')
  const router = { tools: {}, files: [], folders: [{ path: at.router, mode: 0o755 }], sudo: [], apply: [] }
  expect(folders(at, undefined, [router])).toEqual(router.folders)
  expect(folders(at, slots, [router]).map(({ path }) => path)).toContain(at.releases)
})
