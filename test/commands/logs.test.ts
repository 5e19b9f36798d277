/** `logs`, `exec` and `rpc` on a site with two slots. */

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TASK } from '../../dev/paths.ts'
import { type Ended, type Site, startSite } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'

const SECRET = 'hunter2-hunter2'

let site: Site
const root = (command: string) => runAsRoot(site.host, command)
const succeeds = async (...args: string[]): Promise<Ended> => {
  const ended = await site.task(...args)
  expect(ended.stdout + ended.stderr, args.join(' ')).toSatisfy(() => ended.code === 0)
  return ended
}
const printed = ({ stdout }: Ended) => stdout.split('\n').slice(0, -1)
const events = (ended: Ended) => printed(ended).map(line => JSON.parse(line))

/** Makes the application in a slot write a line to its log. */
async function write(slot: string, line: string): Promise<void> {
  await succeeds('rpc', '--slot', slot, `IO.puts(:user, ${JSON.stringify(line)})`)
  await root('journalctl --sync')
}

/** Before the first promote. */
let unpromoted: Ended

beforeAll(async () => {
  site = await startSite({ more: "env: '.env',", tasks: 'export const { logs, exec, rpc } = tasks' })
  await writeFile(join(site.folder, '.env'), `API_KEY=${SECRET}\n`)
  await succeeds('setup')
  await succeeds('deploy')
  unpromoted = await site.task('exec', '--', 'true')
  await succeeds('promote', 'blue')
  const next = await site.taskWith({ LIFE_VERSION: '0.1.1' }, 'deploy')
  expect(next.stderr).toBe('')
  await write('blue', 'ping one')
  await write('green', 'ping two')
  await write('blue', 'ping "three" [a.c]')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

describe('task logs', () => {
  it('shows the lines of both slots in the order of time, each after its slot, and nothing else', async () => {
    const { stdout, stderr } = await succeeds('logs')
    expect(stderr).toBe('')
    const lines = stdout.trimEnd().split('\n')
    expect(lines.filter(line => !/^(?:blue |green) \| /.test(line))).toEqual([])
    expect(lines.filter(line => line.includes('ping'))).toEqual([
      'blue  | ping one',
      'green | ping two',
      'blue  | ping "three" [a.c]',
    ])
    expect(stdout).toMatch(/^blue {2}\| systemd: Started life@blue\.service/m)
  })

  it('shows one slot, the newest lines, those since a time and those with a text', async () => {
    expect(printed(await succeeds('logs', '--slot', 'green', '--grep', 'ping'))).toEqual(['ping two'])
    expect(printed(await succeeds('logs', '-n1'))).toEqual(['blue  | ping "three" [a.c]'])
    expect(printed(await succeeds('logs', '--since', '1h', '--grep', '"three" [a.c'))).toEqual([
      'blue  | ping "three" [a.c]',
    ])
    expect(printed(await succeeds('logs', '--since', '1ms'))).toEqual([])
  })

  it('does not let a text for --grep run anything on the host', async () => {
    const text = `$(touch /tmp/injected) \`touch /tmp/injected\` '; touch /tmp/injected; ' " | touch /tmp/injected #`
    expect(printed(await succeeds('logs', '--grep', text))).toEqual([])
    expect((await site.host.exec('ls /tmp/injected')).code).not.toBe(0)
  })

  it('has each line as an event with slot, time and text with --json', async () => {
    const all = events(await succeeds('logs', '--json', '--grep', 'ping t'))
    const prints = all.filter(({ type }) => type === 'print')
    expect(prints.map(({ line, data }) => [line, data])).toEqual([
      ['ping two', { slot: 'green', time: expect.stringMatching(/^\d{4}-.*Z$/), text: 'ping two' }],
    ])
    expect(Math.abs(Date.parse(prints[0].data.time) - Date.now())).toBeLessThan(600_000)
    expect(all.at(-1)).toMatchObject({ type: 'result', ok: true })
  })

  it('hides secrets, and lets no terminal code through', async () => {
    await write('green', `key ${SECRET} \u001b[2J\u001b[31mred\u001b[0m \u0007`)
    const { stdout } = await succeeds('logs', '--slot', 'green', '-n', '1')
    expect(stdout).toBe('key [hidden] red \\x07\n')
  })

  it('in a terminal colours the slots', async () => {
    const { stdout } = await site.inTerminal({}, 'logs', '--grep', 'ping').ended
    expect(stdout.replaceAll('\r', '')).toContain('\x1b[32mgreen\x1b[0m | ping two\n')
    expect(stdout).not.toContain('Show the')
  })

  it('refuses an invalid time, number or slot before anything is contacted', async () => {
    for (const args of [
      ['--since', 'noon'],
      ['-n', '-3'],
      ['--slot', 'red'],
    ])
      expect(await site.task('logs', ...args)).toMatchObject({ code: 2, stdout: '' })
  })

  it('follows both slots over a restart and a stop, until Ctrl-C', async () => {
    const running = site.start({}, 'logs', '-f', '-n', '0')
    // It is connected when a line that is written now arrives.
    const connected = running.says(/^blue {2}\| tick$/m).then(() => true)
    for (let done = false; !done; ) {
      await write('blue', 'tick')
      done = await Promise.race([connected, new Promise<false>(resolve => setTimeout(resolve, 500, false))])
    }
    await root('systemctl restart life@green')
    await running.says(/^green \| systemd: Started life@green/m)
    await expect.poll(async () => (await site.task('rpc', '--slot', 'green', '1')).code).toBe(0)
    await write('green', 'after the restart')
    await running.says(/^green \| after the restart$/m)
    await root('systemctl stop life@green')
    await running.says(/^green \| systemd: Stopped life@green/m)
    await root('systemctl start life@green')
    // A quiet log is no reason to end.
    await new Promise(resolve => setTimeout(resolve, 1000))
    running.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    expect(stdout.match(/after the restart/g)).toHaveLength(1)
    await expect.poll(async () => (await site.host.exec("pgrep -fc '[j]ournalctl.*--follow'")).stdout).toBe('0\n')
  })

  it('fails when the connection is lost while it follows', async () => {
    const running = site.start({}, 'logs', '-f', '--grep', 'ping')
    await running.says(/ping two/)
    await expect.poll(async () => (await site.host.exec("pgrep -fc '[j]ournalctl.*--follow'")).stdout).not.toBe('0\n')
    await root("pkill -KILL -f '^sshd: vagrant'")
    const { code, stderr } = await running.ended
    expect(stderr).toMatch(
      /^error: The connection to life-test was lost while the log of \w+ was followed\. \[LOG_CUT\]/,
    )
    expect(code).toBe(1)
  })

  it('that the account may not read is refused with what to do, and readable by a member of systemd-journal', async () => {
    await root(
      'for group in adm systemd-journal; do gpasswd -d vagrant $group || :; done; mkdir /root/away; mv /etc/sudoers.d/* /root/away/',
    )
    try {
      const { code, stdout, stderr } = await site.task('logs')
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toMatch(/^error: vagrant may not read the log of blue on life-test\. \[LOG_DENIED\]/)
      expect(stderr).toContain('Run `npx task setup`; or add vagrant to the group')
      expect(stderr).toContain('`usermod -aG systemd-journal vagrant`')
      await root('usermod -aG systemd-journal vagrant')
      expect(printed(await succeeds('logs', '--grep', 'ping two'))).toEqual(['green | ping two'])
    } finally {
      await root('mv /root/away/* /etc/sudoers.d/; gpasswd -d vagrant systemd-journal')
    }
  })
})

describe('task exec', () => {
  it('refuses to guess a slot while none is live', () => {
    expect(unpromoted).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('[NO_SLOT_LIVE]') })
  })

  it("runs a command in the live slot's release, or in that of --slot, with its environment", async () => {
    const line = 'pwd -P; echo "$PORT $SWITCHYARD_SLOT $1"; id -un'
    const live = await succeeds('exec', '--', 'bash', '-c', line, '-', "it's")
    expect(live.stdout).toMatch(/^\/srv\/life\/releases\/0\.1\.0-\w{7}\n4000 blue it's\nvagrant\n$/)
    const idle = await succeeds('exec', '--slot', 'green', '--', 'bash', '-c', line)
    expect(idle.stdout).toMatch(/^\/srv\/life\/releases\/0\.1\.1-\w{7}\n5000 green \nvagrant\n$/)
    expect(live.stderr + idle.stderr).toBe('')
  })

  it("runs the release's own program beside the running application", async () => {
    expect((await succeeds('exec', '--', 'bin/life', 'rpc', 'IO.puts(Life.version())')).stdout).toBe('0.1.0\n')
    expect((await succeeds('exec', '--', 'bin/life', 'eval', 'IO.puts(1 + 1)')).stdout).toBe('2\n')
  })

  it('exits with the exit code of the command, keeps its two outputs apart, and hides secrets', async () => {
    const ended = await site.task('exec', '--', 'bash', '-c', 'echo "$API_KEY"; echo oh >&2; exit 3')
    expect(ended).toEqual({ code: 3, stdout: '[hidden]\n', stderr: 'oh\n' })
    const missing = await site.task('exec', '--', 'no-such-command')
    expect(missing).toMatchObject({
      code: 127,
      stdout: '',
      stderr: expect.stringContaining('no-such-command: not found'),
    })
  })

  it('passes on standard input', async () => {
    const env = { ...process.env, CI: '1', SSH_CONFIG: site.host.sshConfigFile }
    const line = `printf 'one\\ntwo' | ${process.execPath} ${TASK} exec -- wc -c`
    const { stdout } = await promisify(execFile)('bash', ['-c', line], { cwd: site.folder, env })
    expect(stdout).toBe('7\n')
  })

  it('has events with --json, and only prints the command in a dry run', async () => {
    const all = events(await site.task('exec', '--json', '--', 'bash', '-c', 'echo a; exit 5'))
    expect(all.filter(({ type }) => type === 'print')).toMatchObject([
      { line: 'a', to: 'stdout', data: { slot: 'blue', from: 'stdout' } },
    ])
    expect(all.at(-1)).toMatchObject({ type: 'result', ok: false, exitCode: 5 })
    const dry = await succeeds('exec', '--dry-run', '--', 'touch', '/tmp/from-a-dry-run')
    expect(dry.stdout).toContain('exec -- touch /tmp/from-a-dry-run')
    expect((await site.host.exec('ls /tmp/from-a-dry-run')).code).not.toBe(0)
  })

  it('has the terminal, if there is one', async () => {
    const shell = site.inTerminal({}, 'exec', '--slot', 'green', '--', 'bash', '--norc', '-i')
    await shell.says(/\$ /)
    shell.type('test -t 0 && echo "tty in $SWITCHYARD_SLOT"; exit 6\n')
    await shell.says(/^tty in green/m)
    expect((await shell.ended).code).toBe(6)
  })

  it('is ended by Ctrl-C, with its command', async () => {
    const running = site.start({}, 'exec', '--', 'bash', '-c', 'echo begun; sleep 4321')
    await running.says(/begun/)
    running.kill('SIGINT')
    expect(await running.ended).toEqual({ code: 130, stdout: 'begun\n', stderr: '' })
    await expect.poll(async () => (await site.host.exec("pgrep -fc '[s]leep 4321'")).stdout).toBe('0\n')
  })

  it('without -- is refused', async () => {
    const { code, stderr } = await site.task('exec', 'ls')
    expect(code).toBe(2)
    expect(stderr).toContain('Write: `npx task exec -- <command>...`.')
  })
})

describe('task rpc', () => {
  it('prints what an expression prints in the live slot, or in that of --slot', async () => {
    expect(await succeeds('rpc', 'IO.puts("#{Life.version()}\\n$HOME")')).toMatchObject({
      stdout: '0.1.0\n$HOME\n',
      stderr: '',
    })
    expect(await succeeds('rpc', '--slot', 'green', 'IO.puts(node())')).toMatchObject({
      stdout: 'life_green@127.0.0.1\n',
    })
  })

  it('fails with the output of an expression that fails', async () => {
    const { code, stdout, stderr } = await site.task('rpc', 'raise "no such luck"')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('no such luck')
    expect(stderr).toContain('[RPC_FAILED]')
  })
})
