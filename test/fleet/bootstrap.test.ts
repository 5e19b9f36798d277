/** `bootstrap` of two servers as they are rented, with and without `--json`: both of them or, if one is named, that one. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunEvent } from '../../runner/events.ts'
import { expectShown } from '../support/documented.ts'
import { type Shop, startShop } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2'] as const
const TEST = 'test/fleet/bootstrap.test.ts'

let shop: Shop
beforeAll(async () => {
  shop = await startShop(NAMES, {}, { bare: true })
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

/** Runs a command with `--json`, and resolves to its events: each line is one, and standard error has none. */
async function events(code: number, ...args: readonly string[]): Promise<readonly RunEvent[]> {
  const { stdout, stderr, ...ended } = await shop.start([...args, '--json']).ended
  expect([ended.code, stderr], stdout).toEqual([code, ''])
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RunEvent)
}

interface Shown {
  readonly host: string
  readonly system: string
  readonly there: readonly string[]
  readonly done: readonly string[]
  readonly offered: readonly string[]
}

/** The plans of the hosts that a bootstrap tells of. */
async function plans(...args: readonly string[]): Promise<readonly Shown[]> {
  const last = (await events(0, 'bootstrap', ...args)).at(-1)
  if (last?.type !== 'result') return expect.fail('the last line is no result')
  expect(last).toMatchObject({ command: 'bootstrap', ok: true, exitCode: 0 })
  return (last.data as { readonly hosts: readonly Shown[] }).hosts
}
const errorOf = async (code: number, ...args: readonly string[]) => {
  const all = await events(code, 'bootstrap', ...args)
  expect(all.at(-1)).toMatchObject({ type: 'result', ok: false, exitCode: code })
  return all.find(event => event.type === 'error') ?? expect.fail('no error')
}
const each = (command: string) => Promise.all(shop.hosts.map(host => shop.run(host, command)))
/** What a bootstrap would change. */
const states = () =>
  each(
    '{ getent passwd deploy; ls /etc/sudoers.d /etc/ssh/sshd_config.d; dpkg-query -W nginx sudo curl; systemctl is-enabled nginx; } 2>&1 || :',
  )

it('plans both, and does nothing before it is confirmed, which a program does with --yes', async () => {
  const before = await states()
  const planned = await plans('--dry-run')
  expect(planned.map(({ host }) => host)).toEqual(NAMES)
  for (const { system, done } of planned) {
    expect(system).toBe('Debian GNU/Linux 12 (bookworm)')
    expect(done).toContain('Create the account deploy, without a password.')
  }
  expect(await errorOf(3)).toMatchObject({
    code: 'BOOTSTRAP_NOT_CONFIRMED',
    message: 'The bootstrap of web-1 and web-2 was not confirmed; nothing was changed.',
    hint: expect.stringContaining('--yes'),
  })
  expect(await states()).toEqual(before)
})

it('changes neither if one of them has to be left as it is', async () => {
  const before = await states()
  await shop.run(shop.host(1), "sed -i.was 's/^ID=.*/ID=fedora/' /etc/os-release")
  expect(await errorOf(3, '--yes')).toMatchObject({
    code: 'BOOTSTRAP_NOT_DEBIAN',
    message: expect.stringMatching(/^web-2 runs /),
  })
  await shop.run(shop.host(1), 'mv /etc/os-release.was /etc/os-release')
  expect(await states()).toEqual(before)
})

it('makes both ready, as docs/fleet.md shows it', { timeout: 900_000 }, async () => {
  const { code, stdout, stderr } = await shop.start(['bootstrap', '--yes']).ended
  expect(code, stdout + stderr).toBe(0)
  // Each host has a key of its own here, and no two runs the same.
  expectShown('fleet.md', TEST, 'bootstrap --yes', stdout.replace(/(?<=ssh-ed25519 )\S+ \S+(?=\.$)/gm, KEY))
  expect(await each('runuser -u deploy -- sudo -n id -un')).toEqual(['root', 'root'])
  await each('systemctl is-active nginx && systemctl is-enabled nginx')
})
const KEY = '...Ig8jnV4tjLZq me@desk'

it('a second run changes nothing on either', async () => {
  const before = await states()
  for (const { host, done, there } of await plans('--yes')) {
    expect(done, host).toEqual([])
    expect(there, host).toContain('deploy may use sudo without a password.')
  }
  expect(await states()).toEqual(before)
})

/** Holds the lock that apt and dpkg take first, as another apt-get does. */
const HOLD = `systemd-run --unit=other-apt perl -e 'open F, ">>", "/var/lib/dpkg/lock-frontend"; my $lock = pack("ssx4qqlx4", 1, 0, 0, 0, 0); fcntl(F, 6, $lock) or die; print STDERR "held\\n"; sleep'
for ((i = 0; i < 1200; i++)); do if journalctl -u other-apt | grep -q held; then exit 0; fi; sleep 0.05; done; exit 1`

it('says which host failed, and which are ready; the next run completes it', { timeout: 900_000 }, async () => {
  await each('apt-get remove -y -q curl')
  await shop.run(shop.host(1), HOLD)
  expect(await errorOf(1, '--yes', '--apt-wait', '2s')).toMatchObject({
    code: 'BOOTSTRAP_APT_LOCKED',
    message: expect.stringMatching(/^Another program on web-2 /),
    hint: expect.stringMatching(/ web-1 is ready\.$/),
  })
  await shop.run(shop.host(0), 'command -v curl')
  await shop.run(shop.host(1), 'systemctl stop other-apt')
  expect((await plans('--yes')).map(({ done }) => done)).toEqual([[], ['Install curl with apt-get.']])
  await each('command -v curl')
})

it('prepares one alone if it is named, and each line of the output has its host', async () => {
  await each('systemctl disable --now nginx')
  const one = await plans('root@web-2', '--yes')
  expect(one.map(({ host, done }) => [host, done])).toEqual([['web-2', ['Start nginx, also after a boot.']]])
  expect(await each('systemctl is-active nginx || :')).toEqual(['inactive', 'active'])

  const lines = (await events(0, 'bootstrap', '--yes')).flatMap(event => (event.type === 'output' ? event.line : []))
  expect(lines).toEqual(expect.arrayContaining(['web-1: starting nginx', 'web-1: deploy has logged in']))
  expect(await each('systemctl is-active nginx')).toEqual(['active', 'active'])
})

it('both are ready: setup, deploy and promote run on them, and doctor finds nothing', async () => {
  await shop.done('setup')
  await shop.done('deploy', '--promote')
  expect(await shop.versions()).toEqual(['1.0.0', '1.0.0'])
  const last = (await events(0, 'doctor')).at(-1)
  expect(last).toMatchObject({ type: 'result', ok: true })
})
