import { expect, it } from 'vitest'
import { lazyImports } from '../../../dev/build/lazy-imports.ts'

const transformed = (code: string) => lazyImports(code, specifier => specifier !== './eager.ts')
const load = (names: string, module: string) => `const [${names}] = await Promise.all([import('${module}')]);`

it('loads a module in the async function that uses it, and in no other', () => {
  const code = `import { a } from './a.ts'
export const task = { title: 'A task', async run() { return a() }, async undo() {} }`
  expect(transformed(code)).toBe(`
export const task = { title: 'A task', async run() { ${load('{ a }', './a.ts')} return a() }, async undo() {} }`)
})

it('loads it once in the outermost function, for those inside', () => {
  const code = `import { a } from './a.ts'
async function run() { return [1].map(async () => { await a() }) }`
  expect(transformed(code)).toBe(`
async function run() { ${load('{ a }', './a.ts')} return [1].map(async () => { await a() }) }`)
})

it('gives an arrow function without a body one', () => {
  expect(transformed(`import { a, b as c } from './a.ts'\nconst run = async () => ({ a: a(), c })`)).toBe(
    `\nconst run = async () => { ${load('{ a, b: c }', './a.ts')} return (({ a: a(), c })) }`,
  )
})

it('loads all modules of a function at once', () => {
  const code = `import { a } from './a.ts'\nimport { b } from './b.ts'\nasync function run() { a(b) }`
  expect(transformed(code)).toContain(
    `const [{ a }, { b }] = await Promise.all([import('./a.ts'), import('./b.ts')]); a(b)`,
  )
})

it.each([
  ['code outside of functions', 'const b = a()'],
  ['a synchronous function', 'const run = () => a()'],
  ['a default value of a parameter', 'async function run(b = a()) { return b }'],
  ['an async generator', 'async function* run() { yield a() }'],
  ['a synchronous function beside an async one', 'async function run() { a() }\nfunction other() { a() }'],
  ['no function', ''],
])('does not touch an import that %s uses', (_, use) => {
  const code = `import { a } from './a.ts'\n${use}`
  expect(transformed(code)).toBe(code)
})

it('keeps what has to stay of an import, and turns an import of types alone into one that loads nothing', () => {
  const use = `type C = B\nasync function run() { a() }`
  expect(transformed(`import { a, type B } from './a.ts'\n${use}`)).toMatch(/^import type \{ B \} from '.\/a.ts'\n/)
  expect(transformed(`import { a, b } from './a.ts'\nconst c = b\n${use}`)).toMatch(/^import \{ b \} from '.\/a.ts'\n/)
})

it('tells the imported name from another of the same name', () => {
  const code = `import { a } from './a.ts'\nconst run = (a: () => void) => a()\nasync function other() { a() }`
  expect(transformed(code)).toBe(
    `\nconst run = (a: () => void) => a()\nasync function other() { ${load('{ a }', './a.ts')} a() }`,
  )
})

it('follows a name in the shorthand of an object, and ignores it in a type', () => {
  const code = `import { a } from './a.ts'\ntype A = ReturnType<typeof a>\nasync function run() { return { a } }`
  expect(transformed(code)).toContain(`async function run() { ${load('{ a }', './a.ts')} return { a } }`)
})

it('leaves modules alone that are loaded anyway', () => {
  const code = `import { a } from './eager.ts'\nasync function run() { a() }`
  expect(transformed(code)).toBe(code)
})
