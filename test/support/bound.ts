/** A plugin on a host: each of its queries is put to the host at once, on its own. */
import type { Host } from '../../host/host.ts'
import type { Query } from '../../host/query.ts'

type Put<F> = F extends (...words: infer A) => Query<infer T> ? (...words: A) => Promise<T> : F
export type Bound<P> = { readonly [K in keyof P]: Put<P[K]> }

const isQuery = (value: unknown): value is Query<unknown> =>
  typeof value === 'object' && value !== null && 'script' in value && 'read' in value

export function bound<P extends object>(host: Pick<Host, 'query'>, plugin: P): Bound<P> {
  return new Proxy(plugin, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...words: unknown[]) => {
        const result: unknown = member(...words)
        return isQuery(result) ? host.query(result) : result
      }
    },
  }) as Bound<P>
}
