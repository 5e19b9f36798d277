/**
 * The form of the error catalogue. Each room keeps its own entries in its `faults.ts`; `faults.ts` at the top
 * puts them together, for the docs and for the test that holds codes apart.
 */

/** 1 failed, the live slot is as it was · 2 invalid arguments or Taskfile, nothing was contacted · 3 refused · 130 interrupted. */
export type ExitCode = 1 | 2 | 3 | 130

/** An error that a person can act on: a code, one line of what happened, one line of what to do next. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: string
  readonly exitCode: ExitCode
  /** What to do next, one line. */
  readonly hint: string
  /** More lines to show below the cause: the end of a log, a table of readings. Never needed to understand `message`. */
  readonly detail: string | undefined
  /** Which field of a Taskfile it is about: the names that lead there. */
  readonly field?: readonly string[]

  constructor(
    code: string,
    exit: ExitCode,
    what: string,
    next: string,
    options: { detail?: string | undefined; cause?: unknown } = {},
  ) {
    super(what, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.exitCode = exit
    this.hint = next
    this.detail = options.detail
  }
}

/** Whether something that was thrown is a fault; also one of another copy of this package, as a plugin may have. */
export const isFault = (thrown: unknown): thrown is Fault =>
  thrown instanceof Error && thrown.name === 'Fault' && 'code' in thrown && 'hint' in thrown && 'exitCode' in thrown

/** How one entry of the catalogue turns its data into words. */
export interface FaultEntry<D> {
  readonly exitCode: ExitCode
  message(data: D): string
  hint(data: D): string
  detail?(data: D): string | undefined
}

/** Makes a `Fault` from an entry's data; `cause` is what was caught, if anything. */
export type MakeFault<D> = (data: D, cause?: unknown) => Fault

/**
 * Turns a table of entries into functions that make the errors: `throw hostFaults.HOST_KEY_CHANGED({ ... })`.
 * The key of an entry is its code.
 */
export function catalogue<T extends Record<string, FaultEntry<never>>>(
  entries: T,
): { readonly [K in keyof T]: T[K] extends FaultEntry<infer D> ? MakeFault<D> : never } {
  const made = Object.entries(entries as unknown as Record<string, FaultEntry<unknown>>).map(([code, entry]) => [
    code,
    (data: unknown, cause?: unknown) =>
      new Fault(code, entry.exitCode, entry.message(data), entry.hint(data), { detail: entry.detail?.(data), cause }),
  ])
  return Object.fromEntries(made) as never
}

/** Types one entry: `fault<{ host: string }>({ exit: 1, what: d => ..., next: d => ... })`. */
export const fault = <D>(entry: FaultEntry<D>): FaultEntry<D> => entry
