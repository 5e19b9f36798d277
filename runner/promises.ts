/** Resolves like the promise, or to undefined after `ms`. */
export async function withTimeout<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, ms, undefined)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Resolves in the next turn of the event loop. A help text waits for one, and `node:timers/promises` would have to be loaded for that. */
export const nextTurn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))

export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

/** A promise with its functions to settle it. Node 20 has no `Promise.withResolvers`. */
export function deferred<T = void>(): Deferred<T> {
  const made: { resolve?: (value: T) => void; reject?: (error: unknown) => void } = {}
  const promise = new Promise<T>((resolve, reject) => Object.assign(made, { resolve, reject }))
  return { promise, resolve: value => made.resolve?.(value), reject: error => made.reject?.(error) }
}
