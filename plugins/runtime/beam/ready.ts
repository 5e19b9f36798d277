/**
 * Whether the application in a slot says that it is ready, and whether its node is connected to that of the other slot. One client asks both, because a
 * client is a VM of its own, whose start takes about a second of processor time.
 */
import { limited } from '../../../host/limited.ts'
import type { Query } from '../../../host/query.ts'
import { type Script, sh } from '../../../host/script.ts'
import { lastLines } from '../../../runner/units.ts'
import type { PluginContext, Runtime, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { runtimeFaults as faults } from '../faults.ts'
import { withEnvironment } from '../scripts.ts'
import { rpcCommand } from './commands.ts'
import { type BeamNode, CLIENT } from './nodes.ts'

/** Seconds that a client has beside those of its question, to start and to connect; Erlang itself gives up a connection after 7. */
const CLIENT_TIME = 20
/** Milliseconds between two evaluations. */
const PAUSE = 250
/** Begin the lines that are for us, among those of the application. */
const UNREADY = 'switchyard: unready, it '
const ALONE = 'switchyard: alone'
const RUNS = 'switchyard: runs'

interface Question {
  readonly node: BeamNode
  readonly ready: string | undefined
  /** Seconds. */
  readonly limit: number
}

/** The Elixir expression that is evaluated in the slot's node. */
export const question = ({ node, ready, limit }: Question): string =>
  [...node.peers.map(connect), ...(ready === undefined ? [] : [untilTrue(ready, limit)])].join('\n')

/** Also connects nodes that lost each other, for example while one was suspended. */
const connect = (peer: string) => `if :net_kernel.connect_node(:"${peer}") != true, do: IO.puts("${ALONE}")`

/**
 * Evaluates an expression until it is true. It runs in a process of its own, so that the limit ends one that hangs. Its text is not part of ours, so that
 * a mistake in it is reported with its own line, and none of its aliases shadows a module here.
 */
const untilTrue = (expression: string, limit: number) =>
  `
source = Base.decode64!("${Buffer.from(expression).toString('base64')}")
deadline = System.monotonic_time(:millisecond) + ${Math.round(limit * 1000)}
fail = fn why -> IO.puts("${UNREADY}" <> why); exit({:shutdown, 1}) end
ask = fn ask ->
  {pid, ref} = spawn_monitor(fn -> exit({:switchyard, elem(Code.eval_string(source), 0)}) end)
  left = deadline - System.monotonic_time(:millisecond)
  receive do
    {:DOWN, ^ref, _, _, {:switchyard, true}} -> :ok
    {:DOWN, ^ref, _, _, {:switchyard, value}} ->
      if left <= ${PAUSE}, do: fail.("was still " <> inspect(value, limit: 20, printable_limit: 200) <> " after ${limit} s")
      Process.sleep(${PAUSE})
      ask.(ask)
    {:DOWN, ^ref, _, _, reason} -> fail.("failed\\n" <> Exception.format_exit(reason))
  after
    max(left, 0) ->
      Process.exit(pid, :kill)
      fail.("gave no value within ${limit} s")
  end
end
ask.(ask)`.trim()

interface ReadyScript {
  readonly layout: Layout
  readonly slot: Slot
  /** Name of the release's program. */
  readonly name: string
  readonly expression: string
  /** Seconds. */
  readonly limit: number
}

/** Evaluates an expression in the node of a slot. A time limit ends the client as well. */
export const readyScript = ({ layout, slot, name, expression, limit }: ReadyScript): Script =>
  sh.write`cd ${layout.slot(slot.name).current}
${limited(rpcCommand(name, expression), limit + CLIENT_TIME, sh.lines(withEnvironment(layout, slot), CLIENT))}
[ "$code" = 0 ]`

interface ReadyOptions {
  /** Name of the release's program. */
  readonly name: string
  node(slot: Slot): BeamNode
  readonly ready: string | undefined
  /** Seconds. */
  readonly limit: number
  pid(slot: Slot): Script
}

/** The part of a runtime that completes the health check; nothing without a `ready` and without a cluster. */
export function readiness(context: PluginContext, options: ReadyOptions): Pick<Runtime, 'complete'> {
  const { layout, slots, show } = context
  const { name, node, ready, limit, pid } = options
  const peerOf = (slot: Slot) => slots.find(other => node(slot).peers.includes(node(other).name))
  if (ready === undefined && !slots.some(peerOf)) return {}
  return { complete }

  function complete(slot: Slot): Query<void> {
    const peer = peerOf(slot)
    const expression = question({ node: node(slot), ready, limit })
    return {
      script: sh.lines(
        peer ? sh.read`if [ -n "$(${pid(peer)})" ]; then echo ${RUNS}; fi` : sh.read`:`,
        readyScript({ layout, slot, name, expression, limit }),
      ),
      read({ code, stdout }) {
        const lines = stdout.split('\n')
        if (code !== 0 && ready !== undefined) throw notReady(slot, lines)
        if (peer && lines.includes(RUNS) && (code !== 0 || lines.includes(ALONE)))
          show(
            `warning: ${slot.name} is not connected to ${peer.name}: the messages of one slot do not reach the other.`,
          )
      },
    }
  }
}

function notReady({ name: slot }: Slot, lines: readonly string[]) {
  const unready = lines.findLast(line => line.startsWith(UNREADY))
  const output = lines.filter(line => line !== unready && line !== ALONE && line !== RUNS)
  return faults.APPLICATION_NOT_READY({
    slot,
    why: unready?.slice(UNREADY.length) ?? 'could not be evaluated',
    output: lastLines(output.join('\n')),
  })
}
