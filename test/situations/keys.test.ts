/** F67: authentication against a real sshd with each kind of key, compared with plain ssh. */
import { execFile, spawn } from 'node:child_process'
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { sh } from '../../host/script.ts'
import { ssh } from '../../host/ssh/transport.ts'
import { field } from '../../host/ssh/wire.ts'
import { Fault } from '../../runner/fault.ts'

const run = promisify(execFile)
let box: TestHost
let folder: string
beforeAll(async () => {
  box = await startHost()
  folder = await mkdtemp(join(tmpdir(), 'switchyard-keys-'))
})
afterAll(async () => {
  await box?.stop()
  await rm(folder, { recursive: true, force: true })
})
afterEach(() =>
  root(
    'rm -f /etc/ssh/sshd_config.d/00-test.conf && : > /home/vagrant/.ssh/authorized_keys && systemctl reset-failed ssh && systemctl restart ssh',
  ),
)

const root = async (command: string) => {
  const done = await box.exec(command)
  expect(done, command).toMatchObject({ code: 0 })
  return done.stdout
}
const sshd = (...lines: readonly string[]) =>
  root(
    `printf '%s\\n' ${lines.map(line => `'${line}'`).join(' ')} > /etc/ssh/sshd_config.d/00-test.conf && sshd -t && systemctl reset-failed ssh && systemctl restart ssh`,
  )
const authorize = async (...lines: readonly string[]) => {
  const file = join(folder, 'authorized_keys')
  await writeFile(file, lines.map(line => `${line.trim()}\n`).join(''))
  await box.copyIn(file, '/root/authorized_keys')
  await root('cat /root/authorized_keys > /home/vagrant/.ssh/authorized_keys')
}

let count = 0
/** Makes a key with ssh-keygen. */
async function makeKey(type: string, ...options: readonly string[]): Promise<string> {
  const path = join(folder, `${type}-${++count}`)
  const phrase = options.includes('-N') ? [] : ['-N', '']
  await run('ssh-keygen', ['-q', '-t', type, ...phrase, ...options, '-C', `comment-${count}`, '-f', path])
  return path
}
const half = (path: string) => readFile(`${path}.pub`, 'utf8')

/** The host's entry with these keys and lines instead of its own. */
async function config(...lines: readonly string[]): Promise<string> {
  const path = join(folder, `config-${++count}`)
  const own = (await readFile(box.sshConfigFile, 'utf8')).replace(/^ *Identit.*\n/gm, '')
  const agent = lines.some(line => line.startsWith('IdentityAgent')) ? [] : ['IdentityAgent none']
  await writeFile(path, own + [...lines, ...agent].map(line => `  ${line}\n`).join(''))
  return path
}

const setting = () => ({ signal: new AbortController().signal, confirm: async () => false })

/** Logs in, and resolves to the output of a command. */
async function enter(configFile: string, command = sh.read`echo "in as $(id -un)"`): Promise<string> {
  await using host = await ssh(box.alias, { configFile }).open(setting())
  return await host.capture(command)
}
const refused = async (configFile: string): Promise<Fault> => {
  const error = await enter(configFile).then(
    output => new Error(`The login succeeded: ${output}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof Fault)) throw error
  expect(error.exitCode).toBe(1)
  return error
}
const plainSsh = async (configFile: string) =>
  (await run('ssh', ['-o', 'BatchMode=yes', '-F', configFile, box.alias, 'id', '-un'])).stdout.trim()

/** Starts an ssh-agent with these keys. Resolves to its socket. */
async function agentWith(...keys: readonly string[]): Promise<string> {
  const socket = join(folder, `agent-${++count}`)
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  onTestFinished(() => void agent.kill())
  const env = { ...process.env, SSH_AUTH_SOCK: socket }
  await expect
    .poll(() =>
      run('ssh-add', ['-l'], { env }).then(
        () => 0,
        ({ code }) => code,
      ),
    )
    .toBe(1)
  if (keys.length > 0) await run('ssh-add', ['-q', ...keys], { env })
  return socket
}

describe('F67 keys in files', () => {
  /** Rewrites a key file in another format. */
  const pem = async (key: string, format: 'PEM' | 'PKCS8') => {
    await run('ssh-keygen', ['-q', '-p', '-P', '', '-N', '', '-m', format, '-f', key])
    return key
  }
  it('F67 log in as RSA, ECDSA and Ed25519 in the formats OpenSSH, PKCS#1, SEC 1 and PKCS#8', async () => {
    const ed25519 = join(folder, 'pkcs8-ed25519')
    const { privateKey } = generateKeyPairSync('ed25519')
    await writeFile(ed25519, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    const keys = [
      ...(await Promise.all([
        makeKey('ed25519'),
        makeKey('rsa', '-b', '2048'),
        ...['256', '384', '521'].map(bits => makeKey('ecdsa', '-b', bits)),
        makeKey('rsa', '-b', '2048').then(key => pem(key, 'PEM')),
        makeKey('rsa', '-b', '2048').then(key => pem(key, 'PKCS8')),
        makeKey('ecdsa').then(key => pem(key, 'PEM')),
        ...['256', '384', '521'].map(bits => makeKey('ecdsa', '-b', bits).then(key => pem(key, 'PKCS8'))),
      ])),
    ]
    const jwk = privateKey.export({ format: 'jwk' })
    const own = Buffer.concat([field('ssh-ed25519'), field(Buffer.from(jwk.x ?? '', 'base64url'))])
    await authorize(...(await Promise.all(keys.map(half))), `ssh-ed25519 ${own.toString('base64')}`)
    for (const key of [...keys, ed25519]) {
      const first = (await readFile(key, 'utf8')).split('\n')[0]
      expect
        .soft(await enter(await config(`IdentityFile ${key}`)).catch(String), `${key} ${first}`)
        .toBe('in as vagrant')
    }
  })

  it('F67 are each named with the reason when they cannot be used', async () => {
    const [locked, lockedPem, open, damaged, gone] = [
      await makeKey('ed25519', '-N', 'open sesame'),
      await makeKey('rsa', '-b', '2048', '-m', 'PEM', '-N', 'open sesame'),
      await makeKey('ed25519'),
      await makeKey('ed25519'),
      join(folder, 'never-made'),
    ]
    const lockedPkcs8 = join(folder, 'locked-pkcs8')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'open sesame' }
    await writeFile(lockedPkcs8, privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }), { mode: 0o600 })
    await chmod(open, 0o644)
    await writeFile(damaged, (await readFile(damaged, 'utf8')).slice(0, 150))
    const files = [locked, lockedPem, lockedPkcs8, open, damaged, gone]
    const fault = await refused(await config(...files.map(file => `IdentityFile ${file}`)))
    expect(fault).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
    for (const file of [locked, lockedPem, lockedPkcs8])
      expect.soft(fault.message).toContain(`key ${file} (has a passphrase and is not in the agent)`)
    expect.soft(fault.message).toContain(`key ${open} (others can read it, mode 644: chmod 600)`)
    expect.soft(fault.message).toContain(`key ${damaged} (is damaged, or of a format that is not known)`)
    expect.soft(fault.message).toContain(`key ${gone} (is not there)`)
    expect.soft(fault.hint).toContain(`ssh-add ${locked}`)
  })
})

describe('F67 the agent', () => {
  it('F67 with many keys offers the one of the Host block first, and without one the hint is to name it', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => makeKey('ed25519')))
    const right = keys.at(-1) ?? ''
    await authorize(await half(right))
    const socket = await agentWith(...keys)
    const only = join(folder, 'only')
    await copyFile(`${right}.pub`, `${only}.pub`)
    expect(await enter(await config(`IdentityAgent ${socket}`, `IdentityFile ${only}`))).toBe('in as vagrant')
    const fault = await refused(await config(`IdentityAgent ${socket}`))
    expect(fault).toMatchObject({ code: 'SSH_TOO_MANY_KEYS' })
    expect(fault.message).toMatch(/ended the login of \S+ after 6 keys .*key comment-\d+ of the agent, key comment-/)
    expect(fault.hint).toMatch(/IdentityFile .*IdentitiesOnly yes/)
  })

  it('F67 logs in with a security key, and one that is only in a file is named with the hint to add it', async () => {
    const key = securityKey()
    await authorize(key.line)
    const socket = join(folder, `agent-${++count}`)
    const agent = await key.agent(socket)
    onTestFinished(() => void agent.close())
    const file = join(folder, 'id_sk')
    await writeFile(file, key.file, { mode: 0o600 })
    expect(await enter(await config(`IdentityAgent ${socket}`, `IdentityFile ${file}`))).toBe('in as vagrant')
    const fault = await refused(await config(`IdentityFile ${file}`))
    expect(fault.message).toContain(`key ${file} (is a security key, which only the agent can use)`)
    expect(fault.hint).toContain(`ssh-add ${file}`)
  })

  it('F67 is usable by commands on the host with ForwardAgent, and they run without it when the server forbids that', async () => {
    const key = await makeKey('ed25519')
    await authorize(await half(key))
    const socket = await agentWith(key)
    const lists = sh.read`ssh-add -l || echo none`
    const plain = [`IdentityAgent ${socket}`, `IdentityFile ${key}`]
    expect(await enter(await config(...plain), lists)).toBe('none')
    expect(await enter(await config(...plain, 'ForwardAgent yes'), lists)).toMatch(/comment-\d+ \(ED25519\)/)
    await sshd('AllowAgentForwarding no')
    expect(await enter(await config(...plain, 'ForwardAgent yes'), lists)).toBe('none')
  })

  it('F67 is named within seconds when it is silent, and a missing one does not prevent a login with a key file', async () => {
    const key = await makeKey('ed25519')
    const socket = join(folder, `agent-${++count}`)
    const silent = createServer(() => undefined).listen(socket)
    onTestFinished(() => void silent.close())
    const began = performance.now()
    const fault = await refused(await config(`IdentityAgent ${socket}`, `IdentityFile ${key}`))
    expect(performance.now() - began).toBeLessThan(15_000)
    expect(fault.message).toContain('agent (does not respond)')
    await authorize(await half(key))
    expect(await enter(await config(`IdentityAgent ${join(folder, 'nowhere')}`, `IdentityFile ${key}`))).toBe(
      'in as vagrant',
    )
  })
})

describe('F67 certificates', () => {
  it('F67 of each type of key log in from next to the key, from a CertificateFile and from the agent, as with plain ssh', async () => {
    const authority = await makeKey('ed25519')
    await box.copyIn(`${authority}.pub`, '/etc/ssh/users_ca.pub')
    await sshd('TrustedUserCAKeys /etc/ssh/users_ca.pub')
    const certify = async (key: string, ...options: string[]) => {
      await run('ssh-keygen', ['-q', '-s', authority, '-I', 'ann', '-n', 'vagrant', ...options, `${key}.pub`])
      return key
    }
    const keys = await Promise.all(
      [['ed25519'], ['rsa', '-b', '2048'], ['ecdsa', '-b', '256'], ['ecdsa', '-b', '384'], ['ecdsa', '-b', '521']].map(
        ([type = '', ...options]) => makeKey(type, ...options).then(key => certify(key)),
      ),
    )
    for (const key of keys) {
      const file = await config(`IdentityFile ${key}`)
      expect.soft(await enter(file).catch(String), key).toBe('in as vagrant')
    }
    const [first = '', second = ''] = keys
    const elsewhere = join(folder, 'elsewhere')
    await copyFile(first, elsewhere)
    const named = await config(`IdentityFile ${elsewhere}`, `CertificateFile ${first}-cert.pub`)
    expect.soft(await enter(named).catch(String)).toBe('in as vagrant')
    for (const key of [first, second]) {
      const held = await config(`IdentityAgent ${await agentWith(key)}`)
      expect.soft(await enter(held).catch(String), key).toBe('in as vagrant')
    }
    expect(await plainSsh(await config(`IdentityFile ${first}`))).toBe('vagrant')

    const old = await certify(await makeKey('ed25519'), '-V', '20200101:20200201')
    const fault = await refused(await config(`IdentityFile ${old}`))
    expect(fault.message).toMatch(new RegExp(`certificate ${old}-cert\\.pub \\(expired on 2020-0[12]-\\d\\d\\)`))
  })
})

describe('F67 a second factor', () => {
  it.each([
    [
      'keyboard-interactive',
      ['KbdInteractiveAuthentication yes'],
      /^AuthenticationMethods publickey$|Match User vagrant, AuthenticationMethods publickey/,
    ],
    ['password', ['PasswordAuthentication yes'], /Match User vagrant, AuthenticationMethods publickey/],
    ['publickey', [], /Provide the other key too/],
  ] as const)(
    'F67 that is %s is named in an error which also says that the key was accepted',
    async (method, lines, next) => {
      const [key, other] = [await makeKey('ed25519'), await makeKey('ed25519')]
      await authorize(await half(key), await half(other))
      await sshd(...lines, `AuthenticationMethods publickey,${method}`)
      for (const where of [`IdentityFile ${key}`, `IdentityAgent ${await agentWith(key)}`]) {
        const fault = await refused(await config(where))
        expect.soft(fault).toMatchObject({ code: 'SSH_SECOND_FACTOR' })
        expect.soft(fault.message).toMatch(new RegExp(`accepted key .*, but also requires ${method}`))
        expect.soft(fault.hint).toMatch(next)
      }
      if (method === 'publickey')
        expect(await enter(await config(`IdentityFile ${key}`, `IdentityFile ${other}`))).toBe('in as vagrant')
    },
  )
})

/** A security key in software. Format: PROTOCOL.u2f of OpenSSH. */
function securityKey() {
  const type = 'sk-ssh-ed25519@openssh.com'
  const { privateKey } = generateKeyPairSync('ed25519')
  const x = Buffer.from(privateKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const blob = Buffer.concat([field(type), field(x), field('ssh:')])
  const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest()
  const signed = (data: Buffer) => {
    const presence = Buffer.from([1, 0, 0, 0, 7])
    const bytes = sign(
      null,
      Buffer.concat([sha256('ssh:'), presence, sha256(data)]),
      createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    )
    return Buffer.concat([field(type), field(bytes), presence])
  }
  const answer = (message: Buffer): Buffer => {
    if (message[0] === 11) return Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), field(blob), field('a touch')])
    const data = message.subarray(5 + message.readUInt32BE(1))
    return Buffer.concat([Buffer.from([14]), field(signed(data.subarray(4, 4 + data.readUInt32BE(0))))])
  }
  const serve = (socket: Socket) => {
    let received = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0))
        socket.write(field(answer(received.subarray(4))))
    })
  }
  const secret = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(blob),
    field('handle of a key'),
  ])
  return {
    line: `${type} ${blob.toString('base64')}`,
    file: `-----BEGIN OPENSSH PRIVATE KEY-----\n${secret.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`,
    agent: (socket: string) =>
      new Promise<Server>(resolve => {
        const server = createServer(serve).listen(socket, () => resolve(server))
      }),
  }
}
