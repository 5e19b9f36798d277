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

/** A public key as it comes over the wire, of a made-up value. */
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

test('a key tells its type, and its fingerprint as ssh prints it', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIEIVffN0W0Uu1rQ7cVQ0eBF7Nq1kJqk2o8M1l1l1l1l1'
  const shown = shownKey(Buffer.from(key, 'base64'))
  expect(shown.type).toBe('ssh-ed25519')
  expect(shown.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
})

test('the same key is known, whatever else is', () => {
  expect(verifyHostKey(mine, [entry(ecdsa), entry(other), entry(mine)])).toEqual({ is: 'known' })
})

test('no entry is unknown', () => {
  expect(verifyHostKey(mine, [])).toEqual({ is: 'unknown' })
})

test('other keys only are a changed key, also of another type', () => {
  expect(verifyHostKey(mine, [entry(other)]).is).toBe('changed')
  expect(verifyHostKey(mine, [entry(ecdsa)]).is).toBe('changed')
})

test('a revoked key is refused, also when it stands there as a good one', () => {
  expect(verifyHostKey(mine, [entry(mine), entry(mine, 'revoked')]).is).toBe('revoked')
  expect(verifyHostKey(mine, [], [entry(mine, 'revoked')]).is).toBe('revoked')
  expect(verifyHostKey(mine, [entry(mine), entry(other, 'revoked')]).is).toBe('known')
})

test('an authority vouches for nothing here', () => {
  expect(verifyHostKey(mine, [entry(mine, 'cert-authority')])).toEqual({ is: 'unknown' })
})

test('on another port the entry of the plain name counts when it is the same key, and not otherwise', () => {
  expect(verifyHostKey(mine, [], [entry(mine)])).toEqual({ is: 'known' })
  expect(verifyHostKey(mine, [], [entry(other)])).toEqual({ is: 'unknown' })
  expect(verifyHostKey(mine, [entry(other)], [entry(mine)]).is).toBe('changed')
})

test('the name of an entry has the port when it is not 22, and an alias never', () => {
  const name = (port: number, aliased = false) => knownName({ knownAs: 'web', aliased, port })
  expect([name(22), name(2222), name(2222, true)]).toEqual(['web', '[web]:2222', 'web'])
})

test('the types that are known are asked for first, within what the user allows', () => {
  const rsa = shownKey(wire('ssh-rsa', 'rsa'))
  expect(algorithmsFor([entry(rsa)], []).slice(0, 2)).toEqual(['rsa-sha2-512', 'rsa-sha2-256'])
  expect(algorithmsFor([entry(ecdsa)], [])[0]).toBe('ecdsa-sha2-nistp256')
  expect(algorithmsFor([], ['ssh-ed25519', 'rsa-sha2-512'])).toEqual(['ssh-ed25519', 'rsa-sha2-512'])
  expect(algorithmsFor([], [])).not.toContain('ssh-rsa')
})

test('what ssh-keygen found is read with its markers and lines', () => {
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

test('a line for known_hosts has the name, or its hash', () => {
  expect(knownLine('[web]:2222', mine, false)).toBe(`[web]:2222 ssh-ed25519 ${mine.key}`)
  const [, , salt = '', hash] = knownLine('web', mine, true).split(' ')[0]?.split('|') ?? []
  expect(createHmac('sha1', Buffer.from(salt, 'base64')).update('web').digest('base64')).toBe(hash)
})

test('a key that was remembered is found again, and the file is made with its folder', async () => {
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
