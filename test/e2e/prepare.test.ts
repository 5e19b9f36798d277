/** A service whose releases are prepared on the host, and which is told about each switch, on a real host. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { runTask } from '../../dev/site.ts'
import { writeApp } from '../support/app.ts'
import { exits } from '../support/ended.ts'

const SERVER = `#!/usr/bin/perl
use strict; use warnings; use IO::Socket::IP;
open my $file, '<', 'VERSION' or die; chomp(my $version = <$file>);
open my $made, '<', 'packages/list' or die "not prepared"; my $list = <$made>;
my $socket = IO::Socket::IP->new(LocalAddr => "127.0.0.1:$ENV{PORT}", Listen => 50, ReuseAddr => 1, GetAddrInfoFlags => 0) or die "cannot bind: $!\\n";
while (1) {
  my $client = $socket->accept or next;
  my $head = '';
  while ($head !~ /\\r\\n\\r\\n/) { sysread($client, $head, 4096, length $head) or last }
  my $body = $head =~ m{^GET /write } ? (open(my $new, '>', 'packages/other') ? 'written' : "$!") : qq({"version":"$version"});
  print $client "HTTP/1.1 200 X\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
  close $client;
}
`
/** Does what the file of the host says. */
const PREPARE = `#!/bin/bash
echo "installing for $SWITCHYARD_SLOT with $STAGE"
mkdir packages
case $(cat /srv/shop/mood 2>/dev/null) in
  fails) echo 'no such package' >&2; exit 7 ;;
  hangs) echo hanging; sleep 555.125 ;;
esac
echo "$STAGE $$" > packages/list
`
const TASKFILE = `
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'
const { task, flow, tasks } = project({
  app: 'shop',
  host: ssh(env.HOST ?? '', { configFile: env.SSH_CONFIG }),
  build: tarball({ path: 'app', version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim() }),
  runtime: service({
    start: 'bin/server',
    prepare: 'bin/prepare',
    promoted: 'echo "promoted $SWITCHYARD_SLOT $(cat VERSION)" >> /srv/shop/told',
    demoted: 'echo "demoted $SWITCHYARD_SLOT $(cat VERSION)" >> /srv/shop/told; [ ! -e /srv/shop/broken ]',
  }),
  router: nginx({ site: 'shop.example' }),
  env: { file: '.env', plain: ['STAGE'] },
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
export const { setup, deploy, promote, rollback, restart, repair, status, history, releases, doctor } = tasks
const fail = task('Fail', { run() { throw new Error('no') } })
export const promoteInVain = flow('Promote, then fail', [tasks.promote, fail])
`

let host: TestHost
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-prepare-'))
  await writeApp(folder, { server: SERVER, prepare: PREPARE })
  await writeFile(join(folder, 'Taskfile.ts'), TASKFILE)
  await writeFile(join(folder, '.env'), 'STAGE=production\n')
  host = await startHost()
  env = { ...process.env, CI: '1', HOST: host.alias, SSH_CONFIG: host.sshConfigFile }
  await task(0, 'setup')
  await release('1.0.0')
})
afterAll(async () => {
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

const release = (version: string) => writeFile(join(folder, 'app/VERSION'), `${version}\n`)
const run = async (command: string) => (await host.exec(command)).stdout.trim()
const task = (code: number, ...args: string[]) => exits(code, runTask(folder, env, args).ended)
/** What the hooks were told since the last call. */
async function told(): Promise<string[]> {
  const text = await run('cat /srv/shop/told 2>/dev/null; rm -f /srv/shop/told')
  return text.split('\n').filter(Boolean)
}
const live = () => run('curl -s http://127.0.0.1/deployment_id -H "Host: shop.example"')
const versionIn = (port: number) => run(`curl -s http://127.0.0.1:${port}/health`)
const names = () => run('ls /srv/shop/releases')

it('a release is prepared once, with the environment of its slot, and the application cannot write to it', async () => {
  const said = await task(0, 'deploy', '--promote', '--verbose')
  expect(said).toContain('installing for blue with production')
  // Nor does the start-up file of the account say anything in between.
  expect(said).not.toContain('bashrc')
  expect(await run('cut -d " " -f 1 /srv/shop/releases/1.0.0-*/packages/list')).toBe('production')
  expect(await run('curl -s http://127.0.0.1:4000/write')).toBe('Read-only file system')
  expect(await run('stat -c %A /srv/shop/releases/1.0.0-*/packages')).toBe('dr-xr-xr-x')
  const again = await task(0, 'deploy', '--verbose')
  expect(again).toContain('it was prepared before')
  expect(again).not.toContain('installing')
  expect(await versionIn(5000)).toBe('{"version":"1.0.0"}')
  expect(await task(0, 'doctor')).toMatch(/releases +those in use are unchanged/)
  expect(await told()).toEqual(['promoted blue 1.0.0'])
})

it('a preparation that fails ends the deploy before anything is stopped, and leaves no release', async () => {
  await run('echo fails > /srv/shop/mood; chmod a+r /srv/shop/mood')
  await release('1.1.0')
  const said = await task(1, 'deploy')
  expect(said).toMatch(/The preparation of 1\.1\.0-\w+ failed with exit code 7\./)
  expect(said).toContain('no such package')
  expect(await versionIn(4000)).toBe('{"version":"1.0.0"}')
  expect(await versionIn(5000)).toBe('{"version":"1.0.0"}')
  expect(await names()).not.toContain('1.1.0')
  expect(await task(0, 'history')).toMatch(/green +1\.1\.0-\w+ .*failed: PREPARE_FAILED/)
})

it('Ctrl-C ends a preparation on the host, with what it started, and stops nothing', async () => {
  await run('echo hangs > /srv/shop/mood')
  const running = runTask(folder, env, ['deploy', '--verbose'])
  await running.says(/hanging/)
  running.kill('SIGINT')
  expect((await running.ended).code).toBe(130)
  await expect.poll(() => run('pgrep -f "sleep [5]55.125"')).toBe('')
  expect(await versionIn(5000)).toBe('{"version":"1.0.0"}')
  await expect.poll(names).not.toContain('1.1.0')
})

it('a preparation whose client is gone is not started a second time, and one that was killed begins from the start', async () => {
  const running = runTask(folder, env, ['deploy', '--verbose'])
  await running.says(/hanging/)
  await run('pkill -KILL -u vagrant sshd')
  await running.ended
  const refused = await task(3, 'deploy', '--lock-wait', '30s')
  expect(refused).toMatch(/1\.1\.0-\w+ is still being prepared/)
  await run('rm /srv/shop/mood; pkill -KILL -u vagrant bash; pkill -KILL -u vagrant sleep')
  const said = await task(0, 'deploy', '--verbose')
  expect(said).toMatch(/1\.1\.0-\w+ was not prepared to its end\. Uploading it again\./)
  expect(said).toContain('installing for green with production')
  expect(await versionIn(5000)).toBe('{"version":"1.1.0"}')
  expect(await names()).toMatch(/^1\.0\.0-\w+\n1\.1\.0-\w+$/)
})

it('a promote and a rollback tell the application in both slots, first in the one that was live', async () => {
  await told()
  await task(0, 'promote', 'green')
  expect(await told()).toEqual(['demoted blue 1.0.0', 'promoted green 1.1.0'])
  await task(0, 'rollback')
  expect(await told()).toEqual(['demoted green 1.1.0', 'promoted blue 1.0.0'])
})

it('a promote that a later step undoes tells the application that too', async () => {
  await task(1, 'promote-in-vain', 'green')
  expect(await live()).toBe('blue')
  expect(await told()).toEqual([
    ...['demoted blue 1.0.0', 'promoted green 1.1.0'],
    ...['demoted green 1.1.0', 'promoted blue 1.0.0'],
  ])
})

it('a hook that fails is reported, the switch stands, and a repair runs the hooks again', async () => {
  await run('touch /srv/shop/broken')
  const said = await task(0, 'promote', 'green')
  expect(said).toContain('warning: The hook `demoted` of blue failed with exit code 1.')
  expect(await live()).toBe('green')
  expect(await told()).toEqual(['demoted blue 1.0.0', 'promoted green 1.1.0'])
  expect(await task(0, 'history')).toMatch(/hook +blue .*failed: HOOK_FAILED/)
  await run('rm /srv/shop/broken')
  await task(0, 'repair')
  expect(await told()).toEqual(['demoted blue 1.0.0', 'promoted green 1.1.0'])
})
