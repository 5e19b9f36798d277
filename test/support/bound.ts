/** Binds a plugin to a host, for tests: methods that return a query run it on the host and return a promise of its result. */
import type { Host } from '../../host/host.ts'
import type { Query } from '../../host/query.ts'

type Run<F> = F extends (...args: infer A) => Query<infer T> ? (...args: A) => Promise<T> : F
/** A plugin whose methods return promises instead of queries. */
export type Bound<P> = { readonly [K in keyof P]: Run<P[K]> }

const isQuery = (value: unknown): value is Query<unknown> =>
  typeof value === 'object' && value !== null && 'script' in value && 'read' in value

/**
 * Binds a plugin to a host.
 *
 * @example
 * ```ts
 * const router = bound(host, plugin.create(pluginKit()))
 * await router.promote(slot, 'g1')
 * ```
 */
export function bound<P extends object>(host: Pick<Host, 'query'>, plugin: P): Bound<P> {
  return new Proxy(plugin, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        const result: unknown = member(...args)
        return isQuery(result) ? host.query(result) : result
      }
    },
  }) as Bound<P>
}
