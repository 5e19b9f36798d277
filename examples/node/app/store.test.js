import assert from 'node:assert/strict'
import test from 'node:test'
import { isName } from './store.js'

test('a name cannot leave the folder of the files, or be hidden in it', () => {
  for (const name of ['a.txt', 'Photo_1.jpg', '0']) assert.equal(isName(name), true, name)
  for (const name of ['', '.', '..', '.hidden', 'a/b', '../a', 'a\0', 'a%2fb', 'x'.repeat(101)])
    assert.equal(isName(name), false, name)
})
