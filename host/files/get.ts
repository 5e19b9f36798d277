/** `Host.get`: copies a file of the host to this machine. */
import { chmod, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { hostFaults } from '../faults.ts'
import type { GetOptions } from '../host.ts'
import { quote } from '../script.ts'
import type { Copying } from './copying.ts'
import { fetchAll } from './fetch.ts'
import { locate } from './locate.ts'
import { inStaging, kindOf, writing } from './staging.ts'

export async function get(copying: Copying, remote: string, local: string, options: GetOptions = {}): Promise<void> {
  const target = resolve(local)
  if ((await writing(local, kindOf(target, true))) === 'folder')
    throw hostFaults.LOCAL_FILE_UNWRITABLE({ path: local, reason: 'it is a folder' })
  const { path, size } = await locate(copying, remote, 'file')
  const gone = () => {
    throw hostFaults.HOST_FILE_UNREADABLE({
      host: copying.host,
      path: remote,
      reason: 'it was removed during the copy',
    })
  }
  await inStaging(dirname(target), local, async staging => {
    const copy = join(staging, 'copy')
    await copying.withFiles(`get ${quote(remote)}`, files =>
      fetchAll(copying, files, [{ remote: path, local: copy, size }], gone, options.onProgress),
    )
    await writing(local, chmod(copy, options.mode ?? 0o600))
    await writing(local, rename(copy, target))
  })
}
