import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'

const folder = `${await mkdtemp(join(tmpdir(), 'files-'))}/`
process.env.UPLOADS = folder
const { digest, digestOf, isName, withoutDigest } = await import('./store.js')
after(() => rm(folder, { recursive: true }))

test('a name cannot leave the folder of the files, or be hidden in it', () => {
  for (const name of ['a.txt', 'Photo_1.jpg', '0']) assert.equal(isName(name), true, name)
  for (const name of ['', '.', '..', '.hidden', 'a/b', '../a', 'a\0', 'a%2fb', 'x'.repeat(101)])
    assert.equal(isName(name), false, name)
})

test('the worker finds each file once, and again when it was replaced', async () => {
  assert.deepEqual(await withoutDigest(), [])
  await mkdir(`${folder}files`)
  await writeFile(`${folder}files/a.txt`, 'hello')
  assert.deepEqual(await withoutDigest(), ['a.txt'])
  await digest('a.txt')
  assert.deepEqual(await withoutDigest(), [])
  assert.equal(await digestOf('a.txt'), '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')
  const later = new Date(Date.now() + 1000)
  await utimes(`${folder}files/a.txt`, later, later)
  assert.deepEqual(await withoutDigest(), ['a.txt'])
})
