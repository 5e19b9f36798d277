/** Makes a slot ready to start a release: its environment, its folder for temporary files, its link, its record. */
import type { Host } from '../../host/host.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Release, Slot } from '../contracts.ts'
import { environmentChanges, environmentWords } from '../environment/changes.ts'
import type { Deploy } from '../journal/journal.ts'
import type { Layout } from '../layout.ts'
import { writeRecord } from '../truth/record.ts'
import { assertPortFree } from './port.ts'

interface Ground {
  readonly host: Host
  readonly layout: Layout
  readonly deploy: Deploy
  /** Then the slot was not stopped, and its port is not free. */
  readonly dryRun: boolean
}

/** Points a slot at a release with one rename. */
export const pointAt = (layout: Layout, slot: Slot, release: Release): Script => {
  const { current, tmp } = layout.slot(slot.name)
  return sh.write`mkdir -p ${tmp} && ln -sfn ${release.dir} ${`${current}.next`} && mv -T ${`${current}.next`} ${current}`
}

/**
 * Resolves to what there is to say about the names of the slot's environment. Throws `PORT_TAKEN` when a stranger holds the slot's
 * port; then nothing was changed.
 */
export async function fillSlot(
  ground: Ground,
  slot: Slot,
  { release, revision = null }: { readonly release: Release; readonly revision?: string | null | undefined },
  environment: string,
): Promise<string> {
  const { host, layout, deploy, dryRun } = ground
  const { env } = layout.slot(slot.name)
  const [changes] = await Promise.all([
    host.ask(environmentChanges(env, '-'), { input: environment }),
    dryRun || assertPortFree(host, slot),
  ])
  await host.write(env, environment, 0o600)
  await host.ask(pointAt(layout, slot, release))
  await writeRecord(host, layout, {
    slot: slot.name,
    release,
    revision,
    deploy: deploy.id,
    by: deploy.by,
    at: new Date().toISOString(),
    state: 'starting',
    promoted: null,
    adopted: null,
  })
  return environmentWords(changes)
}
