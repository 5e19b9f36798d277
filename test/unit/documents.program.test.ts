/** Compiles the TypeScript of the documents against the package, with our own compiler options. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'

const read = (name: string) => readFileSync(join(HOME, name), 'utf8')
const blocksOf = (text: string) => [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)

/** Compiler errors per text. The texts are placed in the root folder, where `switchyard-deploy` resolves to this package. */
function problems(texts: Readonly<Record<string, string>>): Record<string, string[]> {
  const { config } = ts.readConfigFile(join(HOME, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: ['index.ts'] }, ts.sys, HOME)
  const host = ts.createCompilerHost(options)
  const textOf = new Map(Object.entries(texts).map(([name, text]) => [join(HOME, name), text]))
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = path => textOf.has(path) || fileExists(path)
  host.readFile = path => textOf.get(path) ?? readFile(path)
  host.getSourceFile = (path, ...more) => {
    const text = textOf.get(path)
    if (text === undefined) return getSourceFile(path, ...more)
    return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  }
  const program = ts.createProgram([...textOf.keys()], options, host)
  const of = (name: string) => ts.getPreEmitDiagnostics(program, program.getSourceFile(join(HOME, name)))
  const messages = (name: string) =>
    of(name).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  return Object.fromEntries(Object.keys(texts).map(name => [name, messages(name)]))
}

it('the TypeScript of the README and of docs/ compiles, and a control with an error does not', () => {
  const docs = readdirSync(join(HOME, 'docs')).filter(name => name.endsWith('.md'))
  const blocks = ['README.md', ...docs.map(name => `docs/${name}`)].flatMap(name => blocksOf(read(name)))
  expect(blocks).toHaveLength(23)
  const texts = Object.fromEntries(blocks.map((code, i) => [`document-${i}.ts`, code]))
  const found = problems({ ...texts, 'control.ts': "import { project } from 'switchyard-deploy'\nproject({})\n" })
  expect(found['control.ts']).toHaveLength(1)
  for (const name of Object.keys(texts)) expect(found[name], texts[name]).toEqual([])
})

it.each(['README.md', 'docs/quick-start.md'])('the Taskfile of %s has at most 25 lines', name => {
  const [taskfile = ''] = blocksOf(read(name))
  expect(taskfile.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
})

it('the README has at most 120 lines, and shows only output that a test compares, as text and as a picture', () => {
  const readme = read('README.md')
  expect(readme.split('\n').length).toBeLessThanOrEqual(120)
  const shown = [...readme.matchAll(/^ {4}\$ npx task .*\n(?: {4}.*\n)+/gm)].map(([text]) => text)
  const picture = /!\[npx task promote green:[^\]]*\]\((\S+)\)/.exec(readme)?.[1] ?? ''
  const drawn = [...read(picture).matchAll(/<text[^>]*>(.*)<\/text>/g)].map(([, line = '']) => line)
  expect(drawn.length).toBeGreaterThan(5)
  const block = drawn.map(line => `    ${line.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))}\n`)
  for (const text of [...shown, block.join('')]) expect(read('docs/commands.md')).toContain(text)
  const [measured = ''] = /^ {4}Results on a container(?:.*\n {4})+/m.exec(readme) ?? []
  expect(measured.split('\n').length).toBeGreaterThan(2)
  expect(read('docs/rehearsal.md')).toContain(measured)
})
