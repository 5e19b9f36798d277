import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { $ as zx } from 'zx/core'
import { startHost, type TestHost } from '../../dev/host.ts'
import { startSlowProxy } from '../../dev/slow-proxy.ts'
import type { Host } from '../../host/host.ts'
import { sh } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { faultOf, hostContract, rejection, setting } from './host.ts'

const $ = zx({ quiet: true, env: { ...process.env, SHLVL: '2' } })

hostContract('a host over SSH', async () => {
  const box = await startHost()
  return {
    transport: ssh(box.alias, { configFile: box.sshConfigFile }),
    driver: ['ssh', box.alias, box.sshConfigFile],
    beside: async command => (await box.exec(`runuser -u ${box.user} -- bash -c ${sh.read`${command}`.text}`)).stdout,
    [Symbol.asyncDispose]: () => box.stop(),
  }
})

describe('SSH', () => {
  let box: TestHost
  let folder: string
  const opened: Host[] = []
  beforeAll(async () => {
    box = await startHost()
  })
  afterAll(() => box?.stop())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchyard-ssh-'))
  })
  afterEach(async () => {
    for (const host of opened.splice(0)) await host[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  /** A `confirm` that always gives this answer, and the questions that it was asked. */
  const person = (answer: boolean) => {
    const questions: string[] = []
    return { questions, confirm: async (question: string) => questions.push(question) > 0 && answer }
  }
  const open = async (target: string, configFile: string, more: Partial<ReturnType<typeof setting>> = {}) => {
    const host = await ssh(target, { configFile }).open({ ...setting(), ...more })
    opened.push(host)
    return host
  }
  /** The host's own entry, after lines that override it. */
  const config = async (...lines: string[]): Promise<string> => {
    const file = join(folder, 'ssh_config')
    await writeFile(
      file,
      `Host ${box.alias}\n${lines.map(line => `  ${line}\n`).join('')}\n${await readFile(box.sshConfigFile, 'utf8')}`,
    )
    return file
  }
  const knownHosts = async (text: string): Promise<string> => {
    const file = join(folder, 'known_hosts')
    await writeFile(file, text)
    return file
  }
  const realKeys = () => readFile(box.knownHostsFile, 'utf8')
  const makeKey = async (name: string, ...options: string[]) => {
    const file = join(folder, name)
    await $`ssh-keygen -q -t ed25519 -N ${''} -f ${file} ${options}`
    return file
  }
  const fingerprint = async (publicKeyFile: string) =>
    (await $`ssh-keygen -lf ${publicKeyFile}`.text()).split(' ')[1] ?? ''
  const hello = sh.read`echo hello`

  describe('the host key', () => {
    test('is refused when it is unknown and nobody can be asked, with the line that would add it', async () => {
      const file = await knownHosts('')
      const host = await open(box.alias, await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking ask'))
      const fault = await faultOf(host.capture(hello))
      expect(fault).toMatchObject({ code: 'HOST_KEY_UNKNOWN', exitCode: 3 })
      expect(fault.message).toContain('SHA256:')
      expect(await readFile(file, 'utf8')).toBe('')
      const [, line = ''] = /echo '(.*)' >> /.exec(fault.hint) ?? []
      expect((await realKeys()).split('\n').map(row => row.split(' ').slice(0, 3).join(' '))).toContain(line)
      await writeFile(file, `${line}\n`)
      expect(await host.capture(hello)).toBe('hello')
    })

    test('is confirmed in a terminal when it is unknown, and then remembered', async () => {
      const file = await knownHosts('other.example ssh-ed25519 AAAA')
      const configFile = await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking ask')
      const { questions, confirm } = person(true)
      expect(await (await open(box.alias, configFile, { confirm })).capture(hello)).toBe('hello')
      expect(questions).toHaveLength(1)
      expect(questions[0]).toMatch(/SHA256:/)
      const lines = (await readFile(file, 'utf8')).split('\n')
      expect(lines[0]).toBe('other.example ssh-ed25519 AAAA')
      expect(lines[1]).toContain(`[127.0.0.1]:${box.sshPort} `)
      expect(await (await open(box.alias, configFile, { confirm })).capture(hello)).toBe('hello')
      expect(questions).toHaveLength(1)
      expect(
        (await $`ssh -F ${configFile} -o StrictHostKeyChecking=yes ${box.alias} echo plain ssh`.text()).trim(),
      ).toBe('plain ssh')
    })

    test('is stored as a hash if the configuration says so', async () => {
      const file = await knownHosts('')
      const configFile = await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking ask', 'HashKnownHosts yes')
      expect(await (await open(box.alias, configFile, person(true))).capture(hello)).toBe('hello')
      expect(await readFile(file, 'utf8')).toMatch(/^\|1\|/)
      expect(await (await open(box.alias, configFile)).capture(hello)).toBe('hello')
    })

    test('is added without a question only if the configuration says accept-new', async () => {
      const file = await knownHosts('')
      const { questions, confirm } = person(false)
      const configFile = await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking accept-new')
      expect(await (await open(box.alias, configFile, { confirm })).capture(hello)).toBe('hello')
      expect(questions).toEqual([])
      expect(await readFile(file, 'utf8')).toContain(`[127.0.0.1]:${box.sshPort} `)
    })

    test('is asked about with StrictHostKeyChecking "no", and refused without a question with "yes"', async () => {
      const file = await knownHosts('')
      const no = person(false)
      const lax = await open(box.alias, await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking no'), no)
      expect(await faultOf(lax.capture(hello))).toMatchObject({ code: 'HOST_KEY_UNKNOWN' })
      expect(no.questions).toHaveLength(1)
      const yes = person(true)
      const strict = await open(box.alias, await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking yes'), yes)
      expect(await faultOf(strict.capture(hello))).toMatchObject({ code: 'HOST_KEY_UNKNOWN' })
      expect(yes.questions).toEqual([])
    })

    test('is always refused when it has changed, with both fingerprints', async () => {
      const other = await makeKey('other')
      const shown = (await realKeys()).split('\n').find(line => line.includes('ssh-ed25519')) ?? ''
      await writeFile(join(folder, 'real.pub'), shown.split(' ').slice(1).join(' '))
      const [type, key] = (await readFile(`${other}.pub`, 'utf8')).split(' ')
      const file = await knownHosts(`[127.0.0.1]:${box.sshPort} ${type} ${key}\n`)
      const { questions, confirm } = person(true)
      const host = await open(
        box.alias,
        await config(`UserKnownHostsFile ${file}`, 'StrictHostKeyChecking accept-new'),
        { confirm },
      )
      const fault = await faultOf(host.capture(hello))
      expect(fault).toMatchObject({ code: 'HOST_KEY_CHANGED', exitCode: 3 })
      expect(fault.message).toContain(await fingerprint(`${other}.pub`))
      expect(fault.message).toContain(await fingerprint(join(folder, 'real.pub')))
      expect(questions).toEqual([])
    })

    test('is found by a hashed name, in the second of several files, and by an alias', async () => {
      const hashed = await knownHosts(await realKeys())
      await $`ssh-keygen -H -f ${hashed}`
      expect(await readFile(hashed, 'utf8')).not.toContain('127.0.0.1')
      const twoFiles = await config(`UserKnownHostsFile ${join(folder, 'none')} ${hashed}`)
      expect(await (await open(box.alias, twoFiles)).capture(hello)).toBe('hello')
      const aliased = join(folder, 'aliased')
      await writeFile(aliased, (await realKeys()).replace(/^\S+/gm, 'web.example'))
      const byAlias = await config(`UserKnownHostsFile ${aliased}`, 'HostKeyAlias web.example')
      expect(await (await open(box.alias, byAlias)).capture(hello)).toBe('hello')
    })

    test('is requested in the type that is known', async () => {
      const types = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']
      const lines = (await realKeys()).split('\n')
      const known = types.map(type => lines.find(line => line.includes(` ${type} `)))
      const answers: string[] = []
      for (const line of known.filter(line => line !== undefined)) {
        const file = await knownHosts(`${line}\n`)
        answers.push(await (await open(box.alias, await config(`UserKnownHostsFile ${file}`))).capture(hello))
      }
      expect(answers.length).toBeGreaterThan(1)
      expect(new Set(answers)).toEqual(new Set(['hello']))
    })

    test('is refused when it is revoked, and when only a certificate authority vouches for it', async () => {
      const keys = await realKeys()
      const revoked = await knownHosts(`${keys}\n${keys.replace(/^(?=\S)/gm, '@revoked ')}\n`)
      const first = await open(box.alias, await config(`UserKnownHostsFile ${revoked}`))
      expect(await faultOf(first.capture(hello))).toMatchObject({ code: 'HOST_KEY_REVOKED', exitCode: 3 })
      const authority = await knownHosts(`${keys.replace(/^(?=\S)/gm, '@cert-authority ')}\n`)
      const second = await open(box.alias, await config(`UserKnownHostsFile ${authority}`))
      const fault = await faultOf(second.capture(hello))
      expect(fault.code).toBe('HOST_KEY_UNKNOWN')
      expect(fault.message).toContain('certificate authority')
    })
  })

  describe('authentication', () => {
    test('fails with a wrong key, and the error lists what was tried', async () => {
      const wrong = await makeKey('wrong')
      const host = await open(box.alias, await without(`IdentityFile ${wrong}`))
      const began = performance.now()
      const fault = await faultOf(host.capture(hello))
      expect(performance.now() - began).toBeLessThan(5_000)
      expect(fault).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED', exitCode: 1 })
      expect(fault.message).toBe(`Authentication failed for vagrant@127.0.0.1; tried key ${wrong}.`)
    })

    test('uses a key with a passphrase through the agent, and suggests the agent if it has no such key', async () => {
      const locked = join(folder, 'locked')
      await $`cp ${box.keyFile} ${locked}; chmod 600 ${locked}; ssh-keygen -q -p -P ${''} -N ${'open sesame'} -f ${locked}`
      const socket = join(folder, 'agent')
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
      try {
        await $`until [ -S ${socket} ]; do sleep 0.05; done`
        const configFile = await without(`IdentityFile ${locked}`, `IdentityAgent ${socket}`)
        const fault = await faultOf((await open(box.alias, configFile)).capture(hello))
        expect(fault.message).toContain(`key ${locked} (has a passphrase and is not in the agent)`)
        expect(fault.message).toContain('agent (holds no key)')
        expect(fault.hint).toContain(`ssh-add ${locked}`)
        await $({ env: { ...process.env, SHLVL: '2', SSH_AUTH_SOCK: socket } })`ssh-add -q ${box.keyFile}`
        expect(await (await open(box.alias, configFile)).capture(hello)).toBe('hello')
      } finally {
        agent.kill()
      }
    })

    test('ignores the other keys of the agent with IdentitiesOnly', async () => {
      const wrong = await makeKey('wrong')
      const socket = join(folder, 'agent')
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
      try {
        await $`until [ -S ${socket} ]; do sleep 0.05; done`
        await $({ env: { ...process.env, SHLVL: '2', SSH_AUTH_SOCK: socket } })`ssh-add -q ${box.keyFile}`
        const only = await open(
          box.alias,
          await without(`IdentityFile ${wrong}`, `IdentityAgent ${socket}`, 'IdentitiesOnly yes'),
        )
        expect(await faultOf(only.capture(hello))).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
        const any = await open(
          box.alias,
          await without(`IdentityFile ${wrong}`, `IdentityAgent ${socket}`, 'IdentitiesOnly no'),
        )
        expect(await any.capture(hello)).toBe('hello')
      } finally {
        agent.kill()
      }
    })

    test('uses a key of which only the public half is here through the agent, as ssh does', async () => {
      const [elsewhere, nowhere, socket] = ['elsewhere', 'nowhere', 'agent'].map(name => join(folder, name))
      await $`ssh-keygen -y -f ${box.keyFile} > ${`${elsewhere}.pub`}; cp ${`${await makeKey('other')}.pub`} ${`${nowhere}.pub`}`
      const agent = spawn('ssh-agent', ['-D', '-a', String(socket)], { stdio: 'ignore' })
      try {
        await $`until [ -S ${socket} ]; do sleep 0.05; done`
        await $({ env: { ...process.env, SHLVL: '2', SSH_AUTH_SOCK: socket } })`ssh-add -q ${box.keyFile}`
        const lines = (file: unknown) => [`IdentityFile ${file}`, `IdentityAgent ${socket}`, 'IdentitiesOnly yes']
        const configFile = await without(...lines(elsewhere))
        expect(await $`ssh -F ${configFile} ${box.alias} echo hello`.text()).toBe('hello\n')
        expect(await (await open(box.alias, configFile)).capture(hello)).toBe('hello')
        const fault = await faultOf((await open(box.alias, await without(...lines(nowhere)))).capture(hello))
        expect(fault.message).toContain(`key ${nowhere} (its private key is neither here nor in the agent)`)
      } finally {
        agent.kill()
      }
    })

    /** The host's entry with other keys than its own. */
    const without = async (...lines: string[]): Promise<string> => {
      const file = join(folder, 'ssh_config')
      const own = (await readFile(box.sshConfigFile, 'utf8')).replace(/^ *Identit.*\n/gm, '')
      const agent = lines.some(line => line.startsWith('IdentityAgent')) ? [] : ['IdentityAgent none']
      await writeFile(file, own + [...lines, ...agent].map(line => `  ${line}\n`).join(''))
      return file
    }
  })

  describe('connecting', () => {
    test('reports a closed port', async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : 0
      server.close()
      const host = await open(box.alias, await config(`Port ${port}`))
      const fault = await faultOf(host.capture(hello))
      expect(fault).toMatchObject({ code: 'HOST_UNREACHABLE', exitCode: 1 })
      expect(fault.message).toBe(`Cannot reach 127.0.0.1:${port}: connection refused, nothing listens on that port.`)
    }, 10_000)

    test('reports a name that does not resolve', async () => {
      const host = await open('nowhere.invalid', await config())
      const fault = await faultOf(host.capture(hello))
      expect(fault).toMatchObject({ code: 'HOST_NAME_UNKNOWN', exitCode: 1 })
      expect(fault.message).toContain('nowhere.invalid')
    }, 10_000)

    test('reports a server that accepts and sends nothing, and one that is not sshd', async () => {
      const sockets: (() => void)[] = []
      const mute = createServer(socket => void sockets.push(() => socket.destroy())).listen(0, '127.0.0.1')
      const chatty = createServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
      const port = (server: typeof mute) => (server.address() as { port: number }).port
      try {
        await Promise.all([mute, chatty].map(server => server.listening || once(server, 'listening')))
        const silent = await open(box.alias, await config(`Port ${port(mute)}`, 'ConnectTimeout 1'))
        expect(await faultOf(silent.capture(hello))).toMatchObject({
          code: 'SSH_HANDSHAKE_FAILED',
          message: expect.stringContaining('no SSH server greets there'),
        })
        const other = await open(box.alias, await config(`Port ${port(chatty)}`))
        expect(await faultOf(other.capture(hello))).toMatchObject({ code: 'SSH_HANDSHAKE_FAILED' })
      } finally {
        for (const close of sockets) close()
        mute.close()
        chatty.close()
      }
    })

    test('ends when the run is interrupted', async () => {
      const mute = createServer(() => undefined).listen(0, '127.0.0.1')
      await once(mute, 'listening')
      const controller = new AbortController()
      mute.once('connection', socket => {
        socket.on('error', () => undefined)
        controller.abort()
      })
      const { port } = mute.address() as { port: number }
      const host = await open(box.alias, await config(`Port ${port}`), { signal: controller.signal })
      expect(await faultOf(host.capture(hello))).toMatchObject({ code: 'COMMAND_INTERRUPTED', exitCode: 130 })
      mute.close()
    })

    test('goes through another host with ProxyJump, and checks the key of both', async () => {
      const inner = (await realKeys()).replace(/^\S+/gm, '127.0.0.1')
      const known = await knownHosts(`${await realKeys()}\n${inner}\n`)
      const jumping = async (knownByInner: string) => {
        const file = join(folder, 'jump')
        const own = await readFile(box.sshConfigFile, 'utf8')
        const target = own.replace(/Host .*/, 'Host inner').replace(/Port .*/, `Port 22\n  ProxyJump ${box.alias}`)
        await writeFile(
          file,
          `${own}\n${target.replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${knownByInner}`)}`,
        )
        return file
      }
      const host = await open('inner', await jumping(known))
      const port = (await host.capture(sh.read`echo "$SSH_CONNECTION"`)).split(' ')[3]
      expect(port).toBe('22')
      expect(await host.capture(sh.read`echo "$SSH_CONNECTION"`)).toMatch(/^127\.0\.0\.1 \d+ 127\.0\.0\.1 22$/)
      await writeFile(join(folder, 'none'), '')
      const refused = await open('inner', await jumping(join(folder, 'none')))
      expect(await faultOf(refused.capture(hello))).toMatchObject({ code: 'HOST_KEY_UNKNOWN' })
    })

    test('follows a chain of ProxyJump hosts, and reports a circle', async () => {
      const own = await readFile(box.sshConfigFile, 'utf8')
      const known = await knownHosts(`${await realKeys()}\n${(await realKeys()).replace(/^\S+/gm, '127.0.0.1')}\n`)
      const inside = (name: string, jump: string) =>
        own
          .replace(/Host .*/, `Host ${name}`)
          .replace(/Port .*/, `Port 22\n  ProxyJump ${jump}`)
          .replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${known}`)
      const file = join(folder, 'chain')
      await writeFile(
        file,
        [own, inside('middle', box.alias), inside('third', `${box.alias},middle`)]
          .join('\n')
          .replace('Host third\n  HostName 127.0.0.1', 'Host third\n  HostName 127.0.0.2\n  HostKeyAlias 127.0.0.1'),
      )
      expect(await (await open('third', file)).capture(hello)).toBe('hello')
      await writeFile(
        file,
        [
          inside('one', 'two').replace('127.0.0.1', '127.0.0.3'),
          inside('two', 'one').replace('127.0.0.1', '127.0.0.4'),
        ].join('\n'),
      )
      expect(await faultOf((await open('one', file)).capture(hello))).toMatchObject({
        code: 'SSH_JUMPS_TOO_DEEP',
        exitCode: 2,
      })
    })

    test('uses a ProxyCommand as the connection', async () => {
      const inner = (await realKeys()).replace(/^\S+/gm, 'inside.example')
      const known = await knownHosts(inner)
      const file = join(folder, 'proxy')
      const own = await readFile(box.sshConfigFile, 'utf8')
      const target = own
        .replace(/Host .*/, 'Host inside')
        .replace(/HostName .*/, 'HostName inside.example')
        .replace(/Port .*/, `Port 22\n  ProxyCommand ssh -F ${box.sshConfigFile} -W 127.0.0.1:%p ${box.alias}`)
        .replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${known}`)
      await writeFile(file, target)
      const host = await open('inside', file)
      expect(await host.capture(sh.read`echo "$SSH_CONNECTION"`)).toMatch(/ 127\.0\.0\.1 22$/)
    })

    test('reports the last line of a ProxyCommand that fails', async () => {
      const host = await open(box.alias, await config('ProxyCommand echo no way through >&2; exit 1'))
      const fault = await faultOf(host.capture(hello))
      expect(fault.code).toBe('SSH_HANDSHAKE_FAILED')
      expect(fault.message).toMatch(/: no way through\.$/)
    })

    test('waits for the last line of a ProxyCommand that ends late, and kills one that does not end', async () => {
      const slow = await config(`ProxyCommand sh -c 'exec >&-; sleep 0.3; echo no way through >&2'`)
      expect((await faultOf((await open(box.alias, slow)).capture(hello))).message).toMatch(/: no way through\.$/)
      const staying = await config(`ProxyCommand sh -c 'exec >&-; echo $$ >&2; exec sleep 60'`)
      const { message } = await faultOf((await open(box.alias, staying)).capture(hello))
      const [, pid] = /: (\d+)\.$/.exec(message) ?? []
      expect(existsSync(`/proc/${pid}`), message).toBe(false)
    })

    test('refuses an unsupported option that would change which server is trusted', async () => {
      const host = await open(box.alias, await config('RevokedHostKeys /etc/ssh/revoked'))
      const fault = await faultOf(host.capture(hello))
      expect(fault).toMatchObject({ code: 'SSH_CONFIG_UNSUPPORTED', exitCode: 2 })
      expect(fault.message).toContain('revokedhostkeys /etc/ssh/revoked')
    })

    test('reports an invalid configuration with the message of ssh', async () => {
      const host = await open(box.alias, await config('Potr 22'))
      const fault = await faultOf(host.capture(hello))
      expect(fault).toMatchObject({ code: 'SSH_CONFIG_INVALID', exitCode: 2 })
      expect(fault.message).toContain('potr')
    })
  })

  describe('a lost connection', () => {
    // A silent command outlives its connection.
    afterEach(async () => void (await box.exec('pkill -x sleep')))

    /** The process of sshd that serves our connection. */
    const sessions = `pgrep -f '^sshd: vagrant@notty' -u vagrant`

    test('fails every command that is running, and never counts as a success', async () => {
      const host = await open(box.alias, box.sshConfigFile)
      await host.capture(hello)
      const held = await host.spawn(sh.read`cat`)
      const failures = Promise.all([
        faultOf(host.capture(sh.read`sleep 600`)),
        faultOf(host.run(sh.read`sleep 600`)),
        rejection(host.$`sleep 600`),
        host.$({ nothrow: true })`sleep 600`,
      ])
      await box.exec(`until [ $(pgrep -cx sleep) -ge 4 ]; do sleep 0.05; done; kill -KILL $(${sessions})`)
      const [captured, run, zxError, output] = await failures
      expect(captured).toMatchObject({ code: 'CONNECTION_LOST', exitCode: 1 })
      expect(run.message).toContain(`The connection to ${box.alias} was lost during: sleep 600`)
      expect(zxError).toMatchObject({ cause: { code: 'CONNECTION_LOST' } })
      expect([output.ok, output.exitCode]).toEqual([false, null])
      expect(await held.ended).toBeUndefined()
    })

    test('is replaced by the next command', async () => {
      const host = await open(box.alias, box.sshConfigFile)
      const lost = faultOf(host.capture(sh.read`sleep 602`))
      await box.exec(`until pgrep -f 'sleep 60[2]'; do sleep 0.05; done; kill -KILL $(${sessions})`)
      expect(await lost).toMatchObject({ code: 'CONNECTION_LOST' })
      expect(await host.capture(hello)).toBe('hello')
    })

    test('is noticed when the server stops answering', async () => {
      const host = await open(box.alias, box.sshConfigFile)
      await host.capture(hello)
      const failures = Promise.all([faultOf(host.capture(sh.read`sleep 600`)), rejection(host.$`sleep 600`)])
      await box.exec(`until [ $(pgrep -cx sleep) -ge 2 ]; do sleep 0.05; done; kill -STOP $(${sessions})`)
      const frozenAt = performance.now()
      const [fault, output] = await failures
      expect(performance.now() - frozenAt).toBeLessThan(20_000)
      await box.exec(`kill -KILL $(${sessions})`)
      expect(fault).toMatchObject({ code: 'CONNECTION_LOST' })
      expect(fault.message).toContain('no answer for 15 s')
      expect(output).toMatchObject({ cause: { code: 'CONNECTION_LOST' } })
    })

    test('leaves no part of a file behind on the host', async () => {
      const host = await open(box.alias, box.sshConfigFile)
      const source = join(folder, 'large')
      await $`truncate -s 300M ${source}`
      let begun = () => {}
      const sending = new Promise<void>(resolve => {
        begun = resolve
      })
      const lost = faultOf(host.put(source, 'large', { onProgress: sent => sent > 8_000_000 && begun() }))
      await sending
      const left = async () => (await box.exec('ls -A /home/vagrant | grep large')).stdout
      expect(await left()).not.toBe('')
      await box.exec(`kill -KILL $(${sessions})`)
      expect(await lost).toMatchObject({ code: 'CONNECTION_LOST' })
      // The script on the host notices the end of its input by itself, and checks what arrived before it removes the file.
      await expect.poll(left).toBe('')
    })

    test('during a copy fails it, and leaves no part of it on either side', async () => {
      await box.exec('runuser -u vagrant -- bash -c "mkdir ~/many; truncate -s 300M ~/many/large"')
      await $`mkdir ${folder}/many`
      await $`truncate -s 300M ${folder}/many/large`
      const ways = [
        (host: Host, options: object) => host.get('many/large', join(folder, 'copy'), options),
        (host: Host, options: object) => host.getFolder('many', join(folder, 'copy'), options),
        (host: Host, options: object) => host.putFolder(join(folder, 'many'), 'copy', options),
      ]
      for (const way of ways) {
        const host = await open(box.alias, box.sshConfigFile)
        let begun = () => {}
        const copying = new Promise<void>(resolve => {
          begun = resolve
        })
        const lost = faultOf(way(host, { onProgress: (copied: number) => copied > 8_000_000 && begun() }))
        await copying
        await box.exec(`kill -KILL $(${sessions})`)
        expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', exitCode: 1 })
        expect((await $`ls -A ${folder}`.text()).trim()).toBe('many')
        // The script on the host notices the end of its input by itself.
        const left = async () => (await box.exec('ls -A /home/vagrant | grep -E "copy|switchyard"')).stdout
        await expect.poll(left).toBe('')
      }
      await box.exec('rm -r /home/vagrant/many')
    })
  })

  describe('a copy by SFTP', () => {
    /** Restarts sshd with another configuration; connections that are open stay. */
    const configured = async (change: string) => {
      // systemd refuses a service that is restarted often.
      const restart = 'systemctl reset-failed ssh; systemctl restart ssh'
      await box.exec(`cp /etc/ssh/sshd_config /root/sshd_config.old; ${change}; ${restart}`)
      return {
        async [Symbol.asyncDispose]() {
          await box.exec(`mv /root/sshd_config.old /etc/ssh/sshd_config; ${restart}`)
        },
      }
    }
    const connections = async () => Number((await box.exec(`pgrep -fc '^sshd: vagrant@notty' -u vagrant`)).stdout)
    const makeTree = () =>
      $`mkdir -p ${folder}/tree/sub && echo 1 > ${folder}/tree/one && echo 2 > ${folder}/tree/sub/two`
    const copyAll = async (host: Host) => {
      await host.putFolder(join(folder, 'tree'), 'tree')
      await host.getFolder('tree', join(folder, 'back'))
      await host.get('tree/one', join(folder, 'one'))
      expect((await host.list('tree')).map(({ name }) => name)).toEqual(['one', 'sub'])
      expect(await $`cat ${folder}/back/sub/two ${folder}/one`.text()).toBe('2\n1\n')
      await host.capture(sh.write`rm -r tree`)
    }

    test('uses the connection that is open', async () => {
      await makeTree()
      await expect.poll(connections).toBe(0)
      const host = await open(box.alias, box.sshConfigFile)
      await copyAll(host)
      expect(await connections()).toBe(1)
    })

    test('works on a server that allows few sessions, also while another script holds one', async () => {
      await makeTree()
      for (const allowed of [1, 2, 3]) {
        await using _ = await configured(`echo MaxSessions ${allowed} >> /etc/ssh/sshd_config`)
        await expect.poll(connections).toBe(0)
        const host = await open(box.alias, box.sshConfigFile)
        await using held = await host.spawn(sh.read`cat`)
        await copyAll(host)
        // Spare shells give way before a further connection is opened.
        expect(await connections()).toBeLessThanOrEqual([0, 3, 2, 2][allowed] ?? 0)
        held.send('done')
        await host[Symbol.asyncDispose]()
      }
    })

    test.each([
      ['has no SFTP subsystem', "sed -i '/^Subsystem/d' /etc/ssh/sshd_config", 'Unable to start subsystem: sftp'],
      [
        'names a program that is not there',
        "sed -i 's,^Subsystem.*,Subsystem sftp /usr/lib/none/sftp-server,' /etc/ssh/sshd_config",
        'Received exit code 127',
      ],
    ])('of a server that %s fails with what to install, and everything else works', async (_, change, reason) => {
      await makeTree()
      await using changed = await configured(change)
      expect(changed).toBeDefined()
      const host = await open(box.alias, box.sshConfigFile)
      await host.put(join(folder, 'tree', 'one'), 'one')
      const copies = [
        () => host.get('one', join(folder, 'copy')),
        () => host.list('.'),
        () => host.getFolder('.', join(folder, 'copy')),
        () => host.putFolder(join(folder, 'tree'), 'copy'),
      ]
      for (const copy of copies) {
        const fault = await faultOf(copy())
        expect(fault).toMatchObject({ code: 'SFTP_MISSING', exitCode: 1 })
        expect(fault.message).toContain(reason)
        expect(fault.hint).toContain('Subsystem sftp internal-sftp')
      }
      expect(await host.capture(sh.read`cat one; rm one; ls -A | grep -cE 'copy|switchyard' || true`)).toBe('1\n0')
      expect((await $`ls -A ${folder}`.text()).trim()).toBe('tree')
      expect(await connections()).toBe(1)
    })

    test('reports a file, a folder and a place that the account may not use', async () => {
      await makeTree()
      await box.exec(
        'runuser -u vagrant -- mkdir /home/vagrant/mixed; echo x > /home/vagrant/mixed/closed; chmod 600 /home/vagrant/mixed/closed',
      )
      const host = await open(box.alias, box.sshConfigFile)
      expect((await faultOf(host.get('/etc/shadow', join(folder, 'copy')))).message).toBe(
        `Cannot read /etc/shadow on ${box.alias}: Permission denied.`,
      )
      for (const path of ['/root', '/etc/ssl/private'])
        expect(await faultOf(host.list(path))).toMatchObject({ code: 'HOST_FILE_UNREADABLE' })
      expect((await faultOf(host.getFolder('mixed', join(folder, 'copy')))).message).toBe(
        `Cannot read /home/vagrant/mixed/closed on ${box.alias}: Permission denied.`,
      )
      expect(await faultOf(host.putFolder(join(folder, 'tree'), '/etc/copy'))).toMatchObject({
        code: 'HOST_WRITE_DENIED',
      })
      expect((await $`ls -A ${folder}`.text()).trim()).toBe('tree')
      await box.exec('rm -r /home/vagrant/mixed')
    })

    test('to a full disk fails with the sizes, and leaves nothing', async () => {
      await box.exec('mkdir -p /mnt/tiny && mount -t tmpfs -o size=1m,uid=$(id -u vagrant) none /mnt/tiny')
      await makeTree()
      await $`truncate -s 4M ${folder}/tree/large`
      const host = await open(box.alias, box.sshConfigFile)
      const fault = await faultOf(host.putFolder(join(folder, 'tree'), '/mnt/tiny/copy'))
      expect(fault).toMatchObject({ code: 'HOST_DISK_FULL', exitCode: 1 })
      expect(fault.message).toContain('it needs 4.2 MB')
      expect((await box.exec('ls -A /mnt/tiny; umount /mnt/tiny')).stdout).toBe('')
    })
  })

  describe('a host', () => {
    test('with a full disk causes an error with the sizes, and keeps no part of the file', async () => {
      await box.exec(
        'mkdir -p /mnt/small && mount -t tmpfs -o size=1m,uid=$(id -u vagrant) none /mnt/small && echo old > /mnt/small/file',
      )
      const host = await open(box.alias, box.sshConfigFile)
      const source = join(folder, 'source')
      await $`truncate -s 4M ${source}`
      const fault = await faultOf(host.put(source, '/mnt/small/file'))
      expect(fault).toMatchObject({ code: 'HOST_DISK_FULL', exitCode: 1 })
      expect(fault.message).toBe(
        `There is no space on ${box.alias} for /mnt/small/file: it needs 4.2 MB, 1.0 MB free (No space left on device).`,
      )
      expect(await faultOf(host.write('/mnt/small/file', 'x'.repeat(4_000_000)))).toMatchObject({
        code: 'HOST_DISK_FULL',
      })
      expect((await box.exec('ls -A /mnt/small; cat /mnt/small/file; umount /mnt/small')).stdout).toBe('file\nold\n')
    })

    test('that denies a write causes an error with the path', async () => {
      const host = await open(box.alias, box.sshConfigFile)
      const fault = await faultOf(host.write('/etc/switchyard', 'x'))
      expect(fault).toMatchObject({ code: 'HOST_WRITE_DENIED' })
      expect(fault.message).toBe(`Not allowed to write /etc/switchyard on ${box.alias}: Permission denied.`)
    })

    test('that allows two sessions at a time runs thirty commands, and can still kill one', async () => {
      // A reload returns before sshd listens again; a restart waits, and leaves connections alone.
      await box.exec('echo MaxSessions 2 > /etc/ssh/sshd_config.d/few.conf && systemctl restart ssh')
      try {
        const host = await open(box.alias, box.sshConfigFile)
        const numbers = Array.from({ length: 30 }, (_, i) => String(i))
        expect(await Promise.all(numbers.map(n => host.capture(sh.read`echo ${n}`)))).toEqual(numbers)
        expect(await faultOf(host.run(sh.read`sleep 600`, { timeout: 500 }))).toMatchObject({
          code: 'COMMAND_TIMED_OUT',
        })
        // A process that has ended, but was not reaped by its new parent yet, is still in the list.
        await expect.poll(async () => (await box.exec('pgrep -x sleep')).stdout).toBe('')
      } finally {
        await box.exec('rm /etc/ssh/sshd_config.d/few.conf && systemctl restart ssh')
      }
    })

    test('with a start-up file that prints does not change the output of a command', async () => {
      await box.exec(
        `cp /home/vagrant/.bashrc /home/vagrant/.bashrc.old; printf '%s\\n' 'echo noise; echo noise >&2; printf "no line break"' | cat - /home/vagrant/.bashrc.old > /home/vagrant/.bashrc`,
      )
      try {
        const host = await open(box.alias, box.sshConfigFile)
        expect(await host.run(sh.read`echo out; echo err >&2`)).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' })
        await host.write('quiet', 'text\n')
        expect(await host.capture(sh.read`cat quiet; rm quiet`)).toBe('text')
      } finally {
        await box.exec('mv /home/vagrant/.bashrc.old /home/vagrant/.bashrc')
      }
    })

    test('on which the account has no login shell causes an error with the message of the host', async () => {
      await box.exec('usermod --shell /usr/sbin/nologin vagrant')
      try {
        const host = await open(box.alias, box.sshConfigFile)
        const fault = await faultOf(host.capture(hello))
        expect(fault).toMatchObject({ code: 'NO_BASH', exitCode: 1 })
        expect(fault.message).toContain('This account is currently not available')
      } finally {
        await box.exec('usermod --shell /bin/bash vagrant')
      }
    })
  })

  test('uses one connection for the whole run', async () => {
    const host = await open(box.alias, box.sshConfigFile)
    const ports = await Promise.all(Array.from({ length: 12 }, () => host.capture(sh.read`echo "$SSH_CONNECTION"`)))
    await host.write('one-connection', 'x')
    ports.push(await host.capture(sh.read`rm one-connection; echo "$SSH_CONNECTION"`))
    expect(new Set(ports).size).toBe(1)
  })

  describe('connecting in advance', () => {
    const unknown = async () => config(`UserKnownHostsFile ${await knownHosts('')}`, 'StrictHostKeyChecking ask')
    /** The server has sent its key, so a question about it could have been asked. */
    const shown = (host: Host) => vi.waitFor(() => expect(host.traffic?.().received).toBeGreaterThan(1_000), 10_000)

    test('leaves one round trip for the first command', async () => {
      await using proxy = await startSlowProxy(box.sshPort, { delayMs: 100 })
      const known = await knownHosts((await realKeys()).replaceAll(`:${box.sshPort} `, `:${proxy.port} `))
      const host = await open(box.alias, await config(`Port ${proxy.port}`, `UserKnownHostsFile ${known}`))
      host.connect?.()
      await vi.waitFor(() => expect(proxy.turns()).toBe(7), 10_000)
      expect(await host.capture(hello)).toBe('hello')
      // Without shells in advance it would be ten.
      expect(proxy.turns()).toBe(8)
    })

    test('leaves the question about an unknown key to the first command, and asks it once', async () => {
      const { questions, confirm } = person(true)
      const host = await open(box.alias, await unknown(), { confirm })
      host.connect?.()
      await shown(host)
      expect(questions).toEqual([])
      expect(await host.capture(hello)).toBe('hello')
      expect(questions).toHaveLength(1)
    })

    test('asks nothing when no command follows, and does not keep the run from ending', async () => {
      const { questions, confirm } = person(true)
      const host = await open(box.alias, await unknown(), { confirm })
      host.connect?.()
      await shown(host)
      await host[Symbol.asyncDispose]()
      expect(questions).toEqual([])
    })

    test('leaves its failure to be reported by the first command', async () => {
      const host = await open('nowhere.invalid', await config())
      host.connect?.()
      expect(await faultOf(host.capture(hello))).toMatchObject({ code: 'HOST_NAME_UNKNOWN' })
      host.connect?.()
      expect(await faultOf(host.capture(hello))).toMatchObject({ code: 'HOST_NAME_UNKNOWN' })
    })

    test('is retried by the first command when it failed', async () => {
      const file = await knownHosts('')
      const host = await open(box.alias, await config(`UserKnownHostsFile ${file}`))
      host.connect?.()
      await shown(host)
      await writeFile(file, await realKeys())
      // A command that comes before the first attempt has ended shares its end.
      await vi.waitFor(async () => expect(await host.capture(hello)).toBe('hello'), 10_000)
    })
  })

  test('compresses if the configuration says so, also across a rekey', async () => {
    const text = 'the same words again\n'.repeat(100_000)
    const sentWith = async (...lines: string[]) => {
      const host = await open(box.alias, await config(...lines))
      expect(await host.capture(sh.read`sha256sum`, { input: text })).toMatch(
        createHash('sha256').update(text).digest('hex'),
      )
      return host.traffic?.().sent ?? Number.NaN
    }
    expect(await sentWith()).toBeGreaterThan(text.length)
    expect(await sentWith('Compression yes')).toBeLessThan(text.length / 20)
    await box.exec('echo RekeyLimit 1M > /etc/ssh/sshd_config.d/rekey.conf && systemctl restart ssh')
    try {
      const file = join(folder, 'noise')
      await writeFile(file, randomBytes(8_000_000))
      const host = await open(box.alias, await config('Compression yes'))
      await host.put(file, 'noise')
      expect(await host.capture(sh.read`wc -c < noise; rm noise`)).toBe('8000000')
    } finally {
      await box.exec('rm /etc/ssh/sshd_config.d/rekey.conf && systemctl restart ssh')
    }
  })

  test('counts bytes and round trips as a proxy on the connection counts them', async () => {
    // A long delay, so that a busy machine, which responds late, does not look like more round trips.
    await using proxy = await startSlowProxy(box.sshPort, { delayMs: 200 })
    const known = await knownHosts((await realKeys()).replaceAll(`:${box.sshPort} `, `:${proxy.port} `))
    const configFile = await config(`Port ${proxy.port}`, `UserKnownHostsFile ${known}`)
    const host = await open(box.alias, configFile)
    expect(host.traffic?.()).toEqual({ roundTrips: 0, sent: 0, received: 0 })
    // Bytes in transit are in one of the two counts only.
    const same = () =>
      vi.waitFor(() => {
        const { up, down } = proxy.bytes
        expect(host.traffic?.()).toEqual({ roundTrips: proxy.turns(), sent: up, received: down })
      }, 10_000)
    await host.capture(hello)
    await same()
    const handshake = proxy.turns()
    await Promise.all(Array.from({ length: 6 }, () => host.capture(hello)))
    await same()
    expect(proxy.turns() - handshake).toBeLessThan(6)
    await host.capture(sh.read`wc -c`, { input: 'x'.repeat(300_000) })
    await host.capture(sh.read`head -c 300000 /dev/zero | tr '\\0' x`)
    await same()
  })

  test('runs a local command of a callback on this machine', async () => {
    const host = await open(box.alias, box.sshConfigFile)
    await host.$`true`
    const local: Promise<string>[] = []
    const env = { ...process.env, SHLVL: '2' }
    await host.run(hello, {
      onLine: () => local.push(zx({ quiet: true, env })`echo "here \${SSH_CONNECTION-}"`.text()),
    })
    expect(await Promise.all(local)).toEqual([`here ${process.env.SSH_CONNECTION ?? ''}\n`])
  })

  test('contacts nothing before the first command', async () => {
    const host = await open('nowhere.invalid', await config())
    expect(host.name).toBe('nowhere.invalid')
  })

  test('reads the keys of both sides again for each connection', async () => {
    const file = await knownHosts('')
    const host = await open(box.alias, await config(`UserKnownHostsFile ${file}`))
    expect(await faultOf(host.capture(hello))).toMatchObject({ code: 'HOST_KEY_UNKNOWN' })
    await appendFile(file, `${await realKeys()}\n`)
    expect(await host.capture(hello)).toBe('hello')
  })
})
