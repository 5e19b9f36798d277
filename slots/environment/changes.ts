/** How a slot's environment changes, by the names alone: the values are compared on the host, and never printed, hashed or sent back. */
import { type Script, sh } from '../../host/script.ts'

/** Reads two files of the form of `environmentFile`. A line that is none of ours, as after an edit by hand, may be part of a value. */
const COMPARE = `
FNR == 1 && open { foreign = 1; open = 0 }
open { text = $0; value = value "\\n" text }
!open {
  if (!match($0, /^[A-Za-z_][A-Za-z0-9_]*="/)) { foreign = 1; next }
  name = substr($0, 1, RLENGTH - 2); text = substr($0, RLENGTH + 1); value = text; open = 1
}
match(text, /\\\\*"$/) && RLENGTH % 2 == 1 {
  open = 0
  if (side == "new") { new[name] = value; news[++n] = name } else { old[name] = value; olds[++o] = name }
}
END {
  if (foreign || open) { print "environment foreign"; exit }
  for (i = 1; i <= n; i++) {
    if (!(news[i] in old)) print "environment new " news[i]
    else if (old[news[i]] "" != new[news[i]] "") print "environment changed " news[i]
  }
  for (i = 1; i <= o; i++) if (!(olds[i] in new)) print "environment gone " olds[i]
}`

/**
 * Prints the names that differ between the slot's environment file and the one that is to come, for `environmentWords`. Each is
 * a path, or a piece of script that names one; `-` is the standard input. Never fails for a file that is not there yet.
 */
export const environmentChanges = (before: string | Script, after: string | Script): Script =>
  sh.read`if [ -r ${before} ]; then LC_ALL=C awk ${COMPARE} side=old ${before} side=new ${after}; fi`

/** What there is to say, such as `environment: new A, gone B, changed C`; '' when nothing changes, or nothing was there before. */
export function environmentWords(printed: string): string {
  const found = [...printed.matchAll(/^environment (?:(new|changed|gone) (\w+)|foreign)$/gm)]
  const words = found.map(([, what, name]) =>
    what ? `${what} ${name}` : 'not compared, somebody changed the file on the host by hand',
  )
  return words.length === 0 ? '' : `environment: ${words.join(', ')}`
}
