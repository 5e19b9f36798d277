/**
 * The way with a reload, as text: a whole site file for each slot, and a link among the enabled sites that names one of
 * them. Files and temporary link stand where nginx does not look by itself, else a half-made one would be loaded too.
 */
import { posix } from 'node:path'
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

/** The same where the site is enabled; for the first time that is the first of the places. */
function swapped(at: Paths, app: string): Script {
  const [first = '', ...others] = at.enabled
  const there = others.map(path => sh.write`elif [ -L ${path} ]; then ${asRoot(swap(at, app, path))}`)
  return sh.lines(
    sh.write`if [ -L ${first} ]; then ${asRoot(swap(at, app, first))}`,
    ...there,
    sh.write`else ${asRoot(swap(at, app, first))}; fi`,
  )
}

/** Exit codes of `moveSite` that are its own. */
export const REFUSED = 82
export const NOT_RELOADED = 83

/**
 * Moves the link, tests the configuration and reloads. Puts the link back, before any reload, when the test fails, and
 * also when nginx cannot be told: its next start must not make a switch that we reported as failed.
 */
export function moveSite({ test, reload }: Program, at: Paths, app: string, file: string, before: string): Script {
  const move = (to: string) => sh.lines(asRoot(aim(at, app, to)), swapped(at, app))
  return sh.write`
for link in ${at.enabled}; do
  if [ -e "$link" ] && ! [ -L "$link" ]; then echo "$link is no link: move it away first" >&2; exit 1; fi
done
${move(file)}
if ! ${readAsRoot(test)} >&2; then
${move(before)}
exit ${REFUSED}
fi
if ! ${asRoot(reload)} >&2; then
${move(before)}
exit ${NOT_RELOADED}
fi`
}
