/** Files that earlier setups of this application made and that it no longer needs, such as the unit of a process that the Taskfile no longer has. */
import { posix } from 'node:path'
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import type { Obsolete, Provision } from '../contracts.ts'
import type { Layout } from '../layout.ts'

/** What a setup removes. */
export interface Removal {
  readonly files: readonly string[]
  /** Links to them, which are removed with them. */
  readonly links: readonly string[]
}

/** Whether a file that belongs to this application can be one of them, by its path. */
export const isObsolete = ({ folder, name }: Obsolete, path: string): boolean =>
  posix.dirname(path) === folder && name.test(posix.basename(path))

/** Prints the files in the folder that have the mark of this application, then the links. */
const printFound = ({ root }: Layout, { folder, mark = `=${root}/slots/`, links }: Obsolete): Script => {
  const places: Script = { writes: false, text: links.map(place => `${place}/*`).join(' ') }
  return sh.read`
shopt -s nullglob
grep -lsF -d skip -- ${mark} /dev/null ${folder}/* || :
for link in ${places}; do if [ -L "$link" ]; then printf '%s\\n' "$link"; fi; done`
}

/** An instance of a template unit has the name of the template with the instance after the `@`. */
const template = (path: string) => posix.basename(path).replace(/@.*(?=\.)/, '@')

/** What a setup removes for a plugin; undefined if the plugin never leaves anything behind. */
export const obsolete = (
  layout: Layout,
  { files, obsolete }: Pick<Provision, 'files' | 'obsolete'>,
): Query<Removal> | undefined => {
  if (obsolete === undefined) return undefined
  return capture(printFound(layout, obsolete), text => {
    const found = text.split('\n').filter(Boolean)
    const removed = found.filter(path => isObsolete(obsolete, path) && !files.some(file => file.path === path))
    const names = removed.map(path => posix.basename(path))
    return {
      files: removed,
      links: found.filter(path => posix.dirname(path) !== obsolete.folder && names.includes(template(path))),
    }
  })
}
