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

/** Exit codes of `moveSite` that are its own. */
export const REFUSED = 82
export const NOT_RELOADED = 83

/** What `moveSite` prints before it reloads. */
export const RELOADS = 'reloads'

/**
 * Moves the link, tests the configuration and reloads. Puts the link back, before any reload, when the test fails, and
 * also when nginx cannot be told: its next start must not make a switch that we reported as failed. Where the link is there already it does nothing:
 * after a refusal it was put back before any reload, and one now would cost requests.
 */
export function moveSite(
  { test, reload }: Program,
  at: Paths,
  app: string,
  slot: string | undefined,
  slots: readonly string[],
): Script {
  const none = slotFile(at, app, undefined)
  const files = [none, ...slots.map(name => slotFile(at, app, name))]
  const file = slotFile(at, app, slot)
  // A command line for each file: sudo allows no other.
  const aims = files.map(to => sh.write`${to}) ${asRoot(aim(at, app, to))} ;;`)
  const swaps = at.enabled.map(path => sh.write`${path}) ${asRoot(swap(at, app, path))} ;;`)
  return sh.write`
link=${at.enabled[0] ?? ''}
for path in ${at.enabled}; do
  if [ -e "$path" ] && ! [ -L "$path" ]; then echo "$path is no link: move it away first" >&2; exit 1; fi
done
for path in ${[...at.enabled].reverse()}; do if [ -L "$path" ]; then link=$path; fi; done
before=$(readlink -- "$link" || :)
if [ "$before" = ${file} ]; then exit 0; fi
# A route that cannot be read is put right by a repair: then there is none to go back to.
case $before in ${sh.lines(...files.map(to => sh.read`${to}) ;;`))} *) before=${none} ;; esac
move() {
  case $1 in ${sh.lines(...aims)} esac
  case $link in ${sh.lines(...swaps)} esac
}
echo ${RELOADS}
move ${file}
code=0
${readAsRoot(test)} >&2 || code=${REFUSED}
if [ $code = 0 ]; then ${asRoot(reload)} >&2 || code=${NOT_RELOADED}; fi
if [ $code != 0 ]; then move "$before"; exit $code; fi`
}
