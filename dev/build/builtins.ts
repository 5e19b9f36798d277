/**
 * Takes modules of Node without an import statement, which costs more: Node then also reads each export, and so loads what lies behind it. A module that Node
 * has not loaded for itself is loaded where a name of it is used. The help loads neither `node:crypto` nor `node:child_process`, and the sources import as usual.
 */
import ts from 'typescript'
import { type Edit, edited, importOf, namesOf, parsed, usesOf } from './names.ts'

/** Node has loaded these before any program runs, so that their names cost nothing. */
const LOADED = ['node:events', 'node:fs', 'node:fs/promises', 'node:path', 'node:url', 'node:util']

/**
 * @param code TypeScript
 * @returns the code without its imports from `node:`, except for those of types
 */
export function withoutBuiltinImports(code: string): string {
  const { file, checker } = parsed(code)
  const edits: Edit[] = []
  for (const statement of file.statements) {
    const names = namesOf(statement)
    if (!names?.specifier.startsWith('node:')) continue
    const values = names.elements.filter(({ isTypeOnly }) => !isTypeOnly)
    if (values.length === 0) continue
    const builtin = `globalThis.process.getBuiltinModule('${names.specifier}')`
    const types = importOf(
      names.elements.filter(({ isTypeOnly }) => isTypeOnly),
      names.specifier,
    )
    const loaded = LOADED.includes(names.specifier)
    const text = loaded ? `${types}; const { ${values.map(bindingOf).join(', ')} } = ${builtin};` : types
    edits.push({ start: statement.getStart(), end: statement.end, text })
    if (loaded) continue
    for (const value of values)
      for (const use of usesOf(value, file, checker)) edits.push(taken(use, `${builtin}.${importedName(value)}`))
  }
  return edited(code, edits)
}

const importedName = ({ name, propertyName }: ts.ImportSpecifier) => (propertyName ?? name).text

const bindingOf = (element: ts.ImportSpecifier) =>
  element.propertyName ? `${importedName(element)}: ${element.name.text}` : element.name.text

function taken(use: ts.Identifier, text: string): Edit {
  const { parent } = use
  const place = { start: use.getStart(), end: use.end }
  if (ts.isShorthandPropertyAssignment(parent)) return { ...place, text: `${use.text}: ${text}` }
  return { ...place, text: ts.isNewExpression(parent) && parent.expression === use ? `(${text})` : text }
}
