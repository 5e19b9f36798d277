import { createHmac } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  algorithmsFor,
  type KnownKey,
  knownKeys,
  knownLine,
  knownName,
  parseFound,
  remember,
  shownKey,
  verifyHostKey,
} from '../../../host/ssh/known-hosts.ts'

/** A fake public key in wire format. */
const wire = (type: string, value: string) => {
  const field = (text: string) => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)])
  return Buffer.concat([field(type), field(value)])
}
const mine = shownKey(wire('ssh-ed25519', 'mine'))
const entry = (shown: typeof mine, marker?: KnownKey['marker']): KnownKey => ({
  marker,
  type: shown.type,
  key: shown.key,
  file: 'known_hosts',
  line: 1,
})
const other = shownKey(wire('ssh-ed25519', 'other'))
const ecdsa = shownKey(wire('ecdsa-sha2-nistp256', 'ecdsa'))

test('a host key has its type, and its fingerprint in the format of ssh', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIEIVffN0W0Uu1rQ7cVQ0eBF7Nq1kJqk2o8M1l1l1l1l1'
  const shown = shownKey(Buffer.from(key, 'base64'))
  expect(shown.type).toBe('ssh-ed25519')
  expect(shown.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
})

test('a host key is known if one of the entries is the same', () => {
  expect(verifyHostKey(mine, [entry(ecdsa), entry(other), entry(mine)])).toEqual({ is: 'known' })
})

test('a host key without an entry is unknown', () => {
  expect(verifyHostKey(mine, [])).toEqual({ is: 'unknown' })
})

test('a host key is changed if all entries differ, even if only of another type', () => {
  expect(verifyHostKey(mine, [entry(other)]).is).toBe('changed')
  expect(verifyHostKey(mine, [entry(ecdsa)]).is).toBe('changed')
})

test('a host key is revoked even if it is also listed as valid', () => {
  expect(verifyHostKey(mine, [entry(mine), entry(mine, 'revoked')]).is).toBe('revoked')
  expect(verifyHostKey(mine, [], [entry(mine, 'revoked')]).is).toBe('revoked')
  expect(verifyHostKey(mine, [entry(mine), entry(other, 'revoked')]).is).toBe('known')
})

test('a host key is not accepted because of a cert-authority entry', () => {
  expect(verifyHostKey(mine, [entry(mine, 'cert-authority')])).toEqual({ is: 'unknown' })
})

test('a host key on another port is known by the entry without a port only if that is the same key', () => {
  expect(verifyHostKey(mine, [], [entry(mine)])).toEqual({ is: 'known' })
  expect(verifyHostKey(mine, [], [entry(other)])).toEqual({ is: 'unknown' })
  expect(verifyHostKey(mine, [entry(other)], [entry(mine)]).is).toBe('changed')
})

test('a known_hosts name includes a port other than 22, but never with an alias', () => {
  const name = (port: number, aliased = false) => knownName({ knownAs: 'web', aliased, port })
  expect([name(22), name(2222), name(2222, true)]).toEqual(['web', '[web]:2222', 'web'])
})

test('the host key algorithms put known types first, within those that the user allows', () => {
  const rsa = shownKey(wire('ssh-rsa', 'rsa'))
  expect(algorithmsFor([entry(rsa)], []).slice(0, 2)).toEqual(['rsa-sha2-512', 'rsa-sha2-256'])
  expect(algorithmsFor([entry(ecdsa)], [])[0]).toBe('ecdsa-sha2-nistp256')
  expect(algorithmsFor([], ['ssh-ed25519', 'rsa-sha2-512'])).toEqual(['ssh-ed25519', 'rsa-sha2-512'])
  expect(algorithmsFor([], [])).not.toContain('ssh-rsa')
})

test('the output of ssh-keygen is parsed with markers and line numbers', () => {
  const text = `# Host web found: line 3 CA
@cert-authority *.example ssh-ed25519 AAAA comment
# Host web found: line 7
|1|abc=|def= ecdsa-sha2-nistp256 BBBB
`
  expect(parseFound(text, 'file')).toEqual([
    { marker: 'cert-authority', type: 'ssh-ed25519', key: 'AAAA', file: 'file', line: 3 },
    { marker: undefined, type: 'ecdsa-sha2-nistp256', key: 'BBBB', file: 'file', line: 7 },
  ])
})

test('a known_hosts line contains the host name or its hash', () => {
  expect(knownLine('[web]:2222', mine, false)).toBe(`[web]:2222 ssh-ed25519 ${mine.key}`)
  const [, , salt = '', hash] = knownLine('web', mine, true).split(' ')[0]?.split('|') ?? []
  expect(createHmac('sha1', Buffer.from(salt, 'base64')).update('web').digest('base64')).toBe(hash)
})

test('a remembered host key is found again, and its file and folder are created', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-known-'))
  try {
    const file = join(folder, 'ssh', 'known_hosts')
    await remember(file, knownLine('web', mine, true))
    await remember(file, knownLine('[web]:2222', ecdsa, false))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(3)
    expect(await knownKeys('web', [join(folder, 'none'), file])).toEqual([{ ...entry(mine), file, line: 1 }])
    expect(await knownKeys('[web]:2222', [file])).toEqual([{ ...entry(ecdsa), file, line: 2 }])
    expect(await knownKeys('other', [file])).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
