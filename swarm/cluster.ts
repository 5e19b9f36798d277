/** What the engine says about the machines and about the objects of an application, read in one round trip. */
import type { Query } from '../host/query.ts'
import { askEngine, labelled, replies } from './engine.ts'
import { APP_LABEL, type Names, namesOf, SLOT_LABELS } from './names.ts'
import { parseRecords, type Records } from './records.ts'

/** A machine of the swarm. */
export interface Node {
  readonly id: string
  readonly name: string
  /** That the other machines reach it at. */
  readonly address: string
  readonly manager: boolean
  readonly leader: boolean
  /** Whether the manager hears of it. */
  readonly up: boolean
  /** `drain`: an operator has taken it out, and nothing of ours runs there. */
  readonly availability: 'active' | 'pause' | 'drain'
  readonly engine: string
}

/** A container of a service, or one that is to be. */
export interface Task {
  readonly id: string
  readonly service: string
  /** The id of its node; '' before it has one. */
  readonly node: string
  readonly state: string
  /** Whether the engine wants it to run. */
  readonly wanted: boolean
  readonly container: string | undefined
  readonly exitCode: number | undefined
  /** Why it does not run. */
  readonly error: string | undefined
  /** Its address in the network of the routers; undefined if it is not on it. */
  readonly control: string | undefined
  /** ISO 8601. */
  readonly since: string
}

/** A slot's service. */
export interface SlotService {
  readonly id: string
  readonly slot: string
  readonly release: string
  readonly version: string
  readonly image: string
  readonly replicas: number
  readonly tasks: readonly Task[]
  /** Who deployed it. */
  readonly by: string
  /** Source revision of the release, such as a git commit; '' if it is not known. */
  readonly revision: string
}

export interface Cluster {
  /** The node that was asked. */
  readonly here: string
  readonly nodes: readonly Node[]
  /** By the names of the slots; a slot without a service is missing. */
  readonly slots: ReadonlyMap<string, SlotService>
  /** Undefined before the setup. */
  readonly router:
    | {
        readonly id: string
        readonly configs: readonly string[]
        readonly spec: string | undefined
        /** Whether the engine still replaces routers. */
        readonly updating: boolean
        /** Whether it has given that up, because a new one failed. */
        readonly paused: boolean
        readonly tasks: readonly Task[]
      }
    | undefined
  readonly migration: { readonly id: string; readonly release: string; readonly tasks: readonly Task[] } | undefined
  /** Undefined before the setup. */
  readonly records: Records | undefined
  readonly networks: readonly { readonly name: string; readonly subnet: string | undefined }[]
  readonly configs: readonly string[]
}

/** The label of the router's service with a digest of all that `setup` gave it. */
export const ROUTER_LABEL = 'switchyard.router'

// biome-ignore lint/suspicious/noExplicitAny: what the API answers; only the fields that are read here are known.
type Any = any

/**
 * @throws ENGINE_UNREACHABLE, NOT_A_MANAGER, SWARM_WITHOUT_QUORUM
 */
export function readCluster(app: string): Query<Cluster> {
  const of = labelled(`${APP_LABEL}=${app}`)
  // The nodes first: without a leader the script ends there, and what an engine knows alone would cost it 20 s more.
  const script = askEngine(['/nodes', '/info', `/services${of}`, `/tasks${of}`, `/configs${of}`, `/networks${of}`])
  return {
    script: { ...script, label: 'docker info, node ls, service ls, service ps' },
    read(output, host) {
      return clusterFrom(
        app,
        replies(output, host, script).map(({ body }) => JSON.parse(body) as Any),
      )
    },
  }
}

/** @param parsed the responses for `/nodes`, `/info`, `/services`, `/tasks`, `/configs` and `/networks` */
export function clusterFrom(app: string, [nodes, info, services, tasks, configs, networks]: readonly Any[]): Cluster {
  const names = namesOf(app)
  const all: readonly Task[] = tasks.map((task: Any) => taskFrom(task, names))
  const of = (service: Any) =>
    all.filter(task => task.service === service.ID).toSorted((a, b) => b.since.localeCompare(a.since))
  const named = (name: string) => services.find((service: Any) => service.Spec.Name === name)
  const slots = services.flatMap((service: Any): [string, SlotService][] => {
    const labels = service.Spec.Labels ?? {}
    const slot = labels[SLOT_LABELS.slot]
    if (slot === undefined || service.Spec.Name !== names.slot(slot)) return []
    return [
      [
        slot,
        {
          id: service.ID,
          slot,
          release: labels[SLOT_LABELS.release] ?? '',
          version: labels[SLOT_LABELS.version] ?? '',
          by: labels[SLOT_LABELS.by] ?? '',
          revision: labels[SLOT_LABELS.revision] ?? '',
          image: service.Spec.TaskTemplate.ContainerSpec.Image,
          replicas: service.Spec.Mode.Replicated?.Replicas ?? 0,
          tasks: of(service),
        },
      ],
    ]
  })
  const router = named(names.router)
  const migration = named(names.migration)
  const records = configs.find((config: Any) => config.Spec.Name === names.records)
  return {
    here: info.Swarm?.NodeID ?? '',
    nodes: nodesFrom(nodes),
    slots: new Map(slots),
    router: router && {
      id: router.ID,
      configs: (router.Spec.TaskTemplate.ContainerSpec.Configs ?? []).map((config: Any) => config.ConfigName),
      spec: router.Spec.Labels?.[ROUTER_LABEL],
      updating: router.UpdateStatus?.State === 'updating',
      paused: router.UpdateStatus?.State === 'paused',
      tasks: of(router),
    },
    migration: migration && {
      id: migration.ID,
      release: migration.Spec.Labels?.[SLOT_LABELS.release] ?? '',
      tasks: of(migration),
    },
    records: records && parseRecords(records.Version.Index, records.Spec.Labels ?? {}),
    networks: networks.map((network: Any) => ({ name: network.Name, subnet: network.IPAM?.Config?.[0]?.Subnet })),
    configs: configs.map((config: Any) => config.Spec.Name),
  }
}

/** @param parsed the response for `/nodes` */
export const nodesFrom = (parsed: Any): readonly Node[] =>
  distinct(parsed.map(nodeFrom)).toSorted((a, b) => a.name.localeCompare(b.name))

function nodeFrom(node: Any): Node {
  const { Addr: heard = '' } = node.Status ?? {}
  // A manager may report the address that it listens on, which is none of its own.
  const ofManager = (node.ManagerStatus?.Addr ?? '').replace(/:\d+$/, '')
  return {
    id: node.ID,
    name: node.Description?.Hostname ?? node.ID,
    address: ofManager !== '' && /^(0\.0\.0\.0|127\.|::|$)/.test(heard) ? ofManager : heard,
    manager: node.Spec?.Role === 'manager',
    leader: node.ManagerStatus?.Leader === true,
    up: node.Status?.State === 'ready',
    availability: node.Spec?.Availability ?? 'active',
    engine: node.Description?.Engine?.EngineVersion ?? '',
  }
}

/** Machines that were made from one image may share a host name: then their ids tell them apart. */
const distinct = (nodes: readonly Node[]): readonly Node[] =>
  nodes.map(node => {
    const alone = nodes.filter(({ name }) => name === node.name).length === 1
    return alone ? node : { ...node, name: `${node.name}.${node.id.slice(0, 6)}` }
  })

function taskFrom(task: Any, names: Names): Task {
  const attached = (task.NetworksAttachments ?? []).find((to: Any) => to.Network?.Spec?.Name === names.control)
  const { State: state = '', Err: error, ContainerStatus: container, Timestamp: since = '' } = task.Status ?? {}
  return {
    id: task.ID,
    service: task.ServiceID,
    node: task.NodeID ?? '',
    state,
    wanted: task.DesiredState === 'running' || task.DesiredState === 'complete' || task.DesiredState === 'ready',
    container: container?.ContainerID || undefined,
    exitCode: container?.ExitCode,
    error: error || undefined,
    control: attached?.Addresses?.[0]?.replace(/\/\d+$/, ''),
    since,
  }
}

export const running = (tasks: readonly Task[]): readonly Task[] =>
  tasks.filter(({ wanted, state }) => wanted && state === 'running')

/** The machines that have a router, or should: all but those that an operator has taken out. */
export const routerNodes = ({ nodes }: Pick<Cluster, 'nodes'>): readonly Node[] =>
  nodes.filter(({ availability }) => availability !== 'drain')
