/** The preflight and `doctor` on a host with real faults: each is refused before anything is written, with a hint. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'
import { succeeds } from '../support/invariant.ts'

let site: Site

const ok = async (...args: string[]) => (await succeeds(site, ...args)).stdout
const root = (command: string) => runAsRoot(site.host, command)
const doctor = async (): Promise<{ code: number; checks: Record<string, { result: string; message: string }> }> => {
  const { code, stdout } = await site.task('doctor', '--json')
  const events = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const checks = events.find(event => event.data?.checks)?.data.checks as {
    name: string
    result: string
    message: string
  }[]
  return { code, checks: Object.fromEntries(checks.map(check => [check.name, check])) }
}
/** The releases and slots of the host, and the process of blue. */
const state = async () =>
  (
    await site.host.exec(
      'cd /srv/life && find releases -maxdepth 1 | sort; readlink slots/*/current; cat slots/*/slot.json; systemctl show -p MainPID life@blue.service',
    )
  ).stdout

beforeAll(async () => {
  site = await startSite({
    tasks: `
import { arg } from 'switchyard-deploy'
export const { doctor } = tasks
export const evalIn = task('Evaluate an expression in a slot', {
  args: { slot, expression: arg.text('Elixir') },
  async run({ host, runtime, slot, expression, show }) { show(await host.query(runtime.rpc(slot, expression))) },
})`,
  })
  await ok('setup')
  await ok('deploy', '--promote')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('a healthy host passes every check', async () => {
  const { code, checks } = await doctor()
  expect(Object.entries(checks).filter(([, { result }]) => result !== 'ok')).toEqual([])
  expect(code).toBe(0)
  expect(checks['live slot']).toMatchObject({ message: 'blue' })
  expect(checks['port 4000']).toMatchObject({ message: 'held by blue' })
})

describe.each([
  {
    fault: 'too little room for the release',
    inject: 'mount -t tmpfs -o size=8m,mode=0755,uid=$(id -u vagrant),gid=$(id -g vagrant) tmpfs /srv/life/releases',
    heal: 'umount /srv/life/releases',
    check: 'disk',
    message: /\d\.\d MB free on \/srv\/life\/releases, \d+\.\d MB needed/,
    onlyDeploy: true,
  },
  {
    fault: 'too few inodes',
    inject:
      'mount -t tmpfs -o size=200m,nr_inodes=40,mode=0755,uid=$(id -u vagrant),gid=$(id -g vagrant) tmpfs /srv/life/releases',
    heal: 'umount /srv/life/releases',
    check: 'inodes',
    message: /3\d inodes free on \/srv\/life\/releases, \d+ needed/,
    onlyDeploy: true,
  },
  {
    fault: 'a stranger on the port of the idle slot',
    inject:
      "systemd-run --quiet --unit=stranger --uid=vagrant /usr/bin/perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(5000, INADDR_LOOPBACK)) or die; listen(S, 1); sleep 600'; until ss -Hltn 'sport = :5000' | grep -q .; do sleep 0.1; done",
    heal: 'systemctl stop stranger',
    check: 'port 5000',
    message: /the port 5000 of green is held by perl, process \d+/,
    onlyDeploy: false,
  },
  {
    fault: 'a unit that was removed',
    inject: 'mv /etc/systemd/system/life@.service /tmp/',
    heal: 'mv /tmp/life@.service /etc/systemd/system/',
    check: 'setup',
    message: /missing.*life@\.service/,
    onlyDeploy: false,
  },
  {
    fault: 'sudo that asks for a password',
    inject: "sed -i 's/NOPASSWD: *ALL/ALL/' /etc/sudoers.d/vagrant; mv /etc/sudoers.d/switchyard-life /root/",
    heal: "sed -i 's/) ALL/) NOPASSWD:ALL/' /etc/sudoers.d/vagrant; mv /root/switchyard-life /etc/sudoers.d/",
    check: 'sudo',
    message: /`sudo -n \S+ .*` is refused to vagrant/,
    onlyDeploy: false,
  },
  {
    fault: 'nginx that is down',
    inject: 'systemctl stop nginx',
    heal: 'systemctl start nginx',
    check: 'router',
    message: /nginx is not running/,
    onlyDeploy: false,
  },
])('$fault', ({ inject, heal, check, message, onlyDeploy }) => {
  beforeAll(() => root(inject))
  afterAll(() => root(heal))

  it('stops a deploy before anything except the journal is written, and shows the table', async () => {
    const before = await state()
    const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION: '0.1.1' }, 'deploy')
    expect(code, stdout + stderr).toBe(3)
    expect(stdout + stderr).toMatch(message)
    expect(stdout + stderr).toMatch(/ok\s+clock/)
    expect(await state()).toBe(before)
    const { stdout: line } = await site.host.exec('tail -n 1 /srv/life/journal.jsonl')
    expect(JSON.parse(line)).toMatchObject({
      event: 'deploy',
      slot: '',
      release: expect.stringMatching(/^0\.1\.1-/),
      result: 'failed',
      why: 'PREFLIGHT_FAILED',
    })
  })

  // `doctor` does not know the size of the release.
  if (onlyDeploy) return
  it('is reported by doctor', async () => {
    const found = await doctor()
    expect(found.code).toBe(3)
    expect(found.checks[check]).toMatchObject({ result: 'fail', message: expect.stringMatching(message) })
  })
})

it('doctor warns of a slot that listens on another port for the whole world', async () => {
  expect((await doctor()).checks.loopback).toMatchObject({ result: 'ok' })
  const listen = 'fn -> {:ok, _} = :gen_tcp.listen(15999, ip: {0, 0, 0, 0}); receive(do: (:close -> :ok)) end'
  await ok('eval-in', 'blue', `Process.register(spawn(${listen}), :open_to_all)`)
  await root("until ss -Hltn 'sport = :15999' | grep -q .; do sleep 0.1; done")
  const { code, checks } = await doctor()
  expect(checks.loopback).toMatchObject({ result: 'warn', message: 'blue listens on 0.0.0.0:15999' })
  expect(code).toBe(0)
  await ok('eval-in', 'blue', 'send(:open_to_all, :close)')
})

it('the sudoers file of setup is enough: doctor passes without any other rule', async () => {
  await root('mv /etc/sudoers.d/vagrant /root/vagrant')
  const { checks } = await doctor()
  await root('mv /root/vagrant /etc/sudoers.d/vagrant')
  expect(checks.sudo).toMatchObject({ result: 'ok' })
  expect(checks.router).toMatchObject({ result: 'ok' })
})

it('a unit that was changed by hand is a warning, and does not stop a deploy', async () => {
  await root("sed -i '1s/^/# changed by hand\\n/' /etc/systemd/system/life@.service")
  const { code, checks } = await doctor()
  expect(code).toBe(0)
  expect(checks.setup).toMatchObject({ result: 'warn', message: expect.stringContaining('life@.service') })
  await ok('deploy')
  await ok('setup')
  expect((await doctor()).checks.setup).toMatchObject({ result: 'ok' })
})
