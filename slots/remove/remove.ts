/** Carries out a removal. Each step can be repeated, so a second run completes one that was interrupted. */

import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { rootShell } from '../../host/sudo.ts'
import { lastLines } from '../../runner/units.ts'
import type { Slot } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import type { Layout } from '../layout.ts'
import { stopSlot } from '../lifecycle/stop.ts'
import type { ExistingSlot } from '../setup/running.ts'
import { deleteScript, ENDED } from '../setup/transaction.ts'
import type { SlotRecord } from '../state/slot-record.ts'
import type { Part, RemovalPlan } from './plan.ts'
import { removeFaults } from './remove-faults.ts'

/** A slot that is stopped, and its record. */
export interface Stopping {
  readonly slot: Slot
  readonly record: SlotRecord | undefined
}

/** The slots of the Taskfile, and others that an earlier one had: their processes may still run. */
export function slotsToStop(slots: readonly Slot[], existing: readonly ExistingSlot[]): readonly Stopping[] {
  const others = existing.flatMap(({ name, port, record }) =>
    port === undefined || slots.some(slot => slot.name === name) ? [] : [{ slot: { name, port, env: {} }, record }],
  )
  return [...slots.map(slot => ({ slot, record: existing.find(({ name }) => name === slot.name)?.record })), ...others]
}

/** A host, and what is deleted from it. */
type Deleting = Pick<Deps, 'host' | 'layout'> & Pick<Work, 'planned' | 'owner'>

export interface Work extends Pick<Deps, 'app' | 'host' | 'layout' | 'runtime' | 'deploy' | 'log'> {
  /** What is deleted from the application's host. */
  readonly planned: RemovalPlan
  readonly stopping: readonly Stopping[]
  /** The owner of the application's folder. */
  readonly owner: string
  /** The host of the router, if that is another one. */
  readonly balancer?: Deleting | undefined
  /** Timeout of each slot's drain, in milliseconds. */
  readonly drain: number
}

/**
 * First the site, so that no request reaches a slot that is stopped. Then the slots, while their units still exist. Last the folder, which has the lock.
 *
 * @throws `REMOVE_REFUSED`, `REMOVE_TAKEN_BACK`, `REMOVE_NOT_TAKEN_BACK`, `REMOVE_LEFT`, and the faults of stopping a slot
 */
export async function removeApplication(work: Work): Promise<void> {
  const { planned, stopping, drain, log, balancer } = work
  if (balancer) await deleteFiles({ ...work, ...balancer }, balancer.planned.router)
  await deleteFiles(work, planned.router)
  log('The router does not have the site any more.')
  for (const { slot, record } of stopping) log((await stopSlot(work, slot, record, drain)).summary)
  await sweep(work)
  if (balancer) {
    await deleteFiles({ ...work, ...balancer }, balancer.planned.rest)
    await deleteFolders(balancer)
  }
  await deleteFiles(work, planned.rest)
  await deleteFolders(work)
  await deleteUser(work)
}

/** Last: until then, files and processes of the application have it. */
async function deleteUser({ host, planned: { user } }: Work): Promise<void> {
  if (user === undefined) return
  const { code, stderr } = await asRootOn(host, sh.write`/usr/sbin/userdel ${user}`)
  if (code !== 0) throw removeFaults.REMOVE_USER({ host: host.name, user, output: lastLines(stderr) })
}

async function deleteFiles(
  { app, deploy, host, planned }: Work,
  { paths, there, apply, unapply }: Part,
): Promise<void> {
  // After an interruption the host restores the files first, and may have others than those that the plan has seen.
  if (there.length === 0 && !planned.cut) return
  const script = deleteScript({ app, deploy: deploy.id, paths, apply, unapply })
  const { code, stdout, stderr } = await asRootOn(host, script)
  if (code === 0) return
  const details = { host: host.name, output: lastLines(stdout) }
  if (code === ENDED.refused || code === ENDED.busy) throw removeFaults.REMOVE_REFUSED(details)
  if (code === ENDED.takenBack) throw removeFaults.REMOVE_TAKEN_BACK(details)
  if (code === ENDED.notBack) throw removeFaults.REMOVE_NOT_TAKEN_BACK(details)
  throw hostFaults.COMMAND_FAILED({ host: host.name, command: rootShell.text, code, stderr: lastLines(stderr) })
}

/** Deletes these names in the application's folder, then the folder if it is empty. */
export const foldersScript = ({ root }: Layout, owner: string, own: readonly string[]): Script =>
  program(new URL('./remove-folders.sh', import.meta.url), { writes: true, parameters: { root, owner, own } })

async function deleteFolders({ host, layout, owner, planned }: Deleting): Promise<void> {
  const { code, stderr } = await asRootOn(host, foldersScript(layout, owner, planned.names))
  if (code !== 0) throw removeFaults.REMOVE_LEFT({ host: host.name, root: layout.root, output: lastLines(stderr) })
}

/** What the runtime keeps elsewhere, such as images, belongs to the owner of the application. */
async function sweep({ host, runtime, owner }: Work): Promise<void> {
  if (runtime.sweep) await asRootOn(host, sh.write`runuser -u ${owner} -- /bin/bash -c ${runtime.sweep(true).text}`)
}

const asRootOn = (host: Host, { text }: Script) => host.run(rootShell, { input: text })
