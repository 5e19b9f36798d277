/**
 * The mechanism of the error catalogues. Each module has its entries in its own `faults.ts`; the `faults.ts` in the root combines them, for the docs and
 * for the test that the codes are unique.
 */

/** 1 failed, the live slot is as it was · 2 invalid arguments or Taskfile, nothing was contacted · 3 refused · 130 interrupted. */
export type ExitCode = 1 | 2 | 3 | 130

/** An error that a person can act on: a code, one line of what happened, one line of what to do next. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: string
  readonly exitCode: ExitCode
  /** What to do next, in one line. */
  readonly hint: string
  /** More lines, such as the end of a log or a table. `message` can be understood without them. */
  readonly detail: string | undefined
  /** The path of the option in a Taskfile that it is about. */
  readonly field?: readonly string[]
  /** Whether `npx task explain` knows the code: that of a plugin it does not. */
  readonly explained: boolean

  constructor(
    code: string,
    exitCode: ExitCode,
    message: string,
    hint: string,
    options: { detail?: string | undefined; cause?: unknown; explained?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.exitCode = exitCode
    this.hint = hint
    this.detail = options.detail
    this.explained = options.explained ?? false
  }
}

/** What a thrown value says. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** Whether a thrown value is a fault; also for a fault of another copy of this package, which a plugin may have. */
export const isFault = (thrown: unknown): thrown is Fault =>
  thrown instanceof Error && thrown.name === 'Fault' && 'code' in thrown && 'hint' in thrown && 'exitCode' in thrown

/** One entry of a catalogue: the texts of an error, from its data. */
export interface FaultEntry<D> {
  readonly exitCode: ExitCode
  message(data: D): string
  hint(data: D): string
  detail?(data: D): string | undefined
  /**
   * More than the error tells, such as how it comes about: a text of Markdown, which `npx task explain` prints. For the catalogues of this package alone,
   * because the command knows no others.
   */
  readonly about?: string
}

/** Creates a `Fault` from an entry's data. `cause`: the error that was caught, if any. */
export type MakeFault<D> = (data: D, cause?: unknown) => Fault

type Entries = Readonly<Record<string, FaultEntry<never>>>
type Made<T> = { readonly [K in keyof T]: T[K] extends FaultEntry<infer D> ? MakeFault<D> : never }

/**
 * Turns a table of entries into functions that create the errors. The key of an entry is its code.
 *
 * @example throw hostFaults.HOST_UNREACHABLE({ target, address, reason })
 */
export const catalogue = <T extends Entries>(entries: T): Made<T> => faultsOf(entries, true)

/** The same for the errors of a plugin, whose package explains them. */
export const pluginCatalogue = <T extends Entries>(entries: T): Made<T> => faultsOf(entries, false)

function faultsOf<T extends Entries>(entries: T, explained: boolean): Made<T> {
  const made = Object.entries(entries as unknown as Record<string, FaultEntry<unknown>>).map(([code, entry]) => [
    code,
    (data: unknown, cause?: unknown) =>
      new Fault(code, entry.exitCode, entry.message(data), entry.hint(data), {
        detail: entry.detail?.(data),
        cause,
        explained,
      }),
  ])
  return Object.fromEntries(made) as never
}

/**
 * Types one entry.
 *
 * @example fault<{ host: string }>({ exitCode: 1, message: d => `...`, hint: d => `...` })
 */
export const fault = <D>(entry: FaultEntry<D>): FaultEntry<D> => entry
