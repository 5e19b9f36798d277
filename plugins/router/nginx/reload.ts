/**
 * Paths and scripts of the reload strategy: one site file per slot, and a link among the enabled sites that points to one of them. The files and the
 * temporary link are in a folder that nginx does not read by itself, or a reload could load an unfinished one.
 */

import { posix } from 'node:path'
import { asRoot, program, ROUTER_EXIT, readAsRoot, type Script, sh } from '../shared.ts'
import type { Paths, Program } from './site.ts'

/** The site file of a slot, or, without a slot, the one that answers that no slot is live. Slot names contain no dash, so `no-slot` is unambiguous. */
export const slotFile = ({ folder }: Paths, app: string, slot: string | undefined): string =>
  posix.join(folder, `${app}.${slot ?? 'no-slot'}.conf`)

/** The slot of a link's target: undefined if the target is the file for no slot, `null` if it is not one of our files. */
export function slotOf(paths: Paths, app: string, target: string, slots: readonly string[]): string | undefined | null {
  if (target === slotFile(paths, app, undefined)) return undefined
  return slots.find(slot => target === slotFile(paths, app, slot)) ?? null
}

/** The temporary link that is renamed to the enabled site. */
export const nextLink = ({ folder }: Paths, app: string): string => posix.join(folder, `${app}.next`)
/** The command that creates the temporary link; run as root. */
export const stageLink = (paths: Paths, app: string, file: string): readonly string[] => [
  '/usr/bin/ln',
  '-sfn',
  file,
  nextLink(paths, app),
]
/** The command that renames the temporary link to the enabled site; run as root. */
export const swapLink = (paths: Paths, app: string, enabled: string): readonly string[] => [
  '/usr/bin/mv',
  '-T',
  nextLink(paths, app),
  enabled,
]

/** Exit codes of `moveSite`. */
export const { invalid: REFUSED, notReloaded: NOT_RELOADED } = ROUTER_EXIT

/** The text that `moveSite` prints before it changes the link and reloads. */
export const RELOADS = 'reloads'

/** Enables the site file of a slot, or of no slot; see move-site.sh. The commands match the exact command lines that sudo allows. */
export function moveSite(
  { test, reload }: Program,
  paths: Paths,
  app: string,
  slot: string | undefined,
  slots: readonly string[],
): Script {
  const none = slotFile(paths, app, undefined)
  const files = [none, ...slots.map(name => slotFile(paths, app, name))]
  const stageCases = files.map(to => sh.write`${to}) ${asRoot(stageLink(paths, app, to))} ;;`)
  const swapCases = paths.enabled.map(path => sh.write`${path}) ${asRoot(swapLink(paths, app, path))} ;;`)
  return program(new URL('./move-site.sh', import.meta.url), {
    writes: true,
    parameters: {
      enabled: paths.enabled,
      file: slotFile(paths, app, slot),
      files,
      none,
      stageLink: sh.write`case $1 in ${sh.lines(...stageCases)} esac`,
      swapLink: sh.write`case $link in ${sh.lines(...swapCases)} esac`,
      configTest: readAsRoot(test),
      reload: asRoot(reload),
      reloads: RELOADS,
      ...ROUTER_EXIT,
    },
  })
}
