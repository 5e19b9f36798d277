/** Adopting a process that was started before switchyard was set up: it becomes the live slot without a restart, and is stopped by its pid. */

import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Slot, Stopped } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import { healthLoop, parseHealth, versionIn } from '../health/health.ts'
import { append } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'
import { validateName } from '../names.ts'
import { type SlotRecord, writeRecord } from '../state/slot-record.ts'
import { portTaken } from './connections.ts'
import { onPort } from './sockets.ts'

/**
 * Prints pid, start time and working directory of the process that listens on a slot's port. Of a server that forks, it is the process whose parent does
 * not listen there.
 */
const holder = (slot: Slot): Script => sh.read`
pids=" $(ss -Hltnp ${onPort(slot.port)} | sed 's/pid=/\\n/g' | sed -n 's/^\\([0-9]*\\),fd=.*/\\1/p' | sort -nu | tr '\\n' ' ')"
set --
for pid in $pids; do
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
  case "$pids" in *" $parent "*) ;; *) set -- "$pid"; break ;; esac
done
if [ $# = 0 ]; then exit 0; fi
printf '%s\\n%s\\n%s' "$1" "$(${startTime('$1')})" "$(readlink "/proc/$1/cwd")"`

/** Prints field 22 of `/proc/PID/stat` (proc(5)). Together with the pid it identifies a process until the next reboot. */
export const startTime = (pid: string | number): Script => ({
  writes: false,
  text: `sed 's/.*) //' "/proc/${pid}/stat" | cut -d' ' -f20`,
})

export interface Found {
  readonly pid: number
  readonly startTime: string
  readonly folder: string
}

/** Throws `ADOPT_NOTHING` if no process of this user listens on the slot's port. */
export const findRunning = (slot: Slot): Query<Found> =>
  capture(holder(slot), text => {
    const [pid, startTime, folder] = text.split('\n')
    if (!pid || !startTime || !folder) throw slotFaults.ADOPT_NOTHING({ slot: slot.name, port: slot.port })
    return { pid: Number(pid), startTime, folder }
  })

/** Prints the pid of a slot's adopted process from its record, in the format of `writeRecord`; nothing if there is none. */
export const adoptedPid = (layout: Layout, slot: Slot): Script => sh.read`
sed -n '/^  "adopted": {/,/}/ s/^ *"pid": \\([0-9]*\\).*/\\1/p' ${layout.slot(slot.name).record} 2>/dev/null || :`

/** The record of an adopted process. Its working directory takes the place of a release's folder. */
export const adoptedRecord = (
  slot: Slot,
  found: Found,
  version: string,
  run: { readonly id: string; readonly by: string },
  at: string,
): SlotRecord => ({
  slot: slot.name,
  release: { name: `${version}-adopted`, version, sha256: '', dir: posix.normalize(found.folder) },
  revision: null,
  state: 'ready',
  deploy: run.id,
  by: run.by,
  at,
  promoted: { generation: run.id, at, by: run.by },
  adopted: { pid: found.pid, startTime: found.startTime },
})

/** Prints the seconds since an adopted process was started. Fails if it is gone, even if another process has its pid now. */
export const adoptedUptime = ({ pid, startTime: began }: NonNullable<SlotRecord['adopted']>): Script => sh.read`
[ "$(${startTime(pid)} 2>/dev/null)" = ${began} ] || exit 1
ps -o etimes= -p ${pid}`

const STUCK = EXIT.process.stuck

const stopScript = ({ pid, startTime: began }: NonNullable<SlotRecord['adopted']>, seconds: number): Script =>
  program(new URL('./stop-adopted.sh', import.meta.url), {
    writes: true,
    parameters: { pid, began, seconds, startTime: startTime('$1'), ...EXIT.process },
  })

/**
 * Resolves when the process is gone. Throws `ADOPTED_STUCK` if it survives SIGKILL.
 *
 * @param seconds time between SIGTERM and SIGKILL
 */
export function stopAdopted(adopted: NonNullable<SlotRecord['adopted']>, seconds = 30): Query<Stopped> {
  const script = stopScript(adopted, seconds)
  return {
    script,
    read(output, host) {
      if (output.code === STUCK) throw slotFaults.ADOPTED_STUCK({ pid: adopted.pid })
      if (output.code !== 0) throw commandFailed(host, script, output)
      const [was, killed] = output.stdout.split(' ')
      return { was: was === 'running' ? 'running' : 'stopped', killed: killed === 'yes' }
    },
  }
}

type AdoptDeps = Pick<Deps, 'host' | 'layout' | 'slots' | 'router' | 'health' | 'deploy' | 'log'>

/** Makes the application that listens on the first slot's port the live one, without a restart. Does nothing if a slot is already live. */
export async function adopt({ host, layout, slots, router, health, deploy, log }: AdoptDeps): Promise<void> {
  const route = await host.query(router.live())
  if (route.slot !== undefined) return log(`${route.slot} is already live: there is nothing to adopt.`)
  const slot = slots.other(undefined)
  const found = await host.query(findRunning(slot))
  const result = await host.query(capture(healthLoop(slot, found.pid, { ...health, soak: 0 }), parseHealth))
  if (result.outcome !== 'passed') throw slotFaults.SLOT_NOT_HEALTHY({ slot, health, result, log: '' })
  if (result.sockets.some(({ owner }) => owner === undefined)) throw portTaken(slot, result.sockets, '')
  const version = (health.version && versionIn(result.body, health.version)) || 'unknown'
  const record = adoptedRecord(slot, found, validateName('version', version), deploy, new Date().toISOString())
  const batch = host.pipeline()
  batch.push(writeRecord(layout, record))
  batch.push(router.promote(slot, deploy.id))
  batch.push(append(layout, deploy, { event: 'adopt', slot: slot.name, release: version, result: 'done' }))
  await batch.run()
  log(`Process ${found.pid} on port ${slot.port} is now the live slot ${slot.name}, version ${version}.`)
}
