/** `Host.list`: the entries of a folder on the host. */
import type { ListedFile } from '../host.ts'
import { quote } from '../script.ts'
import { type Copying, unreadable } from './copying.ts'
import { locate } from './locate.ts'

export async function list(copying: Copying, folder: string): Promise<readonly ListedFile[]> {
  const { path } = await locate(copying, folder, 'folder')
  const found = await copying
    .withFiles(`list ${quote(folder)}`, files => files.list(path))
    .catch(unreadable(copying.host, folder))
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
