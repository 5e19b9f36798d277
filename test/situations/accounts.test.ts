/** A host over SSH on servers that grant few sessions, and with unusual accounts. */
import { existsSync, realpathSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import type { Host } from '../../host/host.ts'
import { capture } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { moveLink } from '../../plugins/router/live-link.ts'
import { faultOf, setting } from '../contract/host.ts'

let box: TestHost
beforeAll(async () => {
  box = await startHost()
})
afterAll(() => box?.stop())

/** systemd refuses more than five starts in ten seconds, so its counter is reset first. */
const RESTART = 'systemctl reset-failed ssh && systemctl restart ssh'

/** Adds lines to the configuration of sshd until the test has ended. */
async function sshd(...lines: string[]): Promise<void> {
  const file = '/etc/ssh/sshd_config.d/00-test.conf'
  onTestFinished(async () => void (await box.exec(`rm -f ${file} && ${RESTART}`)))
  const { code, stderr } = await box.exec(`printf '%s\n' ${sh.read`${lines}`.text} > ${file} && ${RESTART}`)
  expect(code, stderr).toBe(0)
}

const open = async (): Promise<Host> => {
  const host = await ssh(box.alias, { configFile: box.sshConfigFile }).open(setting())
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

describe('F51 a script in a batch', () => {
  test.each([0, 1])('does not switch the route when its folder has %i inodes left', async left => {
    const router = '/home/vagrant/router'
    // The live route takes four inodes: the folder itself, the link, and a folder with a file.
    const { code, stderr } = await box.exec(`set -e
mkdir ${router}
mount -t tmpfs -o nr_inodes=${4 + left},mode=0755,uid=$(id -u vagrant) tmpfs ${router}`)
    onTestFinished(async () => void (await box.exec(`umount ${router} && rmdir ${router}`)))
    expect(code, stderr).toBe(0)
    const host = await open()
    const before = sh.write`cd ${router}; mkdir blue.1; : > blue.1/blue; ln -s blue.1 live`
    expect(await host.run(before)).toMatchObject({ code: 0 })
    const batch = host.pipeline()
    const added = [sh.write`true`, moveLink(router, 'green', '2'), sh.write`touch next`].map(script =>
      batch.add(capture(script)),
    )
    await batch.run().catch(() => undefined)
    const [, switched, skipped] = await Promise.allSettled(added)
    expect(switched).toMatchObject({
      reason: { code: 'COMMAND_FAILED', detail: expect.stringContaining('No space left on device') },
    })
    expect(skipped).toMatchObject({ reason: { code: 'COMMAND_SKIPPED' } })
    expect((await box.exec(`readlink ${router}/live; ls /home/vagrant/next`)).stdout).toBe('blue.1\n')
  })
})

describe('F66 a server that grants few sessions', () => {
  test.each([1, 2, 3])(
    'with MaxSessions %i runs other scripts next to spawned ones, and can end each',
    async allowed => {
      await sshd(`MaxSessions ${allowed}`)
      const host = await open()
      const held = [await host.spawn(sh.read`cat`), await host.spawn(sh.read`cat`)]
      expect(await host.capture(sh.read`echo beside`)).toBe('beside')
      expect(await faultOf(host.run(sh.read`sleep 617`, { timeout: 500 }))).toMatchObject({ code: 'COMMAND_TIMED_OUT' })
      await expect.poll(async () => (await box.exec('pgrep -fx "sleep 617"')).stdout).toBe('')
      for (const process of held) await process[Symbol.asyncDispose]()
    },
  )

  test('with MaxSessions 0 is reported immediately', async () => {
    await sshd('MaxSessions 0')
    const fault = await faultOf((await open()).capture(sh.read`true`))
    expect(fault).toMatchObject({ code: 'NO_SESSION', exitCode: 1, hint: expect.stringContaining('MaxSessions') })
  })

  /** Opens connections without a login, until the server refuses further ones. */
  const strangers = async (count: number) => {
    const sockets = Array.from({ length: count }, () => dial(box.sshPort, '127.0.0.1'))
    const end = () => {
      for (const socket of sockets) socket.destroy()
    }
    onTestFinished(end)
    await Promise.all(sockets.map(socket => new Promise(resolve => socket.once('data', resolve))))
    return end
  }

  test('with MaxStartups is tried again after a refused connection, and named as the possible cause', async () => {
    await sshd('MaxStartups 2:100:2')
    const end = await strangers(2)
    const fault = await faultOf((await open()).capture(sh.read`true`))
    expect(fault).toMatchObject({ code: 'SSH_HANDSHAKE_FAILED', message: expect.stringContaining('MaxStartups') })
    const host = await open()
    const output = host.capture(sh.read`echo in`)
    setTimeout(end, 1_500)
    expect(await output).toBe('in')
  })

  test('with ChannelTimeout may close idle shells at any time, and is named as the cause when a script is lost', async () => {
    await sshd('ChannelTimeout session:*=6s')
    const host = await open()
    host.connect?.()
    expect(await host.capture(sh.read`echo first`)).toBe('first')
    const held = await host.spawn(sh.read`cat`)
    await held.ended
    expect(await host.capture(sh.read`echo later`)).toBe('later')
    const lost = await faultOf(host.run(sh.write`sleep 618`))
    expect(lost).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('ChannelTimeout') })
    expect(await host.capture(sh.read`echo still`)).toBe('still')
  })
})

describe('F69 the account', () => {
  const home = '/home/vagrant'
  /** Replaces a start-up file of the account until the test has ended. */
  const startUp = async (lines: string, file = '.bashrc') => {
    onTestFinished(async () => {
      const old = await box.exec(`cd ${home} && rm -f ${file} && { [ ! -e ${file}.old ] || mv ${file}.old ${file}; }`)
      expect(old.code, old.stderr).toBe(0)
    })
    const { code, stderr } = await box.exec(
      `cd ${home} && { [ ! -e ${file} ] || mv ${file} ${file}.old; } && printf '%s\n' ${sh.read`${lines}`.text} > ${file} && chown vagrant: ${file}`,
    )
    expect(code, stderr).toBe(0)
  }
  const loginShell = async (path: string) => {
    onTestFinished(async () => void (await box.exec('usermod --shell /bin/bash vagrant')))
    const { code, stderr } = await box.exec(`usermod --shell ${path} vagrant`)
    expect(code, stderr).toBe(0)
  }
  /** Checks that every kind of command works as usual. */
  const works = async () => {
    onTestFinished(async () => void (await box.exec('pkill -KILL -fx "sleep 619"')))
    const host = await open()
    const text = `${'line\n'.repeat(50_000)}end`
    await host.write('file', text)
    expect(await host.run(sh.read`wc -c < file; echo err >&2; false | true; echo never`)).toEqual({
      code: 1,
      stdout: `${text.length}\n`,
      stderr: 'err\n',
    })
    expect(await Promise.all(['a', 'b'].map(word => host.capture(sh.read`cat <(echo ${word}); rm -f file`)))).toEqual([
      'a',
      'b',
    ])
    expect((await host.$`echo ${'it"s $HOME'}`).stdout).toBe('it"s $HOME\n')
    const lines = ['set -eu', `it='is! \\n "$HOME'`, `if ! [ "$it" = 'is! \\n "$HOME' ]; then exit 8; fi; exit 7`]
    expect(await host.attach(lines.join('\n'))).toBe(7)
    expect(await faultOf(host.run(sh.read`sleep 619`, { timeout: 300 }))).toMatchObject({ code: 'COMMAND_TIMED_OUT' })
    await expect.poll(async () => (await box.exec('pgrep -fx "sleep 619"')).stdout).toBe('')
  }

  test.each([
    ['an alias', "shopt -s expand_aliases; alias exec='echo mine' bash='echo mine' cat='echo mine'"],
    [
      'exported functions',
      'for f in bash cat printf eval head kill mv; do eval "$f() { echo mine; }"; export -f "$f"; done',
    ],
    ['POSIXLY_CORRECT', 'export POSIXLY_CORRECT=1'],
    [
      'options and a start-up file for each bash',
      "echo 'exit 9' > ~/each; export BASH_ENV=~/each SHELLOPTS; set -o noclobber; set -o posix",
    ],
    ['output of the start-up file', 'printf "Welcome\\0 to \\0\\n the host"; echo "do not disturb" >&2'],
    ['a start-up file that reads its input with a timeout', 'read -r -t 0.1 line || :'],
  ])('works with %s', async (_, lines) => {
    await startUp(lines)
    await works()
  })

  test('works with rbash', async () => {
    await loginShell('/bin/rbash')
    await works()
  })

  test('works with a POSIX shell that is not bash', async () => {
    await loginShell('/bin/dash')
    await works()
  })

  test.each(['/bin/tcsh', '/bin/zsh'].filter(existsSync))('works with %s', async shell => {
    await box.copyIn(realpathSync(shell), shell)
    await loginShell(shell)
    await works()
  })

  test.each([
    ['starts another shell', 'exec sh', /another program in its place/],
    ['reads the input', 'cat > ~/stolen; . ~/stolen', /reads the standard input/],
    ['ends', 'echo "closed today"; exit 1', /ended with code 1 .*closed today/],
  ])(
    'is rejected with an error when its start-up file %s, which receives and runs no script',
    async (_, lines, cause) => {
      await startUp(lines)
      const host = await open()
      const fault = await faultOf(host.run(sh.write`touch ${join(home, 'ran')}; exit`))
      expect(fault).toMatchObject({ code: 'NO_BASH', exitCode: 1, hint: expect.stringContaining('~/.bashrc') })
      expect(fault.message).toMatch(cause)
      expect(fault.message).not.toContain('\n')
      expect((await box.exec(`ls ${home}/ran; cat ${home}/stolen; rm -f ${home}/stolen`)).stdout).toBe('')
    },
  )
})
