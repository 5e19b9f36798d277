/** Describes a removal plan. */
import type { Layout } from '../layout.ts'
import type { Kept, RemovalPlan } from './plan.ts'

export interface Removal {
  readonly app: string
  readonly host: string
  /** The host of the router, if that is another one. */
  readonly balancer?: string
  /** The slot that gets the site's traffic; `null` if there is none. */
  readonly live: string | null
  /** The slots that run now. */
  readonly running: readonly string[]
  readonly deleted: readonly string[]
  readonly kept: readonly Kept[]
}

interface Found {
  readonly app: string
  readonly host: string
  readonly layout: Layout
  readonly live: string | undefined
  readonly running: readonly string[]
  /** The account that owns the application's folder. */
  readonly owner: string
}

export function removalOf(plan: RemovalPlan, { app, host, layout, live, running, owner }: Found): Removal {
  return {
    app,
    host,
    live: live ?? null,
    running,
    deleted: [
      ...plan.router.there,
      ...plan.rest.there,
      ...plan.folders.map(name => `${layout.root}/${name}`),
      ...(plan.user === undefined ? [] : [`the user ${plan.user}`]),
    ],
    kept: [...plan.kept, { path: `the account ${owner}`, why: 'it may have other uses' }],
  }
}

/** Adds what is deleted from the balancer and kept there, each path behind the name of that host. */
export function withBalancer(
  removal: Removal,
  plan: RemovalPlan,
  { host, layout, owner }: Pick<Found, 'host' | 'layout' | 'owner'>,
): Removal {
  const { app, live, running } = removal
  const other = removalOf(plan, { app, host, layout, live: live ?? undefined, running: [...running], owner })
  return {
    ...removal,
    balancer: host,
    deleted: [...removal.deleted, ...other.deleted.map(path => `${host}:${path}`)],
    kept: [...removal.kept, ...other.kept.map(({ path, why }) => ({ path: `${host}:${path}`, why }))],
  }
}

/** One line for each thing that is stopped, deleted or kept. */
export const removalText = ({ live, running, deleted, kept }: Removal): string =>
  [
    ...(live === null ? [] : [`the site goes down: ${live} is live`]),
    ...running.map(slot => `stop ${slot}`),
    ...deleted.map(path => `delete ${path}`),
    ...keptLines(kept),
  ].join('\n')

export const keptLines = (kept: readonly Kept[]): readonly string[] =>
  kept.map(({ path, why }) => `keep ${path}: ${why}`)
