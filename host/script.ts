/**
 * Command text as a value. Pure functions return scripts; `Host.run` is the one layer that runs them. Every value that
 * stands in a script goes through `quote`, so nothing that a name or a value holds is ever run by a shell.
 */
const SAFE = /^[\w/.\-@:=,+%]+$/

/** One word for a POSIX shell. */
export const quote = (word: string): string => (SAFE.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** A piece of bash, run with `set -eu -o pipefail`. */
export interface Script {
  readonly text: string
  /** A dry run prints scripts that write, and runs those that only read. */
  readonly writes: boolean
  /** What people see of it where it was cut short, when that is not its text. */
  readonly label?: string
  /** What a dry run prints in its place, input and all, when that is not its text. */
  readonly printed?: string
}

type Word = string | number | Script | readonly (string | number)[]

const isScript = (word: Word): word is Script => typeof word === 'object' && 'text' in word
const insert = (word: Word): string => {
  if (isScript(word)) return word.text
  if (typeof word === 'object') return word.map(part => quote(String(part))).join(' ')
  return quote(String(word))
}

const template =
  (writes: boolean) =>
  (pieces: TemplateStringsArray, ...words: Word[]): Script => ({
    writes: writes || words.some(word => isScript(word) && word.writes),
    text: pieces.reduce((text, piece, i) => text + insert(words[i - 1] ?? '') + piece),
  })

/**
 * Templates that make scripts: `` sh.read`readlink ${path}` ``. A string or number is quoted as one word, a list as
 * several, a script stands as it is.
 */
export const sh = {
  /** Only looks. */
  read: template(false),
  /** Changes something; a script that holds one that writes also writes. */
  write: template(true),
  /** Several scripts, one a line. */
  lines: (...scripts: readonly Script[]): Script => ({
    writes: scripts.some(script => script.writes),
    text: scripts.map(script => script.text).join('\n'),
  }),
}

export interface RunOptions {
  /**
   * What the script reads from its standard input. The way for a secret to travel: never as a word of a script. Pieces are
   * asked for as fast as the machine takes them; when the script ends first, no more are asked for.
   */
  readonly input?: string | AsyncIterable<Uint8Array>
  /** In milliseconds; then the script's process group is ended, and that is a `Fault`. */
  readonly timeout?: number
  /** Each line of output while it runs. */
  readonly onLine?: (line: string) => void
}

/** What a script that ran left behind; `code` is its exit status. */
export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The end of what a command printed, for people. */
export const lastLines = (text: string, count = 20): string => text.trimEnd().split('\n').slice(-count).join('\n')
