/** The standard tasks with the router on a host of its own: what each host gets, the switch under load, and what happens when one of the two is lost. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestHost } from '../../dev/host.ts'
import { startLoad } from '../../dev/load.ts'
import { type Pair, startPair } from '../support/balancer.ts'

/** BEHIND and BEFORE are commands that the balancer runs right after the switch, and right before it. */
const TASKFILE = `
import { appendFileSync, readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const around = plugin => ({
  ...plugin,
  create(context) {
    const router = plugin.create(context)
    const promote = (slot, generation) => {
      const query = router.promote(slot, generation)
      return { ...query, script: { ...query.script, text: query.script.text + '\\n' + (env.BEHIND ?? '') } }
    }
    const check = path => {
      const query = router.check(path)
      return { ...query, script: { ...query.script, text: query.script.text + '\\n' + (env.BEFORE ?? '') } }
    }
    return { ...router, promote, check }
  },
})
const version = () => {
  appendFileSync(new URL('builds', import.meta.url), 'built\\n')
  return readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim()
}
const { tasks } = project({
  app: env.APP ?? 'shop',
  host: ssh('web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version }),
  runtime: service({ start: 'bin/server', stopLimit: 3 }),
  router: around(nginx({ site: env.SITE ?? '127.0.0.1', on: ssh('lb-1', { configFile: env.SSH_CONFIG }), upstream: env.UPSTREAM ?? '' })),
  slots: { blue: { port: Number(env.FIRST_PORT ?? 4000) }, green: { port: Number(env.FIRST_PORT ?? 4000) + 1 } },
})
export const { setup, deploy, promote, rollback, retire, repair, status, doctor, history, remove, config, maintenance } = tasks
`
const LINK = '/srv/shop/router/live'
/** The rules of the images, which allow everything. `setup` needs them, and what it has installed replaces them. */
const SUDOERS = '/etc/sudoers.d/vagrant'

let pair: Pair
let web: TestHost
let lb: TestHost
beforeAll(async () => {
  pair = await startPair(TASKFILE)
  web = pair.web
  lb = pair.lb
})
afterAll(async () => {
  await pair?.[Symbol.asyncDispose]()
})

const ends: Pair['ends'] = (...args) => pair.ends(...args)
const run: Pair['run'] = (...args) => pair.run(...args)
const done = (...args: string[]) => ends(0, args)
const load = () =>
  startLoad({
    url: pair.url,
    host: '127.0.0.1',
    clients: { keepAlive: 2, fresh: 2, idle: 0, post: 0, slow: 0, socket: 0 },
    paths: { get: '/health' },
    pauseMs: { keepAlive: 5, fresh: 5 },
  })
/** The live slot according to the balancer's link, and to the site from outside. */
async function live(): Promise<readonly string[]> {
  const [link, answer] = await Promise.all([
    run(lb, `readlink ${LINK}`),
    fetch(`${pair.url}/deployment_id`).then(response => response.text()),
  ])
  return [link.split('.')[0] ?? '', answer.trim()]
}
/** As `live`, and the records of the application's host say so too. */
async function agreed(slot: string): Promise<void> {
  expect(await live()).toEqual([slot, slot])
  expect(await done('status')).toContain(`All agree: router ${slot}, public answer ${slot}, records ${slot}`)
}

it('setup shows for each host what it gets, installs the units here and the site there, and changes nothing the second time', async () => {
  const [first = '', second = ''] = (await done('setup', '--dry-run')).split('On lb-1:')
  expect(first).toContain('On web-1:')
  expect(first).toContain('/etc/systemd/system/shop@.service')
  expect(first).not.toContain('/etc/nginx')
  expect(second).toContain('/etc/nginx/switchyard/shop.conf')
  expect(second).toContain(`proxy_pass http://${pair.upstream}:$switchyard_port;`)
  expect(second).not.toContain('shop@.service')
  expect(await done('setup')).toMatch(/lb-1: .*\/srv\/shop\/router.*\/etc\/nginx\/switchyard\/shop\.conf/)
  expect(await done('setup')).toContain('0 folders and 0 files changed')
  expect(await run(web, 'ls /srv/shop; ls /etc/nginx')).not.toMatch(/router|switchyard/)
  expect(await run(lb, 'ls /srv/shop')).toBe('lock\nrouter')
  expect(await run(web, 'cat /etc/sudoers.d/switchyard-shop')).not.toContain('nginx')
  expect(await run(lb, 'grep -v "^#" /etc/sudoers.d/switchyard-shop')).toBe(
    'vagrant ALL=(root) NOPASSWD: /usr/sbin/nginx -t',
  )
  for (const host of [web, lb]) await run(host, `mv ${SUDOERS} /root/sudoers`)
})

it('an application of the same name with another site on another host is refused before anything is changed', async () => {
  const before = await run(lb, 'find /etc/nginx /srv/shop -type f ! -name lock -exec md5sum {} +')
  for (const args of [['setup'], ['setup', '--dry-run']])
    expect(await ends(3, args, { SITE: 'staging.example', UPSTREAM: '10.9.9.9' })).toMatch(
      /\/etc\/nginx\/switchyard\/shop\.conf on lb-1 belongs to another application named shop, .* \[APP_ELSEWHERE\]/,
    )
  expect(await run(lb, 'find /etc/nginx /srv/shop -type f ! -name lock -exec md5sum {} +')).toBe(before)
})

it('a deploy starts the slot on the private address, and a promote moves the link of the balancer', async () => {
  await done('deploy', '--promote')
  await agreed('blue')
  await pair.version('1.1.0')
  expect(await done('deploy')).toContain('blue is still live')
  expect(await run(web, "ss -Hltn 'sport = :4000 or sport = :4001' | awk '{ print $4 }' | sort")).toBe(
    `${pair.upstream}:4000\n${pair.upstream}:4001`,
  )
  const doctor = await done('doctor')
  const source = await lb.address()
  for (const found of [
    'lb-1: reaches blue at',
    'lb-1: reaches green at',
    `ufw allow from ${source} to ${pair.upstream} port 4000,4001 proto tcp`,
    'lb-1: 1 command allowed without a password',
    `slots listen on ${pair.upstream} only`,
  ])
    expect(doctor).toContain(found)
})

it('promotes and rollbacks under load lose no request', async () => {
  const running = await load()
  for (const args of [['promote', 'green'], ['rollback']]) expect(await ends(0, args)).toMatch(/\d+ probes, 0 failed/)
  const report = await running.stop()
  process.stdout.write(`balancer: ${report.failed} of ${report.sent} requests failed, over two switches\n`)
  expect(report.failed).toBe(0)
  expect(report.sent).toBeGreaterThan(300)
  await agreed('blue')
})

it('the same load loses requests when the live slot is restarted instead (control)', async () => {
  const running = await load()
  await run(web, 'systemctl restart shop@blue')
  await expect.poll(async () => (await fetch(`${pair.url}/health`)).status).toBe(200)
  const report = await running.stop()
  process.stdout.write(`balancer, control: ${report.failed} of ${report.sent} requests failed\n`)
  expect(report.failed).toBeGreaterThan(0)
})

/** The error has the address that does not answer, and the hint the name. */
const UNREACHABLE = /\[(?:SSH_HANDSHAKE_FAILED|HOST_UNREACHABLE)\]\s+next: .*\blb-1\b/

it('a balancer that cannot be reached is named before anything is built, and nothing is changed', async () => {
  const builds = await readFile(join(pair.folder, 'builds'), 'utf8')
  await run(lb, 'systemctl stop ssh')
  try {
    expect(await ends(1, ['deploy', '--promote'])).toMatch(UNREACHABLE)
    expect(await readFile(join(pair.folder, 'builds'), 'utf8')).toBe(builds)
  } finally {
    await run(lb, 'systemctl start ssh')
  }
  expect(await live()).toEqual(['blue', 'blue'])
})

it('a promote whose connection to the balancer breaks after the switch is taken back there', async () => {
  const output = await ends(1, ['promote', 'green'], { BEHIND: 'pkill -KILL -u vagrant -x sshd' })
  expect(output).toMatch(/The connection to lb-1 was lost/)
  expect(output).toMatch(/undone: .*blue is live again, verified/)
  await agreed('blue')
})

it('a balancer that stays away after the switch is in doubt, which status tells and repair settles', async () => {
  await run(lb, `cp /root/sudoers ${SUDOERS}`)
  const away = 'sudo systemctl stop ssh; sudo pkill -KILL -u vagrant -x sshd'
  try {
    expect(await ends(1, ['promote', 'green'], { BEHIND: away })).toMatch(/lb-1/)
  } finally {
    await run(lb, `systemctl start ssh; rm ${SUDOERS}`)
  }
  expect(await ends(3, ['status'])).toMatch(/router +green[\s\S]*records +blue/)
  expect(await done('repair', '--force', 'green')).toContain('the records now say green')
  await agreed('green')
})

it('a second client is refused by the lock of the balancer, and one that was overtaken there switches nothing', async () => {
  const hers = '{"by":"ann@desk","deploy":"hers","doing":"promote","since":"2026-01-02T03:04:05.000Z"}'
  const lock = '/srv/shop/lock'
  await run(
    lb,
    `printf '%s\\n' '${hers}' > ${lock}; systemd-run --quiet --unit=ann flock ${lock} sleep 600; while flock -n ${lock} true; do sleep 0.1; done`,
  )
  try {
    expect(await ends(3, ['promote', 'blue'])).toMatch(/ann@desk has held the lock on lb-1 .*\[LOCK_TAKEN\]/)
  } finally {
    await run(lb, 'systemctl stop ann')
  }
  const overtaken = await ends(1, ['promote', 'blue'], { BEFORE: `printf '%s\\n' '${hers}' > ${lock}` })
  expect(overtaken).toMatch(/lb-1 refused a late write of this run: ann@desk took over .*\[OVERTAKEN\]/)
  expect(await live()).toEqual(['green', 'green'])
})

it('two applications behind one balancer are deployed at once, and neither disturbs the other', async () => {
  for (const host of [web, lb]) await run(host, `cp /root/sudoers ${SUDOERS}`)
  // Its name comes later: nginx gives requests of unknown names to the first site.
  const other = { APP: 'zoo', SITE: 'zoo.example', FIRST_PORT: '4100' }
  await ends(0, ['setup'], other)
  await Promise.all([ends(0, ['promote', 'blue']), ends(0, ['deploy', '--promote'], other)])
  await agreed('blue')
  expect(await run(lb, "curl -s -H 'Host: zoo.example' http://127.0.0.1/deployment_id")).toBe('blue')
})

it('a promote is refused if the balancer does not reach the slot, and nothing is switched', async () => {
  // Healthy on its own host, but loopback of the balancer is another machine.
  const wrong = { UPSTREAM: '127.0.0.1' }
  expect(await ends(3, ['deploy', '--promote'], wrong)).toMatch(
    /lb-1, .* cannot reach green at 127\.0\.0\.1:4001: .*\[SLOT_UNREACHABLE\]/,
  )
  expect(await live()).toEqual(['blue', 'blue'])
  expect(await ends(3, ['doctor'], wrong)).toMatch(/fail +live slot/)
})

it('remove takes the application off both hosts, and leaves the other one', async () => {
  const dry = await done('remove', '--dry-run')
  expect(dry).toContain('delete /etc/systemd/system/shop@.service')
  expect(dry).toContain('delete lb-1:/etc/nginx/switchyard/shop.conf')
  await done('remove', '--force', '--yes-remove', 'shop')
  for (const host of [web, lb])
    expect(
      await run(host, 'ls -d /srv/shop /etc/sudoers.d/switchyard-shop /etc/*/*/shop* 2>/dev/null || echo none'),
    ).toBe('none')
  expect(await run(lb, "nginx -t 2>&1; curl -s -H 'Host: zoo.example' http://127.0.0.1/deployment_id")).toContain(
    'blue',
  )
})
