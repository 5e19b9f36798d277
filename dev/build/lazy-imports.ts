/**
 * Makes the imports of a module lazy where every use of a name is inside an async function: the function loads the module when it is called. So the
 * sources import as usual, and a program that only lists its commands does not compile the code that runs them.
 */
import ts from 'typescript'
import { type Edit, edited, importOf, namesOf, parsed, usesOf } from './names.ts'

/** The names that one function, or the file itself, needs of each module. */
type Names = Map<string, string[]>

/**
 * @param code TypeScript
 * @param lazy whether an import of this specifier may become lazy
 * @returns the code, with lines added and removed
 */
export function lazyImports(code: string, lazy: (specifier: string) => boolean): string {
  const { file, checker } = parsed(code)
  const edits: Edit[] = []
  const moved = new Map<ts.FunctionLikeDeclaration, Names>()
  for (const statement of file.statements) {
    const names = namesOf(statement)
    if (!names || !lazy(names.specifier)) continue
    const kept: ts.ImportSpecifier[] = []
    for (const element of names.elements) {
      const functions = element.isTypeOnly ? undefined : functionsThatUse(element, file, checker)
      if (!functions) kept.push(element)
      for (const user of functions ?? []) add(moved, user, names.specifier, element)
    }
    if (kept.length === names.elements.length) continue
    edits.push({ start: statement.getStart(), end: statement.end, text: importOf(kept, names.specifier) })
  }
  for (const [user, names] of moved) edits.push(...loading(user, names))
  return edited(code, edits)
}

/** The outermost async functions that use the name; undefined if anything else uses it, or nothing. */
function functionsThatUse(element: ts.ImportSpecifier, file: ts.SourceFile, checker: ts.TypeChecker) {
  const functions = new Set<ts.FunctionLikeDeclaration>()
  let elsewhere = false
  for (const use of usesOf(element, file, checker)) {
    const outermost = asyncFunctionAround(use)
    if (outermost) functions.add(outermost)
    else elsewhere = true
  }
  return elsewhere || functions.size === 0 ? undefined : functions
}

/** A default value of a parameter is not in the body, where the module is loaded. An async generator may be iterated only in part. */
function asyncFunctionAround(node: ts.Node): ts.FunctionLikeDeclaration | undefined {
  let outermost: ts.FunctionLikeDeclaration | undefined
  for (let at = node.parent; at; at = at.parent) {
    if (!isFunction(at) || !at.body || node.pos < at.body.pos) continue
    const isAsync = at.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) === true
    if (isAsync && !at.asteriskToken) outermost = at
  }
  return outermost
}

const isFunction = (node: ts.Node): node is ts.FunctionLikeDeclaration & { readonly body?: ts.Block | ts.Expression } =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node)

function add(
  moved: Map<ts.FunctionLikeDeclaration, Names>,
  user: ts.FunctionLikeDeclaration,
  specifier: string,
  { name, propertyName }: ts.ImportSpecifier,
): void {
  const names: Names = moved.get(user) ?? new Map()
  const binding = propertyName ? `${propertyName.text}: ${name.text}` : name.text
  names.set(specifier, [...(names.get(specifier) ?? []), binding])
  moved.set(user, names)
}

/** All modules at once: they are one file after the build. */
function loading({ body }: ts.FunctionLikeDeclaration, names: Names): Edit[] {
  if (!body) return []
  const bindings = [...names.values()].map(each => `{ ${each.join(', ')} }`)
  const modules = [...names.keys()].map(specifier => `import('${specifier}')`)
  const load = `const [${bindings.join(', ')}] = await Promise.all([${modules.join(', ')}]);`
  const start = body.getStart()
  if (ts.isBlock(body)) return [{ start: start + 1, end: start + 1, text: ` ${load}` }]
  return [
    { start, end: start, text: `{ ${load} return (` },
    { start: body.end, end: body.end, text: ') }' },
  ]
}
