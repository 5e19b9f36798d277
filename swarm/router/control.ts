/** A container in the network of the routers, which asks and moves all of them at once. It starts before a switch, so that the moves are milliseconds apart. */
import type { Host, RemoteProcess } from '../../host/host.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Cluster, Node } from '../cluster.ts'
import { routerNodes, running } from '../cluster.ts'
import { swarmFaults } from '../faults.ts'
import { APP_LABEL, namesOf } from '../names.ts'
import { parseRoute, type Route, termOf } from '../records.ts'

/** Seconds that a router may take to answer. */
const PATIENCE = 3

/** What a router says of itself; undefined if it is silent. */
export interface RouterState {
  readonly route: Route | undefined
  /** The term of its route, also of one that leads to no slot. */
  readonly term: number
  /** How many tasks of each slot it can send requests to. */
  readonly up: Readonly<Record<string, number>>
}

/** One answer for each router, by the names of the nodes, in their order. */
export type RouterStates = ReadonlyMap<string, RouterState | undefined>

/** A response of the application through a router. */
export interface Answered {
  readonly status: number
  readonly body: string
}

/** Where the routers are. A node without a running router has no address. */
export interface Placed {
  readonly node: Node
  readonly address: string | undefined
}

/** The routers of all nodes that have one, or should. */
export function placedRouters(cluster: Cluster): readonly Placed[] {
  const tasks = running(cluster.router?.tasks ?? [])
  return routerNodes(cluster).map(node => ({ node, address: tasks.find(task => task.node === node.id)?.control }))
}

/**
 * The engine attaches a container to a network of the swarm as it starts a task: not on a node that an operator has taken out.
 *
 * @throws MANAGER_TAKEN_OUT
 */
export function assertAttachable({ here, nodes }: Pick<Cluster, 'here' | 'nodes'>): void {
  const node = nodes.find(({ id }) => id === here)
  if (node && node.availability !== 'active')
    throw swarmFaults.MANAGER_TAKEN_OUT({ node: node.name, availability: node.availability })
}

const talk = program(new URL('./control.sh', import.meta.url), { parameters: { patience: PATIENCE } })

/** Starts the container on the manager. Its standard input is that of the script. */
export const controlScript = (app: string, image: string, routers: readonly string[]): Script =>
  sh.read`exec docker run --rm --interactive --network ${namesOf(app).control} --log-driver none --label ${`${APP_LABEL}=${app}`} --entrypoint bash ${image} -euc ${talk.text} control ${routers}`

export interface Control extends AsyncDisposable {
  /** Resolves when the container has ended, for whatever reason. */
  readonly ended: Promise<unknown>
  states(): Promise<RouterStates>
  /** Tells all routers to move. One that has a route of the same or a later term keeps it. Resolves to their states afterwards. */
  move(to: string): Promise<RouterStates>
  /** One request to a task of the slot through each router. */
  ask(slot: string, host: string, path: string): Promise<ReadonlyMap<string, Answered | undefined>>
}

/** @throws ROUTER_IMAGE_MISSING, SWARM_NOT_SET_UP */
export async function openControl(host: Host, app: string, image: string, placed: readonly Placed[]): Promise<Control> {
  const known = placed.filter(({ address }) => address !== undefined)
  const process = await host.spawn(
    controlScript(
      app,
      image,
      known.map(({ node, address }) => `${node.name}=${address}`),
    ),
  )
  const lines = process.lines[Symbol.asyncIterator]()
  // One command at a time: the answers have no names.
  let last: Promise<unknown> = Promise.resolve()
  const send = (command: string): Promise<readonly string[]> => {
    const answer = last.then(() => answersTo(process, lines, command, app))
    // Whoever asked gets the error.
    last = answer.catch(() => undefined)
    return answer
  }
  const byNode = <T>(
    answers: readonly string[],
    kind: string,
    parse: (text: string) => T,
  ): Map<string, T | undefined> =>
    new Map(
      placed.map(({ node: { name } }) => {
        const prefix = `${kind} ${name} `
        const found = answers.find(line => line.startsWith(prefix))
        return [name, found === undefined ? undefined : parse(found.slice(prefix.length))]
      }),
    )
  return {
    states: async () => byNode(await send('state'), 'router', stateFrom),
    move: async to => byNode(await send(`move ${to}`), 'router', stateFrom),
    ask: async (slot, site, path) => byNode(await send(`ask ${slot} ${site} ${path}`), 'answer', answerFrom),
    ended: process.ended,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  }
}

async function answersTo(
  process: RemoteProcess,
  lines: AsyncIterator<string>,
  command: string,
  app: string,
): Promise<readonly string[]> {
  const answers: string[] = []
  process.send(command)
  for (;;) {
    const { done, value } = await lines.next()
    if (done) throw swarmFaults.CONTROL_ENDED({ app, code: await process.ended })
    if (value === 'over') return answers
    answers.push(value)
  }
}

function stateFrom(text: string): RouterState | undefined {
  try {
    const { route, up } = JSON.parse(text) as { route: string; up: Record<string, number> }
    return { route: parseRoute(route), term: termOf(route), up }
  } catch {
    return undefined
  }
}

function answerFrom(text: string): Answered {
  const [status = '', body = ''] = text.split(' ')
  return { status: Number(status), body: Buffer.from(body, 'base64').toString() }
}
