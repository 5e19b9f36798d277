/**
 * Makes the imports of a module lazy where every use of a name is inside an async function: the function loads the module when it is called. So the
 * sources import as usual, and a program that only lists its commands does not compile the code that runs them.
 */
import ts from 'typescript'

/** The names that one function, or the file itself, needs of each module. */
type Names = Map<string, string[]>

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

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
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), code)
}

/** One file is enough: names are only followed to the imports of the same file. */
function parsed(code: string) {
  const name = 'module.ts'
  const file = ts.createSourceFile(name, code, ts.ScriptTarget.ESNext, true)
  const host: ts.CompilerHost = {
    getSourceFile: path => (path === name ? file : undefined),
    fileExists: path => path === name,
    readFile: () => undefined,
    writeFile: () => undefined,
    getDefaultLibFileName: () => '',
    getCurrentDirectory: () => '',
    getCanonicalFileName: path => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
  }
  const program = ts.createProgram([name], { noLib: true, noResolve: true, target: ts.ScriptTarget.ESNext }, host)
  return { file, checker: program.getTypeChecker() }
}

function namesOf(statement: ts.Statement) {
  if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) return undefined
  const { importClause, moduleSpecifier } = statement
  const bindings = importClause?.namedBindings
  if (!bindings || !ts.isNamedImports(bindings) || importClause.name) return undefined
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return undefined
  return { specifier: moduleSpecifier.text, elements: bindings.elements }
}

/** An import of types alone must not load the module either. */
function importOf(elements: readonly ts.ImportSpecifier[], specifier: string): string {
  if (elements.length === 0) return ''
  const typesOnly = elements.every(({ isTypeOnly }) => isTypeOnly)
  const names = elements.map(element => (typesOnly ? element.getText().replace(/^type /, '') : element.getText()))
  return `import ${typesOnly ? 'type ' : ''}{ ${names.join(', ')} } from '${specifier}'`
}

/** The outermost async functions that use the name; undefined if anything else uses it, or nothing. */
function functionsThatUse(element: ts.ImportSpecifier, file: ts.SourceFile, checker: ts.TypeChecker) {
  const wanted = checker.getSymbolAtLocation(element.name)
  const functions = new Set<ts.FunctionLikeDeclaration>()
  let elsewhere = false
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return
    if (ts.isIdentifier(node) && node.text === element.name.text && symbolOf(node, checker) === wanted) {
      const outermost = asyncFunctionAround(node)
      if (outermost) functions.add(outermost)
      else elsewhere = true
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return elsewhere || functions.size === 0 ? undefined : functions
}

const symbolOf = (name: ts.Identifier, checker: ts.TypeChecker) =>
  ts.isShorthandPropertyAssignment(name.parent)
    ? checker.getShorthandAssignmentValueSymbol(name.parent)
    : checker.getSymbolAtLocation(name)

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
