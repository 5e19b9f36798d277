/** Compares the releases that slots run with their manifests: what somebody changed by hand, or an application wrote there. */
import { type Script, sh } from '../../host/script.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'
import { isShared } from '../upload/receive.ts'

/** How many names are printed at most. */
const MOST = 20

/** Prints `release<TAB>path`, a line for each file that is not as it was uploaded: changed, gone, or new. Reads every file: for `doctor` alone. */
export const changedFiles = (layout: Layout, slots: Slots<string>): Script => sh.read`
export LC_ALL=C
for current in ${slots.names.map(name => layout.slot(name).current)}; do
  if [ -f "$current/.manifest" ]; then readlink -f -- "$current"; fi
done | sort -u | while IFS= read -r dir; do
  cd -- "$dir"
  {
    awk -F '\\t' '$1 == "f" && !(${isShared(layout, '$5')}) { print $4 "  " $5 }' .manifest |
      { sha256sum -c --quiet 2> /dev/null || :; } | sed 's/: FAILED\\( open or read\\)\\{0,1\\}$//'
    find . ! -type d ! -path ./.manifest ! -path ./release.json -printf '%P\\n' |
      awk -F '\\t' 'part == 1 { known[$5]; next } !($0 in known) && !(${isShared(layout, '$0')})' part=1 .manifest part=2 -
  } | sed "s/^/\${dir##*/}\\t/"
done | awk 'NR <= ${MOST}'`

export const parseChanged = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => line.replace('\t', '/'))
