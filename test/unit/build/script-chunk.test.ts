import { Script } from 'node:vm'
import { expect, it } from 'vitest'
import { asScript } from '../../../dev/build/script-chunk.ts'

const run = (code: string, ...args: readonly unknown[]) =>
  new Script(asScript(code, './core.script.js').script).runInThisContext()(...args)

it('makes a strict function of the imports, which returns the exports', () => {
  const code = `import { a as b, c } from './other.js'
const d = b + c
function strict() { return this }
export { d as do, strict };`
  const { d, strict } = run(code, {}, undefined, { b: 1, c: 2 })
  expect([d, strict()]).toEqual([3, undefined])
})

it('gives it what only a module has', async () => {
  const code = "const path = import.meta.url; const load = name => import('./' + name); export { load, path };"
  const { load, path } = run(code, { url: 'file:///core.js' }, async (name: string) => [name], {})
  expect([path, await load('work.js')]).toEqual(['file:///core.js', ['./work.js']])
})

it('leaves texts alone that look the same, and all lines where they are', () => {
  const code = `const a = 'import.meta ' + import.meta.url + ' import("b")'
const line = () => new Error().stack
export { a, line };`
  const { a, line } = run(code, { url: 'file:///core.js' }, undefined, {})
  expect(a).toBe('import.meta file:///core.js import("b")')
  expect(line()).toMatch(/:2:\d+\)?\n/)
})

it('keeps the names of the imports and exports in the module that runs it', () => {
  const { module } = asScript("import { t as a } from './a.js'\nexport { a as $, a as do };", './core.script.js')
  expect(module).toContain("import { t as a } from './a.js'")
  expect(module).toContain("new URL('./core.script.js', import.meta.url)")
  expect(module).toContain('const { a } = __run(')
  expect(module).toContain('export { a as $, a as do };')
})

it.each([
  'await import("a")',
  'export const a = 1',
  'import a from "a"',
  'export * from "a"',
  'let a = 1; export { a }',
])('refuses what a script cannot be: %s', code => {
  expect(() => asScript(code, './core.script.js')).toThrow()
})
