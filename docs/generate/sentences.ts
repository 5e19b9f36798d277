/** The sentences that a function of an error catalogue can return, read from its source: `<host>` stands for a value that only an error has. */
import ts from 'typescript'

/** What the names in an expression stand for. */
type Bindings = ReadonlyMap<string, readonly string[]>

/** More combinations than this would be a page of their own: the conditions then show their longest text. */
const MOST = 6

const NONE: Bindings = new Map()

/** All sentences of `d => ...`, without duplicates. */
export function sentencesOf(maker: ts.Expression | ts.MethodDeclaration, checker: ts.TypeChecker): string[] {
  const found = returned(maker, [], checker, NONE)
  // `<argument>` in a message is `<` and `>` around a value.
  return [...new Set(found.map(text => text.trim().replaceAll('<<', '<').replaceAll('>>', '>')).filter(Boolean))]
}

/** What a function returns for these arguments; a parameter without one stands for itself. */
function returned(
  maker: ts.Node,
  args: readonly (readonly string[])[],
  checker: ts.TypeChecker,
  outer: Bindings,
): readonly string[] {
  const target = ts.isIdentifier(maker) ? declaredFunction(maker, checker) : maker
  if (target === undefined || !ts.isFunctionLike(target)) return [`<${maker.getText()}>`]
  const bindings = new Map(outer)
  target.parameters.forEach(({ name }, i) => {
    const given = args[i]
    if (ts.isIdentifier(name) && given) bindings.set(name.text, given)
  })
  const body = 'body' in target ? target.body : undefined
  if (body === undefined) return []
  return ts.isBlock(body)
    ? returns(body).flatMap(value => texts(value, checker, bindings))
    : texts(body, checker, bindings)
}

function returns(block: ts.Block): ts.Expression[] {
  const found: ts.Expression[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isReturnStatement(node) && node.expression) found.push(node.expression)
    else if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit)
  }
  visit(block)
  return found
}

function texts(node: ts.Node, checker: ts.TypeChecker, bindings: Bindings): readonly string[] {
  const of = (part: ts.Node) => texts(part, checker, bindings)
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (ts.isNumericLiteral(node)) return [node.text]
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isNonNullExpression(node))
    return of(node.expression)
  if (ts.isTemplateExpression(node))
    return node.templateSpans.reduce<readonly string[]>(
      (before, { expression, literal }) =>
        joined(
          before,
          of(expression).map(text => text + literal.text),
        ),
      [node.head.text],
    )
  if (ts.isConditionalExpression(node)) return [...of(node.whenTrue), ...of(node.whenFalse)]
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken
    if (kind === ts.SyntaxKind.PlusToken) return joined(of(node.left), of(node.right))
    if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return of(node.right)
    return [...new Set([...of(node.left), ...of(node.right)])]
  }
  if (ts.isCallExpression(node)) return called(node, checker, bindings)
  if (ts.isPropertyAccessExpression(node)) return [placeholder(node.name.text)]
  if (ts.isElementAccessExpression(node)) return of(node.expression)
  if (ts.isIdentifier(node)) {
    if (node.text === 'undefined') return []
    return bindings.get(node.text) ?? constant(node, checker) ?? [placeholder(node.text)]
  }
  return [placeholder(node.getText())]
}

/** Two parts one after the other, in all combinations; of too many the longest alone. */
function joined(before: readonly string[], after: readonly string[]): readonly string[] {
  if (after.length === 0) return before
  if (before.length * after.length <= MOST) return before.flatMap(start => after.map(end => start + end))
  const longest = after.reduce((a, b) => (b.length > a.length ? b : a))
  return before.map(start => start + longest)
}

function called(node: ts.CallExpression, checker: ts.TypeChecker, bindings: Bindings): readonly string[] {
  const { expression } = node
  const of = (part: ts.Node) => texts(part, checker, bindings)
  if (ts.isIdentifier(expression)) {
    if (expression.text === 'String') return node.arguments.flatMap(of)
    return returned(expression, node.arguments.map(of), checker, NONE)
  }
  if (!ts.isPropertyAccessExpression(expression)) return [placeholder(node.getText())]
  if (expression.getText() === 'JSON.stringify')
    return node.arguments
      .slice(0, 1)
      .flatMap(of)
      .map(text => `"${text}"`)
  // Of `names.join(', ')` and other methods, what they are called on says more than how.
  return of(expression.expression)
}

const declarationOf = (name: ts.Identifier, checker: ts.TypeChecker): ts.Declaration | undefined => {
  const symbol = checker.getSymbolAtLocation(name)
  const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return target?.valueDeclaration
}

function declaredFunction(name: ts.Identifier, checker: ts.TypeChecker): ts.Node | undefined {
  const found = declarationOf(name, checker)
  return found && ts.isVariableDeclaration(found) ? found.initializer : found
}

/** The text of a constant of a module. */
function constant(name: ts.Identifier, checker: ts.TypeChecker): readonly string[] | undefined {
  const found = declarationOf(name, checker)
  if (!found || !ts.isVariableDeclaration(found) || !found.initializer) return undefined
  return ts.isStringLiteralLike(found.initializer) || ts.isTemplateExpression(found.initializer)
    ? texts(found.initializer, checker, NONE)
    : undefined
}

/** `holdingProcess` is `<holding process>`. */
const placeholder = (name: string): string =>
  /^[a-z]\w*$/.test(name) ? `<${name.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`)}>` : '...'
