/** Checks the mount options and free space of an application's file systems: read-only, `noexec` and full ones make every deploy fail. */

import { type Script, sh } from '../../host/script.ts'
import type { Layout } from '../layout.ts'
import type { Check } from '../model.ts'

export interface Mount {
  readonly path: string
  /** As in `/proc/mounts`: `rw`, `noexec`. */
  readonly options: readonly string[]
  /** Free bytes. */
  readonly free: number
  /** The mount point. */
  readonly on: string
}

/** Free bytes that records and environment files need. */
const MIN_FREE = 1e6

/** Prints a line `<path> <options> <free> <mount point>` for each of the releases, the application's folder and `/tmp`. */
export const mountLines = (layout: Layout): Script => sh.read`for path in ${[layout.releases, layout.root, '/tmp']}; do
  read -r free on < <(df -B1 --output=avail,target "$path" 2>/dev/null | tail -n 1) || continue
  while read -r _ at _ has _; do if [ "$at" = "$on" ]; then options=$has; fi; done < /proc/self/mounts
  printf '%s %s %s %s\\n' "$path" "\${options-}" "$free" "$on"
done`

export const parseMounts = (lines: readonly string[]): readonly Mount[] =>
  lines.map(line => {
    const [path = '', options = '', free, on = ''] = line.split(' ')
    return { path, options: options.split(','), free: Number(free), on }
  })

export function mountCheck(mounts: readonly Mount[]): Check {
  const fail = (message: string, hint: string): Check => ({ name: 'mounts', result: 'fail', message, hint })
  const ours = mounts.filter(({ path }) => path !== '/tmp')
  const readOnly = ours.find(({ options }) => options.includes('ro'))
  if (readOnly)
    return fail(
      `${readOnly.on} is mounted read-only, and ${readOnly.path} is on it`,
      `Mount it writable: \`mount -o remount,rw ${readOnly.on}\`; a disk with errors becomes read-only by itself, see \`dmesg\`.`,
    )
  const noexec = ours.find(({ options, path }) => options.includes('noexec') && path.endsWith('/releases'))
  if (noexec)
    return fail(
      `${noexec.on} is mounted noexec: no program of a release can be started from ${noexec.path}`,
      `Remove \`noexec\` from /etc/fstab for ${noexec.on} and run \`mount -o remount,exec ${noexec.on}\`; or set \`root\` in the Taskfile to a folder elsewhere.`,
    )
  const full = ours.find(({ free }) => free < MIN_FREE)
  if (full)
    return fail(`${full.on} is full, and ${full.path} is on it`, 'Make room there: remove logs or other applications.')
  const tmp = mounts.some(({ path, options }) => path === '/tmp' && options.includes('noexec'))
  const message = `releases can be written and run${tmp ? '; /tmp is noexec, an application cannot run programs from there' : ''}`
  return { name: 'mounts', result: 'ok', message, hint: null }
}
