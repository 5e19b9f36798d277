/** nginx as it is on real hosts: sites of the same name, broken files of other sites, passwords, a lost link. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startLoad } from '../../dev/load.ts'
import type { Site } from '../../dev/site.ts'
import { outputOf, runAsRoot } from '../support/ended.ts'
import { assertCleanAfter, faultSite, liveState, succeeds, underFault } from '../support/invariant.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

const SITES = '/etc/nginx/sites-enabled'

let site: Site
beforeAll(async () => {
  site = await faultSite({
    router: "nginx({ site: 'life.example', ...JSON.parse(env.NGINX ?? '{}') })",
    tasks: 'export const { doctor } = tasks',
  })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = (command: string) => runAsRoot(site.host, command)
const put = (path: string, text: string) => root(`cat > ${path} <<'FILE'\n${text}\nFILE`)
/** All files that a setup can change, and the processes of nginx. */
const everything = () =>
  root(`find /etc/nginx /etc/sudoers.d /etc/systemd/system -type f -exec sha256sum {} + -o -type l -printf '%p -> %l\\n' | sort
find /srv/life ! -path '*/tmp*' ! -path '*/journal.jsonl' ! -path /srv/life/lock -printf '%p %m %u %s %l\\n' | sort; pgrep -x nginx`)

describe('F56 another site of the same name', () => {
  it.each([
    [
      'before ours, among other names',
      '00-shop',
      'server {\n  listen 80;\n  server_name shop.example\n    life.example;\n  return 204;\n}',
      3,
    ],
    ['after ours', 'zz-shop', 'server { listen 80; server_name life.example; return 204; }', 1],
    ['on IPv6 alone', 'zz-shop', 'server {\n  listen [::]:80;\n  server_name life.example;\n  return 204;\n}', 3],
    [
      'as the default server',
      '00-shop',
      'server { listen 80 default_server; server_name _ life.example; return 204; }',
      1,
    ],
    [
      'at one address of the machine, where a wildcard wins',
      '00-shop',
      'server { listen 127.0.0.1:80; server_name *.example; return 204; }',
      1,
    ],
  ])('%s makes setup change nothing and name the file and the line, as doctor does', async (_, name, text, line) => {
    // The file is not loaded, so the test itself does not take down the live site.
    await put(`${SITES}/${name}`, text)
    const before = await everything()
    const where = `${SITES}/${name}:${line}`
    const { output } = await underFault(site, () => site.task('setup'), {
      exit: 3,
      cause: /Another nginx site on life-test .*\[NGINX_(?:NAME|ADDRESS)_TAKEN\]/,
      next: /server_name|listen/,
      noDeploy: true,
      heal: async () => {
        expect(await everything()).toBe(before)
        const doctor = await site.task('doctor')
        expect(doctor.code).toBe(3)
        expect(outputOf(doctor)).toContain(where)
        await root(`rm ${SITES}/${name}`)
      },
    })
    expect(output).toContain(where)
  })

  it('is not confused with a default server of another name, a wildcard or another port', async () => {
    await put(
      `${SITES}/00-shop`,
      'server { listen 80 default_server; listen 8443; server_name _ *.example; return 204; }\nserver { listen 8443; server_name life.example; return 204; }',
    )
    const ended = [await succeeds(site, 'setup'), await succeeds(site, 'doctor')]
    await root(`rm ${SITES}/00-shop`)
    await assertCleanAfter(site, ...ended)
  })
})

describe("F73 another site's broken file", () => {
  it.each([
    ['with a syntax error', 'server { listen; }'],
    [
      'with a missing certificate',
      'server { listen 8443 ssl; ssl_certificate /gone.pem; ssl_certificate_key /gone.key; }',
    ],
    [
      'with an upstream that does not resolve',
      'server { listen 8444; location / { proxy_pass http://no.such.invalid; } }',
    ],
  ])('%s is a warning of a promote, which switches the traffic without a reload', async (_, text) => {
    await put(`${SITES}/broken`, text)
    const processes = await root('pgrep -x nginx | sort')
    const load = await startLoad({
      url: site.url,
      clients: { keepAlive: 2, idle: 0, post: 0, fresh: 1, slow: 0, socket: 0 },
    })
    const ended = [await succeeds(site, 'promote', 'green'), await succeeds(site, 'rollback')]
    const report = await load.stop()
    for (const { stdout } of ended)
      expect(stdout).toMatch(/warning: nginx on life-test refuses the configuration of another site/)
    expect(report.failed, JSON.stringify(report.kinds)).toBe(0)
    expect(await root('pgrep -x nginx | sort')).toBe(processes)
    const doctor = await succeeds(site, 'doctor')
    expect(doctor.stdout).toMatch(/warn +router +nginx on life-test refuses the configuration of another site/)
    await root(`rm ${SITES}/broken`)
    await assertCleanAfter(site, ...ended, doctor)
  })
})

describe('a password or a list of addresses before the whole site', () => {
  it.each([
    ['auth_basic "closed"; auth_basic_user_file /etc/nginx/htpasswd;', 401],
    ['deny all;', 403],
  ])('(%s) is found before a switch, and the line in the message allows it', async (lines, status) => {
    const guard = (text: string) => put('/etc/nginx/conf.d/guard.conf', text).then(() => root(RELOAD_NGINX))
    // Without this, a failure here would be one of all later tests too.
    onTestFinished(async () => void (await root(`rm -f /etc/nginx/conf.d/guard.conf && ${RELOAD_NGINX}`)))
    await put('/etc/nginx/htpasswd', 'me:x')
    await guard(lines)
    const requested = () =>
      root("curl -s -o /dev/null -w '%{http_code}' -H 'Host: life.example' http://127.0.0.1/health")
    await expect.poll(requested).toBe(String(status))
    const before = await liveState(site)
    const refused = await site.task('promote', 'green')
    expect(refused.code, outputOf(refused)).toBe(3)
    expect(outputOf(refused)).toMatch(new RegExp(`answers /health with ${status} .*\\[NGINX_GUARDED\\]`))
    expect(await liveState(site)).toEqual(before)
    const [, advice = ''] = /Add `([^`]+)`/.exec(outputOf(refused)) ?? []
    await guard(`${advice} ${lines}`)
    await expect.poll(requested).toBe('200')
    const ended = [await succeeds(site, 'promote', 'green'), await succeeds(site, 'rollback')]
    await assertCleanAfter(site, refused, ...ended)
  })
})

describe('F74 a live link', () => {
  const router = '/srv/life/router'
  it.each([
    ['that was removed', `rm ${router}/live`],
    ['that dangles', `rm -r ${router}/blue.*`],
    ['to a foreign target', `ln -sfn /tmp ${router}/live`],
    ['that is a folder', `rm ${router}/live && mkdir ${router}/live && touch ${router}/live/x`],
    ['that is gone with its folder', `rm -r ${router}`],
  ])('%s makes every command name the repair, which restores and verifies it', async (_, spoil) => {
    const { pid } = await liveState(site)
    await root(spoil)
    for (const command of [['status'], ['promote', 'green'], ['doctor']]) {
      const ended = await site.task(...command)
      expect(ended.code, outputOf(ended)).toBe(3)
      expect(outputOf(ended)).toMatch(/npx task repair --force (?:blue|SLOT)/)
    }
    const unnamed = await site.task('repair')
    expect(unnamed.code, outputOf(unnamed)).toBe(3)
    expect(outputOf(unnamed)).toContain('npx task repair --force blue')
    const repaired = await succeeds(site, 'repair', '--force', 'blue')
    expect(repaired.stdout).toMatch(/blue is live again: \d+ answers, \/health answers 200/)
    expect(await liveState(site)).toMatchObject({ slot: 'blue', pid })
    const status = await succeeds(site, 'status')
    expect(status.stdout).toContain('All agree: router blue, public answer blue, records blue')
    await assertCleanAfter(site, unnamed, repaired, status)
  })

  it('that was lost can be restored to the other slot, and the records follow', async () => {
    await root(`rm ${router}/live`)
    const repaired = await succeeds(site, 'repair', '--force', 'green')
    expect(await site.live()).toBe('green')
    const ended = [repaired, await succeeds(site, 'status'), await succeeds(site, 'promote', 'blue')]
    await assertCleanAfter(site, ...ended)
  })
})

describe('F58 a site file that others edited', () => {
  const own = '/etc/nginx/sites-available/life.conf'
  it('keeps its additions, which doctor does not report as a change', async () => {
    await root(
      `sed -i 's/server_name life.example;/server_name life.example www.life.example;\\n    client_max_body_size 20m; # mine/' ${own}`,
    )
    const before = await root(`cat ${own}`)
    const { output } = await underFault(site, () => site.task('setup'), { exit: 0, noDeploy: true })
    expect(output).toContain(`${own} was edited by others and is left unchanged.`)
    expect(await root(`cat ${own}`)).toBe(before)
    expect((await succeeds(site, 'doctor')).stdout).toMatch(/ok +setup/)
  })

  it('makes setup refuse a setting that it lacks, with the line to add', async () => {
    const before = await root(`cat ${own}`)
    const running = site.start({ NGINX: '{"listen":8080,"url":"http://life.example"}' }, 'setup')
    const { output } = await underFault(site, () => running.ended, {
      exit: 3,
      cause: /was edited by others, and lacks `listen 8080;`.*\[FILE_EDITED\]/,
      next: /Add that line by hand/,
      noDeploy: true,
    })
    expect(output).not.toContain('[::]')
    expect(await root(`cat ${own}`)).toBe(before)
    await root(`rm ${own}`)
    await succeeds(site, 'setup')
    expect(await root(`cat ${own}`)).not.toContain('mine')
  })
})
