/** Where a path of the host is, and what the files there contain. */
import { hostFaults } from '../faults.ts'
import { program } from '../program.ts'
import { type Script, sh } from '../script.ts'
import type { Copying } from './copying.ts'

/** Prints the absolute path of a file without links, a NUL, and what it is. */
export const locateScript = (path: string): Script => sh.read`export LC_ALL=C
realpath -e -z -- ${path}
stat -L -c '%s %a %F' -- ${path}`

export interface Located {
  /** Absolute, without links. */
  readonly path: string
  readonly mode: number
  /** In bytes. */
  readonly size: number
}

/**
 * Finds a file or folder of the host. By a script, because SFTP may start in another folder than a shell does.
 *
 * @throws HOST_FILE_UNREADABLE
 */
export async function locate({ host, read }: Copying, path: string, type: 'file' | 'folder'): Promise<Located> {
  const { code, stdout, stderr } = await read({ ...locateScript(path), label: `look for ${path}` })
  if (code !== 0) {
    const reason = /([A-Z][^:\n]*)\n*$/.exec(stderr.trimEnd())?.[1] ?? 'no reason given'
    throw hostFaults.HOST_FILE_UNREADABLE({ host, path, reason })
  }
  const [absolute = '', is = ''] = stdout.split('\0')
  const [size = '', mode = '', ...words] = is.trimEnd().split(' ')
  const kind = words
    .join(' ')
    .replace(/^regular.*/, 'file')
    .replace('directory', 'folder')
  if (kind === type) return { path: absolute, mode: Number.parseInt(mode, 8), size: Number(size) }
  const reason = `it is a ${kind}`
  const advice =
    type === 'file' ? 'Name a file. `host.getFolder` copies a folder.' : 'Name a folder. `host.get` copies a file.'
  throw hostFaults.HOST_FILE_UNREADABLE({ host, path, reason, advice })
}

/** Prints the sha256 of the first bytes of each file that its input lists, or `-` for one that cannot be read. */
export const digestScript = (): Script => program(new URL('./digest-files.sh', import.meta.url))

/** The sha256 of the first `size` bytes of each file of the host; undefined for one that cannot be read any more. */
export async function digests(
  { read }: Copying,
  files: readonly { readonly path: string; readonly size: number }[],
): Promise<readonly (string | undefined)[]> {
  if (files.length === 0) return []
  const input = files.map(({ path, size }) => `${size}\0${path}\0`).join('')
  const { stdout } = await read({ ...digestScript(), label: 'compare the copies with the files' }, { input })
  const lines = stdout.split('\n')
  return files.map((_, i) => (/^[0-9a-f]{64}$/.test(lines[i] ?? '') ? lines[i] : undefined))
}
