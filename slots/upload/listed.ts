/** Lists the releases on a host: who uploaded each, when, and which slots run it. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { table } from '../../runner/output/table.ts'
import { moment } from '../../runner/units.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'
import { releaseRecordIn } from './release.ts'

export interface Listed {
  readonly name: string
  /** These are null if the release's record cannot be read. */
  readonly version: string | null
  readonly sha256: string | null
  readonly revision: string | null
  readonly by: string | null
  /** Time of the upload, ISO 8601, UTC. */
  readonly at: string | null
  /** The slots whose `current` link points to it. */
  readonly slots: readonly string[]
}

/** Prints `in <slot> <release>` for each slot that has one, then `is <release> <record on one line>` for each release, newest first. */
export const listScript = (layout: Layout, { names }: Pick<Slots<string>, 'names'>): Script => sh.read`
${sh.lines(
  ...names.map(name => {
    const { current } = layout.slot(name)
    return sh.read`if [ -L ${current} ]; then echo in ${name} "$(basename "$(readlink ${current})")"; fi`
  }),
)}
cd ${layout.releases}
ls -1t | while IFS= read -r name; do
  if [ -f "$name/release.json" ]; then echo is "$name" "$(tr -d '\\n' < "$name/release.json")"; fi
done`

export function parseListed(text: string): readonly Listed[] {
  const lines = text.split('\n').map(line => /^(in|is) (\S+) (.*)$/.exec(line) ?? [])
  const current = lines.flatMap(([, kind, slot = '', release]) => (kind === 'in' ? [{ slot, release }] : []))
  return lines.flatMap(([, kind, name = '', record = '']) => {
    if (kind !== 'is') return []
    const { version = null, sha256 = null, revision = null, by = null, at = null } = releaseRecordIn(record)
    const slots = current.filter(({ release }) => release === name).map(({ slot }) => slot)
    return [{ name, version, sha256, revision, by, at, slots }]
  })
}

/** Newest first. */
export const listReleases = (layout: Layout, slots: Slots<string>): Query<readonly Listed[]> =>
  capture(listScript(layout, slots), parseListed)

const HEAD = ['release', 'slot', 'uploaded', 'by', 'revision']

/** One row per release. `live`: the name of the live slot. */
export const releasesTable = (releases: readonly Listed[], live: string | undefined, columns?: number): string =>
  releases.length === 0
    ? 'No release has been uploaded yet.'
    : table(
        releases.map(({ name, slots, at, by, revision }) => [
          name,
          slots.map(slot => (slot === live ? `${slot} (live)` : slot)).join(', ') || '-',
          at === null ? '-' : moment(at),
          by ?? '-',
          revision?.slice(0, 10) ?? '-',
        ]),
        { columns, head: HEAD },
      )
