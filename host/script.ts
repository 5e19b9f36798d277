/**
 * Bash scripts as values. Pure functions return them; only a `Host` runs them. Every value in a script goes through `quote`, so no shell ever runs the
 * content of a name or a value.
 */
const SAFE = /^[\w/.\-@:=,+%]+$/

/** Quotes a text as one word of a POSIX shell. */
export const quote = (word: string): string => (SAFE.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** A piece of bash, run with `set -eu -o pipefail`. */
export interface Script {
  readonly text: string
  /** A dry run prints scripts that write, and runs those that only read. */
  readonly writes: boolean
  /** The machine that runs it, for a host of several (`hostWith`). Missing for the main one. */
  readonly machine?: string
  /** Replaces the text in messages. */
  readonly label?: string
  /** Replaces the text and the note about its input in the output of a dry run. */
  readonly printed?: string
}

type Value = string | number | Script | readonly (string | number)[]

const isScript = (value: Value): value is Script => typeof value === 'object' && 'text' in value
const insert = (value: Value): string => {
  if (isScript(value)) return value.text
  if (typeof value === 'object') return value.map(item => quote(String(item))).join(' ')
  return quote(String(value))
}

const template =
  (writes: boolean) =>
  (pieces: TemplateStringsArray, ...values: Value[]): Script => ({
    writes: writes || values.some(value => isScript(value) && value.writes),
    text: pieces.reduce((text, piece, i) => text + insert(values[i - 1] ?? '') + piece),
  })

/**
 * Templates for scripts. A string or number is quoted as one word, a list as several words; a script is inserted as it is.
 *
 * @example sh.read`readlink ${path}`
 */
export const sh = {
  /** A script that only reads, unless a script inserted into it writes. */
  read: template(false),
  /** A script that changes something. */
  write: template(true),
  /** Several scripts, one after the other. */
  lines: (...scripts: readonly Script[]): Script => ({
    writes: scripts.some(script => script.writes),
    text: scripts.map(script => script.text).join('\n'),
  }),
}

/** A text that is inserted as it is, such as part of a word in quotation marks. It must not change anything. */
export const raw = (text: string): Script => ({ writes: false, text })

export interface RunOptions {
  /**
   * The script's stdin. Pass secrets here, never in the text of a script. Chunks are pulled as fast as the machine reads them, and no more after the end
   * of the script.
   */
  readonly input?: string | AsyncIterable<Uint8Array>
  /** Milliseconds after which the script's process group is ended and the call rejects with COMMAND_TIMED_OUT. Without it there is no limit. */
  readonly timeout?: number
  /** Called for each line of stdout and stderr while the script runs. */
  readonly onLine?: (line: string, from: 'stdout' | 'stderr') => void
  /**
   * Whether the result has the output of the script. Without it, `onLine` gets the only copy, so that a script may print for days.
   *
   * @default true
   */
  readonly keep?: boolean
}

/** The output of a script; `code` is its exit code. */
export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}
