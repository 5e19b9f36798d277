/**
 * Makes a script of the file that every start loads, because V8's code of a script can be kept with the functions that a run has called. Node 20 keeps no
 * code of modules, and later versions only what is compiled before any function is called.
 */
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { build } from 'esbuild'
import type { Rolldown } from 'tsdown'
import ts from 'typescript'
import { withoutBuiltinImports } from './builtins.ts'
import { type Edit, edited } from './names.ts'

/** @param name of the file, without its hash */
export const scriptChunk = (name: string): Rolldown.Plugin => ({
  name: 'script-chunk',
  async generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk' || chunk.name !== name || !chunk.fileName.endsWith('.js')) continue
      const fileName = chunk.fileName.replace(/js$/, 'script.js')
      const { script, module } = asScript(chunk.code, `./${fileName}`)
      this.emitFile({ type: 'asset', fileName, source: script })
      chunk.code = (await runner()) + module
    }
  },
})

/**
 * @param code a module that imports and exports lists of names
 * @param specifier of the script, for the module
 * @returns a script, and a module that runs it and has the same exports
 */
export function asScript(code: string, specifier: string): { readonly script: string; readonly module: string } {
  const file = ts.createSourceFile('module.js', code, ts.ScriptTarget.ESNext, true)
  const edits: Edit[] = []
  const replace = (node: ts.Node, text: string) => edits.push({ start: node.getStart(), end: node.end, text })
  const imports = file.statements.filter(ts.isImportDeclaration)
  const exports = file.statements.filter(ts.isExportDeclaration)
  for (const statement of [...imports, ...exports]) replace(statement, '')
  const visit = (node: ts.Node): void => {
    if (ts.isMetaProperty(node)) replace(node, '__meta')
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      replace(node.expression, '__load')
    ts.forEachChild(node, visit)
  }
  visit(file)
  const imported = imports.flatMap(({ importClause }) =>
    elementsOf(importClause?.namedBindings).map(({ name }) => name),
  )
  const exported = exports.flatMap(({ exportClause }) =>
    elementsOf(exportClause).map(each => each.propertyName ?? each.name),
  )
  for (const name of file.statements.flatMap(variables))
    if (exported.some(({ text }) => text === name)) throw new Error(`The exported ${name} may change.`)
  const names = (list: readonly { readonly text: string }[]) =>
    `{ ${[...new Set(list.map(({ text }) => text))].join(', ')} }`
  const script = `'use strict';(function (__meta, __load, ${names(imported)}) {${edited(code, edits)}
return ${names(exported)}
})
`
  // Finds statements that only a module may have.
  new Script(script)
  const module = `${imports.map(each => each.getText()).join('\n')}
const ${names(exported)} = __run(
  new URL('${specifier}', import.meta.url).href,
  specifier => import(specifier),
  ${names(imported)},
)
${exports.map(each => each.getText()).join('\n')}
`
  return { script, module }
}

/** The names that a statement declares with `let`. */
const variables = (statement: ts.Statement): string[] =>
  ts.isVariableStatement(statement) && statement.declarationList.flags & ts.NodeFlags.Let
    ? statement.declarationList.declarations.map(({ name }) => name.getText())
    : []

type Clause = ts.NamedImportBindings | ts.NamedExportBindings | undefined

function elementsOf(clause: Clause): readonly (ts.ImportSpecifier | ts.ExportSpecifier)[] {
  if (!clause || !('elements' in clause)) throw new Error('Only lists of names can be imported and exported.')
  return clause.elements
}

/** The code that runs a script. Another module would be one more file to load. */
async function runner(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../runner/code-cache.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
  })
  const code = withoutBuiltinImports(outputFiles[0]?.text ?? '').replace(
    /^export \{\s*runScript\s*\};$/m,
    'return runScript;',
  )
  return `const __run = (() => {\n${code}})();\n`
}
