import { Fault, isFault } from '../../runner/fault.ts'
import type { Task } from '../../runner/task.ts'
import type { Figures } from '../../slots/model.ts'
import { probeArguments, probingWith } from '../../slots/promote/arguments.ts'
import { figuresOf, type Measured, measuredLine, reasonsOf } from '../../slots/promote/measured.ts'
import { probeFaults } from '../../slots/promote/probe-faults.ts'
import type { Probing } from '../../slots/promote/probe-setting.ts'
import { NO_REQUESTS } from '../../slots/promote/tally.ts'
import type { SwarmDeps } from '../context.ts'
import { swarmFaults } from '../faults.ts'
import { askNodes, assertSockets, endProbes, probeNodes } from '../probes.ts'
import { journaled, writeRecords } from '../records.ts'
import {
  beginSwitch,
  completeSwitch,
  isRecorded,
  moveAll,
  revertSwitch,
  type SwarmSwitch,
  verifyAll,
} from '../switch.ts'

/** The step that plans the switch, if there is one to make. */
export type Planned = Task<object, { move: SwarmSwitch | undefined }>

/** What a command says whose manager is gone, and what the next one says. */
const LOST = new Set(['CONNECTION_LOST', 'HOST_UNREACHABLE', 'SSH_HANDSHAKE_FAILED'])

/** Moves the routers of all nodes, verifies each, and measures the switch. If any of it fails, all routers are moved back. */
export const switchTraffic = ({ task }: SwarmDeps, planned: Planned) =>
  task('Move the traffic on every node and prove it', {
    description:
      'Probes the site through all routers during the switch, without retries. If a router does not move, cannot be verified, or a request\n' +
      'or a WebSocket fails after the switch, all routers are moved back.',
    needs: [planned],
    args: probeArguments,
    changes: true,
    async run({ move, noProbe, watch, dryRun, note, ...context }) {
      if (!move) return
      if (dryRun) return note(`would move the routers of ${move.nodes.map(({ name }) => name).join(', ')}`)
      const { host, health, probe } = context
      const probing = probingWith(probe, { noProbe, watch })
      let measured: Measured | undefined
      const began = performance.now()
      try {
        await using prober = probing && probeNodes(context, move.nodes, probing)
        const sockets = () => (probing ? askNodes(context, move.nodes, probing) : undefined)
        const control = await context.control(await context.cluster())
        const before = await sockets()
        await beginSwitch(context, move)
        if (prober) await host.query(prober.beforeSwitch())
        await moveAll(control, move)
        if (prober) await host.query(prober.afterSwitch())
        const verified = await verifyAll(context, move)
        const warnings = probing ? assertSockets(move, probing, before, await sockets()) : []
        for (const { message, hint: next } of warnings) context.show(`warning: ${message} ${next}`)
        if (prober) await host.query(prober.watched())
        measured = prober && (await endProbes(prober, move, health.version))
        if (measured && probing && measured.failures > probing.tolerate) throw failed(measured, move, probing)
        await completeSwitch(context, move, measured && figuresOf(measured))
        note(`${move.to.slot} is live: ${verified}, ${Math.round(performance.now() - began)} ms`)
      } catch (error) {
        await reported(context, move, error, measured && figuresOf(measured))
        if (isFault(error) && LOST.has(error.code) && move.attempted)
          throw swarmFaults.MANAGER_LOST({ host: host.name, slot: move.to.slot }, error)
        throw error
      }
      if (measured) context.show(measuredLine(measured), { ...measured })
    },
    async undo({ move, note, ...context }) {
      if (!move?.attempted) return note('nothing was switched')
      const reached = await context.anew().catch(error => {
        if (isFault(error) && error.code === 'LOCK_TAKEN') throw error
        throw swarmFaults.SWITCH_LEFT({ slot: move.to.slot }, error)
      })
      const { records } = await reached.cluster()
      if (records && !isRecorded(records, move))
        return note(`nothing was switched; ${records.live?.slot ?? 'no slot'} is live`)
      await revertSwitch({ ...context, ...reached }, { ...move, release: move.service.release, event: 'promote' })
      note(move.from ? `${move.from.slot} is live again on every node, verified` : 'no slot is live, as before')
    },
  })

function failed(measured: Measured, { to }: SwarmSwitch, { paths }: Probing): Fault {
  const { failures, sent } = measured
  const reasons = reasonsOf(measured)
  return probeFaults.PROBES_FAILED({
    slot: to.slot,
    path: paths[0] ?? '/',
    failures,
    sent,
    reasons,
    direct: NO_REQUESTS,
  })
}

/** The journal has a line for a promote that failed. That it cannot be written is not the error to report. */
async function reported(
  context: Parameters<typeof beginSwitch>[0],
  move: SwarmSwitch,
  error: unknown,
  figures: Figures | undefined,
): Promise<void> {
  const why = error instanceof Fault ? error.code : 'FAILED'
  const { to, from, service } = move
  const event = {
    event: 'promote',
    slot: to.slot,
    from: from?.slot,
    release: service.release,
    result: 'failed',
    why,
    figures,
  } as const
  const write = async () => {
    const { records } = await context.cluster()
    if (records) await context.host.query(writeRecords(context.app, journaled(records, context.deploy, event)))
  }
  // The switch has failed, and its error is the one to report.
  await write().catch(() => undefined)
}
