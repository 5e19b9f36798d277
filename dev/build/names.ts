/** What the transformations of a module's imports share: the names that it imports, where it uses them, and edits of its text. */
import ts from 'typescript'

export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** @param edits of different parts of the code */
export const edited = (code: string, edits: readonly Edit[]): string =>
  edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), code)

/** One file is enough: names are only followed to the imports of the same file. */
export function parsed(code: string) {
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

/** Undefined for any other statement, and for an import of types, of a default or of a namespace. */
export function namesOf(statement: ts.Statement) {
  if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) return undefined
  const { importClause, moduleSpecifier } = statement
  const bindings = importClause?.namedBindings
  if (!bindings || !ts.isNamedImports(bindings) || importClause.name) return undefined
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return undefined
  return { specifier: moduleSpecifier.text, elements: bindings.elements }
}

/** An import of types alone must not load the module either. */
export function importOf(elements: readonly ts.ImportSpecifier[], specifier: string): string {
  if (elements.length === 0) return ''
  const typesOnly = elements.every(({ isTypeOnly }) => isTypeOnly)
  const names = elements.map(element => (typesOnly ? element.getText().replace(/^type /, '') : element.getText()))
  return `import ${typesOnly ? 'type ' : ''}{ ${names.join(', ')} } from '${specifier}'`
}

/** Each use of an imported name as a value. */
export function usesOf(element: ts.ImportSpecifier, file: ts.SourceFile, checker: ts.TypeChecker): ts.Identifier[] {
  const wanted = checker.getSymbolAtLocation(element.name)
  const uses: ts.Identifier[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return
    if (ts.isIdentifier(node) && node.text === element.name.text && symbolOf(node, checker) === wanted) uses.push(node)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return uses
}

const symbolOf = (name: ts.Identifier, checker: ts.TypeChecker) =>
  ts.isShorthandPropertyAssignment(name.parent)
    ? checker.getShorthandAssignmentValueSymbol(name.parent)
    : checker.getSymbolAtLocation(name)
