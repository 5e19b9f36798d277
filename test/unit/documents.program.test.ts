/** The TypeScript in the documents is TypeScript: it compiles against the package as it is, as strictly as our own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'

const HOME = fileURLToPath(new URL('../..', import.meta.url))
const read = (name: string) => readFileSync(join(HOME, name), 'utf8')
const blocksOf = (text: string) => [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)

/** What the compiler says of each text; the texts stand beside the real files, where `switchyard` means this package. */
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
  const said = (name: string) => of(name).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  return Object.fromEntries(Object.keys(texts).map(name => [name, said(name)]))
}

it('the TypeScript of the README and of docs/ compiles, and a mistake in it would be found', () => {
  const blocks = ['README.md', 'docs/architecture.md', 'docs/contributing.md'].flatMap(name => blocksOf(read(name)))
  expect(blocks).toHaveLength(4)
  const texts = Object.fromEntries(blocks.map((code, i) => [`document-${i}.ts`, code]))
  const found = problems({ ...texts, 'control.ts': "import { project } from 'switchyard'\nproject({})\n" })
  expect(found['control.ts']).toHaveLength(1)
  for (const name of Object.keys(texts)) expect(found[name], texts[name]).toEqual([])
})

it("the README's Taskfile has at most 25 lines", () => {
  const [taskfile = ''] = blocksOf(read('README.md'))
  expect(taskfile.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
})
