/** Two applications on one nginx host: `env-diff` of one, and `remove` of both, without a lost request of the other. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import { type Ended, type Site, startSite } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'
import { succeeds } from '../support/invariant.ts'

const OTHER = `
import { beam, env, nginx, project, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: 'other',
  host: ssh('life-test', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: env.LIFE_TARBALL ?? '', version: '0.1.0' }),
  runtime: beam({ release: 'life', stopLimit: 3 }),
  router: nginx({ site: 'other.example' }),
  slots: { blue: { port: 6000 }, green: { port: 7000 } },
  shared: ['storage'],
})
export const { setup, deploy, status, remove } = tasks
`
let site: Site
beforeAll(async () => {
  site = await startSite({
    runtime: 'beam({ stopLimit: 3 })',
    more: "env: { file: '.env', plain: ['MODE'] },",
    tasks: 'export const { envDiff, remove, history } = tasks',
  })
  await writeFile(join(site.folder, 'Other.ts'), OTHER)
  await env('DATABASE_URL=Pl4nted-one\nMODE=canary\nOLD=Pl4nted-old\n')
  for (const args of [['setup'], ['deploy', '--promote']]) {
    await ok(...args)
    await ok(...args, '--taskfile', 'Other.ts')
  }
})
afterAll(() => site?.[Symbol.asyncDispose]())

const env = (text: string) => writeFile(join(site.folder, '.env'), text)
const other = (...args: string[]) => site.task('remove', '--taskfile', 'Other.ts', ...args)
const root = async (command: string) => (await runAsRoot(site.host, command)).trimEnd()
const ok = (...args: string[]) => succeeds(site, ...args)
const refused = async (work: Promise<Ended>, exit: number, code: string) => {
  const { stdout, stderr, ...ended } = await work
  expect(ended.code, stdout + stderr).toBe(exit)
  expect(stderr).toContain(`[${code}]`)
  return stderr
}
/** Every file of root that names an application, and its folder. */
const traces = (app: string) =>
  root(`grep -rlE '\\b${app}(@|\\.example|\\b.*/srv/${app})|/srv/${app}/' /etc/nginx /etc/systemd /etc/sudoers.d || :
find /etc/nginx /etc/systemd /etc/sudoers.d /var/lib/switchyard -name '*${app}*' | sort
find /srv/${app} -maxdepth 1 2>/dev/null | sort || :`)
const state = (app: string) =>
  root(`find /etc/nginx /etc/systemd/system /etc/sudoers.d -name '*${app}*' -printf '%p %m %u %l\\n' | sort
find /etc/nginx /etc/systemd/system /etc/sudoers.d -type f -name '*${app}*' | sort | xargs sha256sum
find /srv/${app} -not -name lock -not -name journal.jsonl -printf '%p %m %u %l\\n' | sort
systemctl show -p MainPID,ActiveState,UnitFileState ${app}@blue.service`)
const answer = (name: string) =>
  root(`curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${name}.example' http://127.0.0.1/health || :`)

describe('env-diff', () => {
  it('tells by name what the next deploy would change, with the live slot marked, and prints no value', async () => {
    await env('DATABASE_URL=Pl4nted-two\nMODE=canary\nNEW=Pl4nted-new\n')
    const { stdout, stderr } = await ok('env-diff')
    expect(stdout).toMatch(/^variable +blue \(live\)$/m)
    expect(stdout).toMatch(/^DATABASE_URL +changed$/m)
    expect(stdout).toMatch(/^NEW +new$/m)
    expect(stdout).toMatch(/^OLD +removed$/m)
    expect(stdout).toMatch(/^MODE +same$/m)
    expect(stdout).toMatch(/^PORT +same$/m)
    expect(stdout).toContain('green has no environment file: nothing was deployed to it.')
    expect(stdout + stderr).not.toContain('Pl4nted')
    const json = await ok('env-diff', '--slot', 'blue', '--json')
    const { data } = JSON.parse(json.stdout.trim().split('\n').at(-1) ?? '')
    expect(data).toMatchObject({ live: 'blue', slots: [{ slot: 'blue', file: 'compared', differs: true }] })
    expect(json.stdout).not.toContain('Pl4nted')
  })

  it('finds no difference after a deploy, but a change made by hand on the host', async () => {
    await ok('deploy')
    expect((await ok('env-diff', '--slot', 'green')).stdout).toContain('nothing differs')
    await root(`sed -i 's/^MODE=.*/MODE="live"/' /srv/life/slots/green/env`)
    expect((await ok('env-diff', '--slot', 'green')).stdout).toMatch(/^MODE +changed$/m)
    await root(`echo '# by hand' >> /srv/life/slots/green/env`)
    expect((await ok('env-diff')).stdout).toContain('green was not compared: the file on the host was edited by hand.')
  })
})

describe('remove', () => {
  it('refuses a live application, another name, and to go on without a confirmation, and changes nothing', async () => {
    const before = [await state('other'), await state('life')]
    expect(await refused(other('--yes-remove', 'other'), 3, 'REMOVE_LIVE')).toMatch(/npx task .*remove --force/)
    await refused(other('--force', '--yes-remove', 'life'), 2, 'REMOVE_OTHER_NAME')
    await refused(other('--force'), 3, 'REMOVE_NOT_CONFIRMED')
    expect([await state('other'), await state('life')]).toEqual(before)
  })

  it('--dry-run shows everything that would be stopped, deleted and kept, and changes nothing', async () => {
    await root('install -d -o vagrant /srv/other/mine')
    const before = await state('other')
    const { code, stdout, stderr } = await other('--dry-run')
    expect(code, stdout + stderr).toBe(0)
    for (const line of [
      'the site goes down: blue is live',
      'stop blue',
      'delete /etc/nginx/switchyard/other.conf',
      'delete /etc/nginx/sites-available/other.conf',
      'delete /etc/nginx/sites-enabled/other.conf',
      'delete /etc/systemd/system/other@.service',
      'delete /etc/sudoers.d/switchyard-other',
      'delete /srv/other/releases',
      "keep /srv/other/shared: the application's data; --shared deletes it too",
      'keep /srv/other/mine: not made by switchyard',
    ])
      expect(stdout.split('\n')).toContain(line)
    expect(await state('other')).toBe(before)
  })

  it('restores every file, and the site stays live, if a configuration of somebody else needs one of them', async () => {
    await root(
      `echo 'server { listen 81; include /etc/nginx/switchyard/other.conf; }' > /etc/nginx/conf.d/own.conf; nginx -t 2>&1`,
    )
    const before = await state('other')
    const stderr = await refused(other('--force', '--yes-remove', 'other'), 1, 'REMOVE_TAKEN_BACK')
    expect(stderr).toContain('/etc/nginx/switchyard/other.conf')
    expect(await state('other')).toBe(before)
    expect(await answer('other')).toBe('200')
    await root('rm /etc/nginx/conf.d/own.conf')
  })

  it('asks for the name in a terminal, and takes one application off the host without a lost request of the other', async () => {
    const before = await state('life')
    await root('touch /srv/other/shared/storage/upload')
    const load = await startLoad({
      url: site.url,
      clients: { keepAlive: 0, idle: 0, post: 0, fresh: 3, slow: 1, socket: 3 },
      pauseMs: { fresh: 20 },
    })
    const running = site.inTerminal({}, 'remove', '--taskfile', 'Other.ts', '--force', '--drain', '1s')
    await running.says(/Type other to remove it from life-test:/)
    running.type('other\r')
    const { code, stdout } = await running.ended
    expect(code, stdout).toBe(0)
    const report = await load.stop()
    expect(report).toMatchObject({ endedBy: 'stop', failed: 0, drops: [] })
    expect(report.ok).toBeGreaterThan(50)
    expect(await state('life')).toBe(before)
    expect(await answer('life')).toBe('200')
    expect(await traces('other')).toBe('/srv/other\n/srv/other/mine\n/srv/other/shared')
    expect(await root('ls /srv/other/shared/storage')).toBe('upload')
    expect(await root("ps -eo args | grep -c '[/]srv/other' || :")).toBe('0')
    expect(await root("systemctl list-units --all --plain --no-legend 'other@*' | wc -l")).toBe('0')
    expect(await root('nginx -t 2>&1')).toContain('successful')
  })

  it('of an application that is gone does nothing, and deletes the data only with --shared', async () => {
    const gone = await other('--yes-remove', 'other')
    expect(gone.stdout).toContain('nothing of other is on life-test')
    expect(gone.stdout).toContain('keep /srv/other/shared')
    const status = await site.task('status', '--taskfile', 'Other.ts')
    expect(status.stderr).toContain('[NOT_SET_UP]')
    await root('rmdir /srv/other/mine')
    expect((await other('--yes-remove', 'other', '--shared')).code).toBe(0)
    expect(await traces('other')).toBe('')
  })

  it('is completed by a second run, also as root, after the program was killed half way', async () => {
    await root(`sed -i 's/^PermitRootLogin no/PermitRootLogin prohibit-password/' /etc/ssh/sshd_config.d/*.conf
mkdir -p -m 700 /root/.ssh; cp /home/vagrant/.ssh/authorized_keys /root/.ssh/; systemctl reload ssh`)
    const first = site.start({}, 'remove', '--force', '--yes-remove', 'life', '--verbose')
    await first.says(/The router does not have the site any more/)
    first.kill('SIGKILL')
    await first.ended
    expect(await answer('life')).not.toBe('200')
    expect(await traces('life')).toContain('/srv/life/journal.jsonl')
    const begun = await root('grep -c \'"event":"remove".*"begun"\' /srv/life/journal.jsonl')
    expect(begun).toBe('1')
    // Without its site the application is not live any more, so no --force is needed.
    const again = ['remove', '--yes-remove', 'life', '--login', 'root', '--drain', '1s', '--lock-wait', '30s']
    await ok(...again)
    expect(await traces('life')).toBe('')
    expect(await root("ps -eo args | grep -c '[/]srv/life' || :")).toBe('0')
  })

  it('leaves a host on which the application can be set up and deployed again', async () => {
    await ok('setup')
    await ok('deploy', '--promote')
    expect(await site.live()).toBe('blue')
  })
})
