/** The Erlang nodes of the slots: names, addresses, and the flags of the VM that make them listen, and join each other. Pure. */
import { sh } from '../../../host/script.ts'
import type { Slot } from '../../../slots/contracts.ts'
import { runtimeFaults } from '../faults.ts'

/** The Erlang node of a slot. */
export interface BeamNode {
  readonly name: string
  /** The IP address on loopback that it listens on. */
  readonly address: string
  readonly port: number
  /** The names of the nodes that it connects to when it starts. */
  readonly peers: readonly string[]
}

interface NodeOptions {
  /** Whether the nodes connect to each other. */
  readonly cluster: boolean
  /** The port of a slot; in a cluster that of the first slot by name is the port of all. */
  readonly distributionPort?: ((slot: Slot) => number) | undefined
}

/**
 * The node of a slot. Without epmd, Erlang has one port for the node's own listener and for every node that it connects to; see
 * `erl_epmd_node_listen_port` in kernel(6). So the nodes of a cluster have the same port, and each an address of its own. The address depends on the names
 * of the slots and not on their order in the Taskfile, so that a running slot keeps its own when that changes.
 *
 * @throws `DISTRIBUTION_PORT_INVALID` for a port that is out of range or that the project already uses
 */
export function nodesOf(
  app: string,
  slots: readonly Slot[],
  { cluster, distributionPort = slot => slot.port + 10_000 }: NodeOptions,
): (slot: Slot) => BeamNode {
  const names = slots.map(({ name }) => name).sort()
  const shared = slots.find(({ name }) => cluster && name === names[0])
  assertPorts(slots, shared ? [shared] : slots, distributionPort)
  const addressOf = (name: string) => `127.0.0.${shared ? names.indexOf(name) + 1 : 1}`
  const nameOf = (name: string) => `${app}_${name}@${addressOf(name)}`
  return slot => ({
    name: nameOf(slot.name),
    address: addressOf(slot.name),
    port: distributionPort(shared ?? slot),
    peers: shared ? names.filter(name => name !== slot.name).map(nameOf) : [],
  })
}

function assertPorts(slots: readonly Slot[], choosing: readonly Slot[], choose: (slot: Slot) => number): void {
  const taken = new Map(slots.map(slot => [slot.port, `the application in ${slot.name} uses it`]))
  for (const slot of choosing) {
    const port = choose(slot)
    const why =
      Number.isInteger(port) && port >= 1024 && port <= 65_535
        ? taken.get(port)
        : 'it is not a whole number from 1024 to 65535'
    if (why) throw runtimeFaults.DISTRIBUTION_PORT_INVALID({ slot: slot.name, port, why })
    taken.set(port, `${slot.name} uses it`)
  }
}

/**
 * Milliseconds that a starting node waits for another one that does not listen. The one that starts last always finds the other, so this matters only when
 * both start at once: after a reboot they then know each other before the applications start.
 */
const PEER_TIMEOUT = 500

/**
 * Flags of the Erlang VM, see erl(1) and kernel(6). Each node has its own address and port, so no shared epmd is needed. The release's script passes the
 * cookie as an argument, which every user of the host can read; a second, empty `-setcookie` makes Erlang ignore both and read ~/.erlang.cookie. The
 * kernel connects to the peers before the application starts. erl splits these flags into words, and takes a quote without a backslash away.
 */
export function distributionFlags({ address, port, peers }: Omit<BeamNode, 'name'>): string {
  const flags = `-start_epmd false -erl_epmd_port ${port} -kernel inet_dist_use_interface {${address.replaceAll('.', ',')}} -setcookie`
  if (peers.length === 0) return flags
  const names = peers.map(name => `\\'${name}\\'`).join(',')
  return `${flags} -kernel sync_nodes_optional [${names}] sync_nodes_timeout ${PEER_TIMEOUT}`
}

/** For a VM with the environment of a slot that is not the slot's node: it joins no cluster. Of two values on a command line the kernel takes the first. */
export const APART = sh.write`export ERL_AFLAGS="-kernel sync_nodes_optional [] \${ERL_AFLAGS-}"`

/** A client of the slot's node must not listen itself, because the node's port is in use. */
export const CLIENT = sh.lines(APART, sh.write`export ERL_ZFLAGS="\${ERL_ZFLAGS-} -dist_listen false"`)
