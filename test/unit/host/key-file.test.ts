import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { blobOf, certificateOf, isCertificate } from '../../../host/ssh/certificate.ts'
import { keyFile } from '../../../host/ssh/key-file.ts'
import { Fields, field, typeOf } from '../../../host/ssh/wire.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-key-file-'))
})

const parse = (data: Buffer | string) => {
  const parsed = ssh2.utils.parseKey(data)
  return Array.isArray(parsed) ? (parsed[0] as (typeof parsed)[0]) : parsed
}
let count = 0
const read = async (text: string, mode = 0o600, beside?: string) => {
  const path = join(folder, `key-${++count}`)
  await writeFile(path, text, { mode })
  await chmod(path, mode)
  if (beside !== undefined) await writeFile(`${path}.pub`, beside)
  return keyFile(path, parse)
}
const text = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1') => String(key.export({ type, format: 'pem' } as never))
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey
const edwards = generateKeyPairSync('ed25519').privateKey

describe('a key file', () => {
  it.each([
    ['RSA in PKCS#1', text(rsa, 'pkcs1'), 'ssh-rsa'],
    ['RSA in PKCS#8', text(rsa, 'pkcs8'), 'ssh-rsa'],
    ['P-256 in SEC 1', text(ec('P-256'), 'sec1'), 'ecdsa-sha2-nistp256'],
    ['P-384 in PKCS#8', text(ec('P-384'), 'pkcs8'), 'ecdsa-sha2-nistp384'],
    ['P-521 in PKCS#8', text(ec('P-521'), 'pkcs8'), 'ecdsa-sha2-nistp521'],
    ['Ed25519 in PKCS#8', text(edwards, 'pkcs8'), 'ssh-ed25519'],
    ['Ed25519 with the line ends of Windows', text(edwards, 'pkcs8').replaceAll('\n', '\r\n'), 'ssh-ed25519'],
  ])('is read: %s', async (_, pem, type) => {
    const found = await read(pem)
    expect(found).toMatchObject({ problem: undefined, key: { type } })
    expect(found?.key?.isPrivateKey()).toBe(true)
    expect(typeOf(found?.public ?? Buffer.alloc(0))).toBe(type)
    const signature = found?.key?.sign(Buffer.from('data'), type === 'ssh-rsa' ? 'sha256' : undefined)
    expect(signature).toBeInstanceOf(Buffer)
  })

  const cipher = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const
  it.each([
    ['a passphrase, in PKCS#8', String(edwards.export(cipher)), /passphrase/, true],
    ['a truncated key', text(rsa, 'pkcs8').slice(0, 300), /damaged/, false],
    ['other text', 'hello\n', /damaged/, false],
    ['an empty file', '', /damaged/, false],
    [
      'a header alone',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
      /damaged/,
      false,
    ],
  ])('is rejected with the reason: %s', async (_, pem, problem, forAgent) => {
    expect(await read(pem)).toMatchObject({ key: undefined, forAgent, problem: expect.stringMatching(problem) })
  })

  it('is rejected when others can read it, as by ssh', async () => {
    expect(await read(text(rsa, 'pkcs8'), 0o644)).toMatchObject({
      key: undefined,
      problem: expect.stringMatching(/644/),
    })
  })

  it('may contain only the public key when the agent has the private one', async () => {
    const path = join(folder, 'elsewhere')
    const blob = Buffer.concat([field('ssh-ed25519'), field(Buffer.alloc(32, 1))])
    await writeFile(`${path}.pub`, `ssh-ed25519 ${blob.toString('base64')} ann\n`)
    expect(await keyFile(path, parse)).toMatchObject({ key: undefined, forAgent: true, public: blob })
    expect(await keyFile(join(folder, 'nowhere'), parse)).toBeUndefined()
  })
})

describe('a certificate', () => {
  const time = (seconds: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(seconds))
    return bytes
  }
  const made = (from: number, until: number) =>
    Buffer.concat([
      ...[field('ssh-ed25519-cert-v01@openssh.com'), field('nonce'), field(Buffer.alloc(32, 1))],
      ...[time(1), Buffer.from([0, 0, 0, 1]), field('ann'), field(''), time(from), time(until), field('')],
    ])
  test.each([
    [0, 2_000_000_000, undefined],
    [0, 1_000_000_000, 'expired on 2001-09-09'],
    [1_900_000_000, 2_000_000_000, 'not valid before 2030-03-17'],
  ])('that is valid from %d to %d has the right problem, if any: %s', (from, until, problem) => {
    const key = Buffer.concat([field('ssh-ed25519'), field(Buffer.alloc(32, 1))])
    const blob = made(from, until)
    expect(isCertificate(blob)).toBe(true)
    expect(certificateOf(blob, new Date('2026-01-01'))).toEqual({ blob, key, problem })
  })

  test('is not recognised in a truncated one or in a plain key', () => {
    expect(certificateOf(made(0, 1).subarray(0, 60))).toBeUndefined()
    expect(certificateOf(Buffer.concat([field('ssh-ed25519'), field('key')]))).toBeUndefined()
    for (const line of ['', 'x', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA'])
      expect(blobOf(line)).toBeUndefined()
  })
})

test('a wire field that is longer than its data throws a RangeError', () => {
  expect(() => new Fields(Buffer.from([0, 0, 0, 9, 1])).next()).toThrow(RangeError)
  expect(() => new Fields(Buffer.from([0, 0])).next()).toThrow(RangeError)
})
