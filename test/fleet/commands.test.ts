/** Every command of a project with two hosts, read by a program: what it does on each of them, and what it prints. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunEvent } from '../../runner/events.ts'
import { type Shop, startShop } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2'] as const

let shop: Shop
beforeAll(async () => {
  shop = await startShop(NAMES, { CANARY: '1' })
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

type Result = Extract<RunEvent, { type: 'result' }>

/** Runs a command with `--json`, and resolves to its events. */
async function events(code: number, ...args: readonly string[]): Promise<readonly RunEvent[]> {
  const text = await shop.ends(code, [args[0] ?? '', '--json', ...args.slice(1)])
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as RunEvent)
}
const result = async (...args: readonly string[]): Promise<Result> => {
  const last = (await events(0, ...args)).at(-1)
  return last?.type === 'result' ? last : expect.fail(`${args.join(' ')} has no result`)
}
/** What a command that has data for each host says of them. */
const dataOfEach = async (...args: readonly string[]) => {
  const { data } = await result(...args)
  const { hosts } = data as { hosts: Record<string, unknown> }
  expect(Object.keys(hosts)).toEqual(NAMES)
  return Object.values(hosts)
}
const each = (command: string) => Promise.all(shop.hosts.map(host => shop.run(host, command)))

it('setup, deploy and promote', async () => {
  for (const args of [['setup'], ['deploy', '--promote'], ['deploy']]) expect((await result(...args)).ok).toBe(true)
  await shop.version('1.1.0')
  await result('deploy')
  await result('promote', 'green')
  expect(await shop.versions()).toEqual(['1.1.0', '1.1.0'])
})

it('status, doctor, releases, history and config', async () => {
  expect((await result('status')).data).toMatchObject({
    agreed: true,
    live: 'green',
    hosts: [{ host: 'web-1' }, { host: 'web-2' }],
  })
  for (const found of await dataOfEach('doctor')) expect(found).toHaveProperty('checks')
  for (const found of await dataOfEach('releases'))
    expect((found as { releases: unknown[] }).releases.length).toBeGreaterThan(1)
  const { entries } = (await result('history')).data as { entries: { hosts: string[] }[] }
  expect(entries.length).toBeGreaterThan(2)
  for (const { hosts } of entries) expect(hosts).toEqual(NAMES)
  expect((await result('config')).data).toMatchObject({ hosts: [{ name: 'web-1' }, { name: 'web-2' }] })
})

it('logs and exec name the host of each line, and exec exits with the highest code', async () => {
  await each('curl -s -o /dev/null -H "Host: shop.example" http://127.0.0.1/health')
  await events(0, 'logs', '-n', '5')
  const printed = (await events(0, 'exec', '--', 'cat', 'VERSION')).filter(event => event.type === 'print')
  expect(printed.map(({ host, line }) => [host, line]).sort()).toEqual([
    ['web-1', '1.1.0'],
    ['web-2', '1.1.0'],
  ])
  await shop.run(shop.host(1), 'echo 7 > /tmp/code; chmod 644 /tmp/code')
  await shop.ends(7, ['exec', '--', 'bash', '-c', 'exit "$(cat /tmp/code 2> /dev/null || echo 0)"'])
})

it('promote --percent sends a share on each host, which a repair leaves unless it names the live slot', async () => {
  const shares = async () => {
    const { hosts } = (await result('status')).data as { hosts: { canary?: { percent: number } | null }[] }
    return hosts.map(({ canary }) => canary?.percent)
  }
  await result('promote', 'blue', '--percent', '50')
  expect(await shares()).toEqual([50, 50])
  expect(await shop.done('repair')).toMatch(/Canary: blue gets 50 % of the traffic/)
  expect(await shares()).toEqual([50, 50])
  await result('repair', '--force', 'green')
  expect(await shares()).toEqual([undefined, undefined])
})

it('console opens on the first host or on the named one, and says on which', async () => {
  const names = await each('hostname')
  for (const [i, args] of [
    ['console', 'green'],
    ['console', 'green', '--host', 'web-2'],
  ].entries()) {
    const { code, stdout } = await shop.inTerminal(args).ended
    expect(code, stdout).toBe(0)
    expect(stdout).toMatch(new RegExp(`This is web-${i + 1}\\. \`--host\` names another host\\.\\s+${names[i]}`))
  }
  expect(await shop.ends(2, ['console', '--json', 'green'])).toContain('INTERACTIVE_JSON')
})

it('exec has a terminal on one host, and says on which', async () => {
  const names = await each('hostname')
  for (const [i, more] of [[], ['--host', 'web-2']].entries()) {
    const { code, stdout } = await shop.inTerminal(['exec', ...more, '--', 'hostname']).ended
    expect(code, stdout).toBe(0)
    expect(stdout).toMatch(new RegExp(`This is web-${i + 1}\\. .*\\s+${names[i]}`))
  }
})

it('migrate runs once for all hosts', async () => {
  await result('migrate', '--slot', 'green')
  const ran = await each(`grep -c '"event":"migrate".*"result":"done"' /srv/shop/journal.jsonl || :`)
  expect(ran).toEqual(['1', '0'])
})

it('rollback, restart and a release that is on the hosts', async () => {
  await result('rollback')
  expect(await shop.versions()).toEqual(['1.0.0', '1.0.0'])
  await result('restart')
  expect(await shop.serving()).toEqual(['green', 'green'])
  await result('deploy', '--release', '1.1.0', '--promote')
  expect(await shop.versions()).toEqual(['1.1.0', '1.1.0'])
})

it('maintenance closes all sites, and opens them', async () => {
  const codes = () =>
    each(
      'curl -s -o /dev/null -w "%{http_code}" -H "Host: shop.example" -H "X-Forwarded-For: 203.0.113.9" http://127.0.0.1/health',
    )
  await result('maintenance', 'on', '--message', 'Back soon')
  expect(await codes()).toEqual(['503', '503'])
  await result('maintenance', 'off')
  expect(await codes()).toEqual(['200', '200'])
})

it('lock closes all hosts for deploys, and unlock opens them', async () => {
  await result('lock', '--reason', 'new disks')
  expect(await shop.ends(3, ['deploy'])).toContain('new disks')
  await result('unlock')
  await result('deploy')
})

it('retire, prune, watch and repair', async () => {
  await result('retire')
  expect(await each('systemctl list-units --state=running "shop@*" --no-legend | wc -l')).toEqual(['1', '1'])
  await result('prune', '--keep', '1')
  await events(0, 'watch', '--for', '2s')
  await result('repair')
})

it('a dry run of each changes nothing, and remove takes the application off all hosts', async () => {
  const before = await each(
    'find /srv/shop -type f ! -name lock -newermt 2000-01-01 | sort | xargs sha256sum | sha256sum',
  )
  for (const args of [['setup'], ['deploy', '--promote'], ['rollback'], ['remove', '--force']])
    await shop.start([...args, '--dry-run']).ended
  expect(
    await each('find /srv/shop -type f ! -name lock -newermt 2000-01-01 | sort | xargs sha256sum | sha256sum'),
  ).toEqual(before)
  await result('remove', '--force', '--yes-remove', 'shop', '--drain', '1s')
  expect(await each('ls /srv 2> /dev/null; ls /etc/systemd/system | grep shop || :')).toEqual(['', ''])
})
