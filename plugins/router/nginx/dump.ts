/**
 * Reads what `nginx -T` prints: each file that nginx reads, behind a line with its path. Includes are followed as nginx follows them, so
 * each directive is found with the file and the line in which it stands.
 */
import { posix } from 'node:path'

export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  /** The directives in its braces; undefined when it has none. */
  readonly block: readonly Directive[] | undefined
  /** As nginx names it, such as `/etc/nginx/sites-enabled/shop.conf`. */
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

/** The whole configuration as one tree, with the included files in the places of their `include` lines. */
export function parseDump(text: string): readonly Directive[] {
  const files = dumpedFiles(text)
  const [main] = files.keys()
  if (main === undefined) return []
  const folder = posix.dirname(main)
  const read = (path: string, above: readonly string[]): readonly Directive[] => {
    const found = files.get(path)
    return found === undefined || above.includes(path)
      ? []
      : followed(parseFile(found, path), name =>
          matching(files.keys(), posix.resolve(folder, name)).flatMap(it => read(it, [...above, path])),
        )
  }
  return read(main, [])
}

const followed = (all: readonly Directive[], read: (name: string) => readonly Directive[]): readonly Directive[] =>
  all.flatMap(it => {
    if (it.name === 'include') return [it, ...read(it.args[0] ?? '')]
    return [it.block ? { ...it, block: followed(it.block, read) } : it]
  })

/** As glob(3): a star and a question mark do not reach over a slash, nor to a dot at the beginning of a name. In nginx's order, by name. */
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

/** One file, without its includes. What cannot be parsed ends it: nginx itself says what is wrong there. */
export function parseFile(text: string, file: string): readonly Directive[] {
  const words = tokens(text)
  const block = (): Directive[] => {
    const found: Directive[] = []
    let args: string[] = []
    let line = 0
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word.sign === '}') break
      if (word.sign === undefined) {
        if (args.length === 0) line = word.line
        args.push(word.text)
        continue
      }
      const [name = '', ...rest] = args
      if (/_by_lua_block$/.test(name)) skip(words)
      const inner = word.sign !== '{' ? undefined : /_by_lua_block$/.test(name) ? [] : block()
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

/** Passes over a block that is no nginx, but a program in it. */
function skip(words: Token[]): void {
  for (let depth = 1; depth > 0 && words.length > 0; ) {
    const { sign } = words.shift() ?? {}
    if (sign === '{') depth += 1
    if (sign === '}') depth -= 1
  }
}

/** As nginx splits a file: words, quoted words, comments, and the three signs. A brace within a word, as in `a{2}` or `${name}`, is a part of it. */
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
