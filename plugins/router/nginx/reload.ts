/**
 * The way with a reload, as text: a whole site file for each slot, and a link among the enabled sites that names one of
 * them. Files and temporary link stand where nginx does not look by itself, else a half-made one would be loaded too.
 */
import { posix } from 'node:path'
import { EXIT } from '../../../host/exit-codes.ts'
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import { asRoot, readAsRoot } from '../../../host/sudo.ts'
import type { Paths, Program } from './site.ts'

/** The site file of a slot, or the one that says that no slot is live. A slot's name has no dash in it. */
export const slotFile = ({ folder }: Paths, app: string, slot: string | undefined): string =>
  posix.join(folder, `${app}.${slot ?? 'no-slot'}.conf`)

/** Which slot a link's name means: `null` when it is none of ours. */
export function slotOf(at: Paths, app: string, target: string, slots: readonly string[]): string | undefined | null {
  if (target === slotFile(at, app, undefined)) return undefined
  return slots.find(slot => target === slotFile(at, app, slot)) ?? null
}

const next = ({ folder }: Paths, app: string): string => posix.join(folder, `${app}.next`)
/** Makes the temporary link; for root. */
export const aim = (at: Paths, app: string, file: string): readonly string[] => [
  '/usr/bin/ln',
  '-sfn',
  file,
  next(at, app),
]
/** Makes the temporary link the enabled site, with one rename; for root. */
export const swap = (at: Paths, app: string, enabled: string): readonly string[] => [
  '/usr/bin/mv',
  '-T',
  next(at, app),
  enabled,
]

/** Exit codes of `moveSite` that are its own. */
export const { invalid: REFUSED, notReloaded: NOT_RELOADED } = EXIT.router

/** What `moveSite` prints before it reloads. */
export const RELOADS = 'reloads'

/** Makes the site file of a slot, or of none, the enabled one: see move-site.sh. sudo allows the command line of each file, and no other. */
export function moveSite(
  { test, reload }: Program,
  at: Paths,
  app: string,
  slot: string | undefined,
  slots: readonly string[],
): Script {
  const none = slotFile(at, app, undefined)
  const files = [none, ...slots.map(name => slotFile(at, app, name))]
  const aims = files.map(to => sh.write`${to}) ${asRoot(aim(at, app, to))} ;;`)
  const swaps = at.enabled.map(path => sh.write`${path}) ${asRoot(swap(at, app, path))} ;;`)
  return program(new URL('./move-site.sh', import.meta.url), {
    writes: true,
    parameters: {
      enabled: at.enabled,
      file: slotFile(at, app, slot),
      files,
      none,
      aim: sh.write`case $1 in ${sh.lines(...aims)} esac`,
      swap: sh.write`case $link in ${sh.lines(...swaps)} esac`,
      configTest: readAsRoot(test),
      reload: asRoot(reload),
      reloads: RELOADS,
      ...EXIT.router,
    },
  })
}
