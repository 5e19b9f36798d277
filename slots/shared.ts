/** The paths of `shared`: what outlives releases, and which of them are files. */
import { slotFaults } from './faults.ts'
import type { SharedPath } from './layout.ts'
import { inField, validateName } from './names.ts'

/** A file that outlives releases. */
export interface SharedFile {
  /** Its path in a release. @example '.htpasswd' */
  readonly file: string
}

/** As a Taskfile names it: a path by itself is a folder, or what the artifact has there. */
export type SharedEntry = string | SharedFile

/** Names that switchyard writes at the top of a release: the record, the manifests and the working folder of an upload. */
export const OUR_NAMES: ReadonlySet<string> = new Set(['release.json', '.manifest', '.prepared', '.upload'])

/** A last part with a file's suffix or a leading dot. Folders such as `config.d` and `v1.2` have neither. */
const LIKE_A_FILE = /(?:^|\/)(?:\.[^/]*|[^/]*\.(?!d$)[A-Za-z][A-Za-z0-9]*)$/

/** Without trailing slashes, which say that a path is a folder. Throws `NAME_INVALID` if one is invalid, ours, duplicate or inside another. */
export function sharedPaths(entries: readonly SharedEntry[]): readonly SharedPath[] {
  const all = entries.map(entry => {
    if (typeof entry !== 'string') return { path: validPath(entry.file), kind: 'file' } as const
    const path = validPath(entry.replace(/\/$/, ''))
    return { path, kind: path === entry && LIKE_A_FILE.test(path) ? 'unclear' : 'folder' } as const
  })
  for (const { path } of all)
    if (all.filter(other => `${path}/`.startsWith(`${other.path}/`)).length > 1)
      throw invalid(path, 'distinct paths, none inside another')
  return all
}

function validPath(path: string): string {
  const [top = ''] = validateName('shared', path, ['shared']).split('/')
  if (OUR_NAMES.has(top)) throw invalid(path, `another path: switchyard itself writes ${top} in each release`)
  return path
}

const invalid = (value: string, rule: string) =>
  inField(['shared'], slotFaults.NAME_INVALID({ label: 'shared path of a release', value, rule }))
