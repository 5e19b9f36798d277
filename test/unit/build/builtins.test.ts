import { expect, it } from 'vitest'
import { withoutBuiltinImports } from '../../../dev/build/builtins.ts'

const builtin = (module: string) => `globalThis.process.getBuiltinModule('${module}')`

it('takes the names of a module that Node has loaded at once', () => {
  expect(withoutBuiltinImports("import { join, posix as p } from 'node:path'\njoin(p.sep)")).toBe(
    `; const { join, posix: p } = ${builtin('node:path')};\njoin(p.sep)`,
  )
})

it('takes a name of another module where it is used', () => {
  const code = `import { createHash as hash, randomUUID } from 'node:crypto'
const id = () => ({ randomUUID, hash: hash('sha256').update(randomUUID()) })`
  expect(withoutBuiltinImports(code)).toBe(`
const id = () => ({ randomUUID: ${builtin('node:crypto')}.randomUUID, hash: ${builtin('node:crypto')}.createHash('sha256').update(${builtin('node:crypto')}.randomUUID()) })`)
})

it('makes an instance of a class that it takes', () => {
  const code = "import { PassThrough } from 'node:stream'\nconst made = new PassThrough({ objectMode: true })"
  expect(withoutBuiltinImports(code)).toBe(
    `\nconst made = new (${builtin('node:stream')}.PassThrough)({ objectMode: true })`,
  )
})

it('tells the imported name from another of the same name, and from a type', () => {
  const code = `import { Readable } from 'node:stream'
const read = (Readable: number, of: { Readable: Readable }) => Readable + of.Readable`
  expect(withoutBuiltinImports(code)).toBe(code.replace(/^.*/, ''))
})

it.each([
  ['types', "import type { Readable } from 'node:stream'\nlet read: Readable"],
  ['other packages', "import { test } from 'nodes'\nimport { a } from './node:path.ts'\ntest(a)"],
])('leaves imports of %s alone', (_, code) => {
  expect(withoutBuiltinImports(code)).toBe(code)
})

it('keeps the types of an import', () => {
  const code = "import { createHash, type Hash } from 'node:crypto'\nconst made = (): Hash => createHash('md5')"
  expect(withoutBuiltinImports(code)).toBe(
    `import type { Hash } from 'node:crypto'\nconst made = (): Hash => ${builtin('node:crypto')}.createHash('md5')`,
  )
})
