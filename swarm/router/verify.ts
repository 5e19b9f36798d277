/** Proves that the site of every node answers with a slot: requests as users send them, from the manager. */
import { program } from '../../host/program.ts'
import { capture, type Query } from '../../host/query.ts'
import type { Script } from '../../host/script.ts'
import { hostPart } from '../../slots/address.ts'
import { versionIn } from '../../slots/health/health.ts'
import type { Node } from '../cluster.ts'
import type { AnySwarmDefinition } from '../definition.ts'
import type { Route } from '../records.ts'

/** What is asked of the site. */
export interface Site {
  readonly port: number
  readonly host: string
  readonly path: string
}

export const siteOf = ({
  definition,
  health,
}: {
  readonly definition: Pick<AnySwarmDefinition, 'router'>
  readonly health: { readonly host: string; readonly path: string }
}): Site => ({ port: definition.router.port, host: health.host, path: health.path })

/** Consecutive responses that each node has to give. */
const ANSWERS = 5
/** Seconds. */
const WITHIN = 10

export const urlOf = ({ address }: Pick<Node, 'address'>, { port }: Pick<Site, 'port'>): string =>
  `http://${hostPart(address)}:${port}`

export const verifyNodes = (nodes: readonly Node[], route: Route, site: Site): Script =>
  program(new URL('./verify-nodes.sh', import.meta.url), {
    parameters: {
      nodes: nodes.map(node => `${node.name}=${urlOf(node, site)}`),
      slot: route.slot,
      generation: route.generation,
      path: site.path,
      site: site.host,
      answers: ANSWERS,
      within: WITHIN,
    },
  })

/** What was seen of a node. */
export interface Verified {
  /** How many requests it took; undefined if it did not answer with the slot. */
  readonly requests: number | undefined
  /** Why not. */
  readonly why: string
  /** The response of the application. */
  readonly status: number
  readonly body: string
}

/** By the names of the nodes, all of which are there. */
export type Verifications = ReadonlyMap<string, Verified>

export const verifying = (nodes: readonly Node[], route: Route, site: Site): Query<Verifications> =>
  capture(verifyNodes(nodes, route, site), text =>
    parseVerifications(
      nodes.map(({ name }) => name),
      text,
    ),
  )

export function parseVerifications(nodes: readonly string[], text: string): Verifications {
  const lines = text.split('\n').map(line => /^node (\S+) (\S+) ?(.*)$/.exec(line))
  return new Map(
    nodes.map((node): [string, Verified] => {
      const [, , count = 'no', rest = 'was not asked'] = lines.find(line => line?.[1] === node) ?? []
      if (count === 'no') return [node, { requests: undefined, why: rest.trim(), status: 0, body: '' }]
      const [status = '', body = ''] = rest.split(' ')
      return [
        node,
        {
          requests: Number(count),
          why: '',
          status: Number(status),
          body: Buffer.from(body, 'base64').toString().trimEnd(),
        },
      ]
    }),
  )
}

/** The nodes that do not answer with the slot and the version, with the reason. */
export function unverified(
  found: Verifications,
  version: { readonly field: string | false; readonly expected: string },
): readonly (readonly [string, string])[] {
  return [...found].flatMap(([node, { requests, why, status, body }]) => {
    if (requests === undefined) return [[node, why] as const]
    if (status !== 200) return [[node, `answers with status ${status}`] as const]
    const reported = version.field === false ? version.expected : versionIn(body, version.field)
    return reported === version.expected ? [] : [[node, `serves ${reported ?? 'no version'}`] as const]
  })
}
