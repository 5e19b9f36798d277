/**
 * The ten faults of the shell script that this program replaces, each as a test on a real host. They run in order on one host.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTask, type Site, startSite } from '../../dev/site.ts'

let site: Site

const pidOf = async (slot: string) =>
  (await site.host.exec(`systemctl show -p MainPID --value life@${slot}.service`)).stdout.trim()
const rpc = async (slot: string, expression: string) => {
  const console = site.start({}, 'eval-in', slot, expression)
  const { code, stdout, stderr } = await console.ended
  expect(stderr + stdout, `eval-in ${slot}`).toSatisfy(() => code === 0)
  return stdout.trim().split('\n').at(-1)
}
const dotenv = (text: string) => writeFile(join(site.folder, '.env'), text)

beforeAll(async () => {
  site = await startSite({
    runtime: 'beam({ stopLimit: 3 })',
    more: "env: '.env',",
    tasks: `
import { arg } from 'switchyard-deploy'
const gate = task('Wait for the gate', {
  needs: [tasks.stopIdle],
  async run({ $ }) { await $\`until [ -e gate ]; do sleep 0.1; done\` },
})
export const gated = flow('Deploy with a gate', [gate, tasks.deploy])
export const evalIn = task('Evaluate an expression in a slot', {
  args: { slot, expression: arg.text('Elixir') },
  async run({ host, runtime, slot, expression, show }) { show(await host.query(runtime.rpc(slot, expression))) },
})`,
  })
  await dotenv('')
  const setup = await site.task('setup')
  expect(setup, setup.stderr + setup.stdout).toMatchObject({ code: 0 })
})

afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const ok = async (...args: string[]) => {
  const ended = await site.task(...args)
  expect(ended, `task ${args.join(' ')}:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
  return ended
}

describe('the ten faults of the script', () => {
  it('1. promote reports the live slot only after the public answer confirmed it', async () => {
    await ok('deploy')
    const { stdout } = await ok('promote', 'blue')
    expect(stdout).toContain('blue is live')
    expect(await site.live()).toBe('blue')
  })

  it('2. a failed request to /deployment_id is not read as "deploy blue"', async () => {
    const pid = await pidOf('blue')
    await site.host.exec('systemctl stop nginx')
    const refused = await site.task('deploy')
    await site.host.exec('systemctl start nginx')
    expect(refused.code).toBe(3)
    expect(refused.stdout + refused.stderr).toMatch(/router says blue, public answer says .*records say blue/)
    expect(await pidOf('blue')).toBe(pid)
  })

  it('3. the host records which version runs where, so a second deployer sees it', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'switchyard-second-'))
    try {
      await ok('status')
      const env = { ...process.env, CI: '1', SSH_CONFIG: site.host.sshConfigFile }
      const args = ['--taskfile', join(site.folder, 'Taskfile.ts'), 'status', '--json']
      const { stdout } = await runTask(elsewhere, env, args).ended
      const events = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      const status = events.find(event => event.data?.slots)?.data
      expect(status).toMatchObject({ live: 'blue', agreed: true })
      expect(status.slots[0]).toMatchObject({
        slot: 'blue',
        health: 'healthy',
        release: expect.stringMatching(/^0\.1\.0-/),
      })
    } finally {
      await rm(elsewhere, { recursive: true, force: true })
    }
  })

  it('4. a second deploy of the same version does not unpack over the running one', async () => {
    const listing = 'cd /srv/life/releases && find . -type f -printf "%p %i %T@\\n" | sort | sha256sum'
    const before = (await site.host.exec(listing)).stdout
    const pid = await pidOf('blue')
    const { stdout } = await ok('deploy')
    expect(stdout).toContain('is already on the host')
    expect((await site.host.exec(listing)).stdout).toBe(before)
    expect(await pidOf('blue')).toBe(pid)
    expect(await pidOf('green')).not.toBe('0')
  })

  it('5. a process that does not stop is killed at the limit, and that is reported', async () => {
    await dotenv('LIFE_FAULT=ignore_sigterm\n')
    await ok('deploy')
    await dotenv('')
    const { stdout } = await ok('deploy')
    expect(stdout).toContain('green did not end by itself and was killed')
  })

  it('6. migrate runs in the idle slot by default, and reports it', async () => {
    const { stdout } = await ok('migrate')
    expect(stdout).toMatch(/0\.1\.0-\w+ in green, the idle slot/)
    const again = await ok('migrate', '--slot', 'blue', '--verbose')
    expect(again.stdout).toContain('Migrations already up')
  })

  it('7. the values of the environment file arrive byte for byte, and nothing in them is run', async () => {
    const value = `a $HOME $(touch /tmp/owned) & # " \\ ü ☃ end`
    await dotenv(`FIRST=plain\nTRICKY='${value}'\n`)
    await ok('deploy')
    const digest = createHash('sha256').update(value).digest('hex')
    expect(
      await rpc('green', 'IO.puts(:crypto.hash(:sha256, System.get_env("TRICKY")) |> Base.encode16(case: :lower))'),
    ).toBe(digest)
    expect((await site.host.exec('ls /tmp/owned')).code).not.toBe(0)
    expect((await site.host.exec('stat -c %a /srv/life/slots/green/env')).stdout.trim()).toBe('600')
  })

  it('8. a promote has a config test and a health check before the switch, and there are a lock and a journal', async () => {
    const own = '/etc/nginx/switchyard/life.conf'
    await site.host.exec(`cp ${own} /root/life.conf; echo 'listen;' >> ${own}`)
    const invalid = await site.task('promote', 'green')
    await site.host.exec(`cat /root/life.conf > ${own}`)
    expect(invalid.code).toBe(3)
    expect(invalid.stdout + invalid.stderr).toContain(own)
    expect(await site.live()).toBe('blue')

    await site.host.exec('systemctl stop life@green.service')
    const down = await site.task('promote', 'green')
    expect(down.code).toBe(3)
    expect(down.stdout + down.stderr).toContain('not running')
    expect(await site.live()).toBe('blue')

    const first = site.start({ LIFE_VERSION: '0.1.0' }, 'gated')
    await first.says(/^> Wait for the gate$/m)
    const second = await site.task('promote', 'green')
    await writeFile(join(site.folder, 'gate'), '')
    expect(second.code).toBe(3)
    expect(second.stdout + second.stderr).toMatch(/has held the lock on .* since .*: gated/)
    expect((await first.ended).code).toBe(0)

    const journal = (await site.host.exec('cat /srv/life/journal.jsonl')).stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(journal.map(entry => entry.event)).toEqual(expect.arrayContaining(['setup', 'deploy', 'promote', 'migrate']))
    expect(journal.find(entry => entry.event === 'promote')).toMatchObject({
      slot: 'blue',
      result: 'done',
      by: expect.any(String),
    })
  })

  it('9. both slots run again after a reboot of the host', async () => {
    await site.host.restart()
    await expect.poll(() => site.live()).toBe('blue')
    const health = (port: number) => site.host.exec(`curl -sf --max-time 2 http://127.0.0.1:${port}/health`)
    await expect.poll(async () => (await health(4000)).code).toBe(0)
    await expect.poll(async () => (await health(5000)).code).toBe(0)
    expect((await ok('status')).stdout).toMatch(/blue\s+live/)
  })

  it('10. each slot has a node name of its own, and an expression is evaluated in the given slot', async () => {
    expect(await rpc('blue', 'IO.puts(node())')).toContain('blue')
    expect(await rpc('green', 'IO.puts(node())')).toContain('green')
  })
})
