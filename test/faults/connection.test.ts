/** Faults of the connection: keys, names, ports, and a network that is cut, dead or slow. */
import { execFile } from 'node:child_process'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../dev/site.ts'
import { startSlowProxy } from '../../dev/slow-proxy.ts'
import {
  deployNext,
  faultSite,
  heavyNext,
  leftovers,
  sshConfig,
  throughPort,
  underFault,
} from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite()
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const logins = async () => (await site.host.exec("journalctl -u ssh --no-pager | grep -c 'Accepted publickey'")).stdout

describe('a deploy before its login', () => {
  it('F01 to a host whose key has changed is refused before authentication, with both fingerprints', async () => {
    const swap =
      'cd /etc/ssh && for f in ssh_host_*_key*; do mv "$f" "/root/$f"; done && ssh-keygen -A && systemctl restart ssh'
    const back = 'mv /root/ssh_host_* /etc/ssh/ && systemctl restart ssh'
    const fingerprints = async () => {
      const { stdout } = await site.host.exec(
        "for f in /etc/ssh/*_key.pub; do ssh-keygen -lf $f; done | grep -o 'SHA256:[^ ]*'",
      )
      return stdout.trim().split('\n')
    }
    const old = await fingerprints()
    expect(await site.host.exec(swap)).toMatchObject({ code: 0 })
    const changed = await fingerprints()
    const before = await logins()
    const { stderr } = await underFault(site, () => deployNext(site), {
      exit: 3,
      cause: /host key .* has changed: it presents .* known_hosts has .*\[HOST_KEY_CHANGED\]/,
      next: /somebody may be intercepting the connection/,
      heal: async () => {
        expect(await logins()).toBe(before)
        expect(await site.host.exec(back)).toMatchObject({ code: 0 })
      },
    })
    expect(changed.some(shown => stderr.includes(shown))).toBe(true)
    expect(old.some(known => stderr.includes(known))).toBe(true)
  })

  it('F02 to a host with an unknown key is refused without a terminal, with the right line to add', async () => {
    const known = join(site.folder, 'known_hosts.empty')
    await writeFile(known, '')
    const config = await sshConfig(site, 'unknown', text =>
      text
        .replace(/UserKnownHostsFile .*/, `UserKnownHostsFile "${known}"`)
        .replace('StrictHostKeyChecking yes', 'StrictHostKeyChecking ask'),
    )
    const before = await logins()
    const { stderr } = await underFault(site, () => deployNext(site, { SSH_CONFIG: config }), {
      exit: 3,
      cause: /host key of .* is not known: \S+ SHA256:/,
      next: /add its line: `echo '.+' >> /,
      heal: async () => expect(await logins()).toBe(before),
    })
    const [, line = ''] = /add its line: `echo '(.+)' >> /.exec(stderr) ?? []
    await appendFile(known, `${line}\n`)
    expect(await site.taskWith({ SSH_CONFIG: config }, 'status')).toMatchObject({ code: 0 })
  })

  it('F03 with a wrong key and an empty agent fails within 5 s, with the user and the keys that were tried', async () => {
    const key = join(site.folder, 'stranger')
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const config = await sshConfig(site, 'stranger', text => text.replace(/IdentityFile .*/, `IdentityFile "${key}"`))
    await underFault(site, () => deployNext(site, { SSH_CONFIG: config }), {
      exit: 1,
      cause: /Authentication failed for vagrant@127\.0\.0\.1; tried .*stranger/,
      next: /next: .+/,
      within: 5_000,
    })
  })

  it('F04 to a closed port fails within 10 s', async () => {
    const unused = await startSlowProxy(1, {})
    await unused[Symbol.asyncDispose]()
    const config = await throughPort(site, unused.port)
    await underFault(site, () => deployNext(site, { SSH_CONFIG: config }), {
      exit: 1,
      cause: /Cannot reach 127\.0\.0\.1:\d+: connection refused/,
      next: /Check that the machine is up/,
      within: 10_000,
    })
  })

  it('F04 to a host whose sshd is stopped fails within 10 s', async () => {
    expect(await site.host.exec('systemctl stop ssh')).toMatchObject({ code: 0 })
    await underFault(site, () => deployNext(site), {
      exit: 1,
      cause: /SSH_HANDSHAKE_FAILED|HOST_UNREACHABLE/,
      next: /: `ssh .*life-test true`/,
      within: 10_000,
      heal: () => site.host.exec('systemctl start ssh'),
    })
  })

  it('F04 to a name that does not resolve fails within 10 s', async () => {
    const config = await sshConfig(site, 'nowhere', text =>
      text.replace('HostName 127.0.0.1', 'HostName nowhere.invalid'),
    )
    await underFault(site, () => deployNext(site, { SSH_CONFIG: config }), {
      exit: 1,
      cause: /The name nowhere\.invalid does not resolve/,
      next: /Check the name/,
      within: 10_000,
    })
  })
})

/** Finds the sshd processes that serve a connection each, without the one that listens. */
const CHILDREN = "pgrep -f '^sshd: vagrant'"

describe('an upload', () => {
  it('F05 whose connection is cut leaves only a temporary folder, and a rerun works', async () => {
    await using proxy = await startSlowProxy(site.host.sshPort, { rate: 2_000_000 })
    const config = await throughPort(site, proxy.port)
    const heavy = await heavyNext(site)
    let partial: string[] = []
    await underFault(
      site,
      async () => {
        const running = site.start({ ...heavy, SSH_CONFIG: config }, 'deploy', '--verbose')
        await running.says(/\| [3-6]\.\d MB of \d+\.\d MB/)
        partial = await leftovers(site)
        expect(await site.host.exec(`kill -KILL $(${CHILDREN})`)).toMatchObject({ code: 0 })
        return running.ended
      },
      {
        exit: 1,
        cause: /The connection to .* was lost during: .*upload of 0\.1\.1-\w+.*\(/,
        again: heavy,
        next: /Check the state of the host/,
      },
    )
    expect(partial).toEqual([expect.stringMatching(/^\.0\.1\.1-/)])
  })

  it('F07 over a network that goes silent fails within 20 s', async () => {
    await using proxy = await startSlowProxy(site.host.sshPort, { rate: 2_000_000 })
    const config = await throughPort(site, proxy.port)
    const heavy = await heavyNext(site)
    let frozenAt = 0
    let noticedAt = 0
    await underFault(
      site,
      async () => {
        const running = site.start({ ...heavy, SSH_CONFIG: config }, 'deploy', '--verbose')
        await running.says(/\| [3-6]\.\d MB of \d+\.\d MB/)
        expect(await site.host.exec(`kill -STOP $(${CHILDREN})`)).toMatchObject({ code: 0 })
        frozenAt = performance.now()
        await running.says(/^failed: Upload/m)
        noticedAt = performance.now()
        return running.ended
      },
      {
        exit: 1,
        cause: /The connection to .* was lost during: .*upload of 0\.1\.1-\w+.*\(no answer for \d+ s/,
        next: /Check the state of the host/,
        lockWithin: 20_000,
        again: heavy,
        heal: () => site.host.exec(`kill -CONT $(${CHILDREN})`),
      },
    )
    expect(noticedAt - frozenAt).toBeGreaterThan(0)
    expect(noticedAt - frozenAt).toBeLessThan(20_000)
  })

  it('F08 over a slow network, 300 ms each way, succeeds and its time is shown', async () => {
    await using proxy = await startSlowProxy(site.host.sshPort, { delayMs: 300 })
    const config = await throughPort(site, proxy.port)
    const { stdout } = await underFault(site, () => deployNext(site, { SSH_CONFIG: config }), { exit: 0 })
    const [, seconds] = /Deploy to the idle slot: done in (\d+(?:\.\d)?) s/.exec(stdout) ?? []
    // A handshake and a dozen sequential commands of at least one round trip each.
    expect(Number(seconds)).toBeGreaterThan(5)
  })
})
