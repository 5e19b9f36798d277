/**
 * Parses the output of `nginx -T`: each file that nginx reads, after a line with its path. Includes are resolved like nginx does, so that each directive
 * has its file and line.
 */
import { posix } from 'node:path'

export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  /** The directives in its braces; undefined if it has no braces. */
  readonly block: readonly Directive[] | undefined
  /** Path as nginx prints it, such as `/etc/nginx/sites-enabled/shop.conf`. */
  readonly file: string
  readonly line: number
}

const HEAD = /^# configuration file (\/.*):$/

/** The files of a dump, in nginx's order: the first is the main one. */
export function dumpedFiles(text: string): ReadonlyMap<string, string> {
  const files = new Map<string, string[]>()
  let lines: string[] | undefined
  for (const line of text.split('\n')) {
    const [, path] = HEAD.exec(line) ?? []
    if (path !== undefined) {
      lines = []
      if (!files.has(path)) files.set(path, lines)
    } else lines?.push(line)
  }
  return new Map([...files].map(([path, all]) => [path, all.join('\n')]))
}

/** Parses the whole configuration into one tree, with the contents of included files after their `include` directives. */
export function parseDump(text: string): readonly Directive[] {
  const files = dumpedFiles(text)
  const [main] = files.keys()
  if (main === undefined) return []
  const folder = posix.dirname(main)
  const read = (path: string, above: readonly string[]): readonly Directive[] => {
    const found = files.get(path)
    return found === undefined || above.includes(path)
      ? []
      : followIncludes(parseFile(found, path), name =>
          matching(files.keys(), posix.resolve(folder, name)).flatMap(included => read(included, [...above, path])),
        )
  }
  return read(main, [])
}

const followIncludes = (
  all: readonly Directive[],
  read: (name: string) => readonly Directive[],
): readonly Directive[] =>
  all.flatMap(directive => {
    const { name, args, block } = directive
    if (name === 'include') return [directive, ...read(args[0] ?? '')]
    return [block ? { ...directive, block: followIncludes(block, read) } : directive]
  })

/** Like glob(3): `*` and `?` match neither a slash nor a leading dot. Sorted by name, which is the order in which nginx reads them. */
function matching(paths: Iterable<string>, pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern]
  const source = pattern.replace(/\[!|[.+^${}()|\\*?]/g, sign => {
    if (sign === '*') return '[^/]*'
    if (sign === '?') return '[^/]'
    return sign === '[!' ? '[^' : `\\${sign}`
  })
  const whole = new RegExp(`^${source.replaceAll('/[^/]', '/(?!\\.)[^/]')}$`)
  return [...paths].filter(path => whole.test(path)).sort()
}

/** Parses one file, without its includes. Stops at a syntax error, which nginx itself reports. */
export function parseFile(text: string, file: string): readonly Directive[] {
  const input = tokens(text)
  const block = (): Directive[] => {
    const found: Directive[] = []
    let args: string[] = []
    let line = 0
    for (let token = input.shift(); token !== undefined; token = input.shift()) {
      if (token.sign === '}') break
      if (token.sign === undefined) {
        if (args.length === 0) line = token.line
        args.push(token.text)
        continue
      }
      const [name = '', ...rest] = args
      if (/_by_lua_block$/.test(name)) skipBlock(input)
      const inner = token.sign !== '{' ? undefined : /_by_lua_block$/.test(name) ? [] : block()
      if (name !== '') found.push({ name, args: rest, block: inner, file, line })
      args = []
    }
    return found
  }
  return block()
}

interface Token {
  readonly text: string
  readonly sign: '{' | '}' | ';' | undefined
  readonly line: number
}

/** Skips a block that contains Lua instead of nginx directives. */
function skipBlock(input: Token[]): void {
  for (let depth = 1; depth > 0 && input.length > 0; ) {
    const { sign } = input.shift() ?? {}
    if (sign === '{') depth += 1
    if (sign === '}') depth -= 1
  }
}

/** Tokenizes a file like nginx: words, quoted words, comments, and `{`, `}`, `;`. A brace inside a word, as in `a{2}` or `${name}`, belongs to the word. */
function tokens(text: string): Token[] {
  const found: Token[] = []
  const pattern =
    /\n|[^\S\n]+|#[^\n]*|([{};])|"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)'|((?:\\[\s\S]|\$\{|[^\s;{\\])(?:\\[\s\S]|\$\{|[^\s;{\\])*)/gy
  let line = 1
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [all, sign, double, single, bare] = match
    const word = double ?? single ?? bare
    if (sign !== undefined) found.push({ text: sign, sign: sign as Token['sign'], line })
    else if (word !== undefined) found.push({ text: word, sign: undefined, line })
    line += all.split('\n').length - 1
  }
  return found
}
