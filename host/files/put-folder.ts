/** `Host.putFolder`: copies a folder of this machine to the host. */
import { join, posix, resolve } from 'node:path'
import { Fault } from '../../runner/fault.ts'
import type { Process } from '../exec/process.ts'
import { writeFailure } from '../exec/transfer.ts'
import { guardAgain } from '../exec/write-guard.ts'
import { EXIT } from '../exit-codes.ts'
import { hostFaults, systemReason } from '../faults.ts'
import type { CopiedFolder, CopyOptions } from '../host.ts'
import { program } from '../program.ts'
import { type Output, quote, type Script } from '../script.ts'
import type { Copying } from './copying.ts'
import { COPIES, digestOf } from './fetch.ts'
import { type Entry, type Files, inParallel, permissions } from './files.ts'
import { stagingName } from './staging.ts'
import { walkLocal } from './walk.ts'

/** The script that makes a temporary folder, waits until the files are in it, verifies them and gives them their names. */
export const receiveFolder = (folder: string, staging: string): Script =>
  program(new URL('./receive-folder.sh', import.meta.url), {
    writes: true,
    parameters: { folder, parent: posix.dirname(folder), staging, guardAgain, ...EXIT.transfer },
  })

interface Sent extends Entry {
  readonly sha256: string
}

export async function putFolder(
  copying: Copying,
  local: string,
  remote: string,
  { onProgress }: CopyOptions = {},
): Promise<CopiedFolder> {
  const { host } = copying
  const root = resolve(local)
  const { entries: found, skipped } = await walkLocal(root)
  const entries = await measured(root, found)
  const files = entries.filter(({ type }) => type === 'file')
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let failure: unknown
  const ready = readyLine()
  const feed = async ({ stdin, ended }: Process) => {
    // A script that fails before it is ready says why.
    const staging = await Promise.race([ready.staging, ended.then(() => undefined)])
    if (staging === undefined) return
    try {
      const label = `putFolder ${quote(remote)}`
      await copying.withFiles(label, opened => sendAll(opened, { root, staging, files, total, onProgress }))
      stdin.end(manifest(entries))
    } catch (error) {
      failure = error
      stdin.end()
    }
  }
  const script = { ...receiveFolder(remote, stagingName()), label: `receive the folder ${remote}` }
  const output = await copying.write(script, { onLine: ready.onLine }, feed)
  if (output.code !== 0) throw explain(host, remote, output, { files, total, failure })
  return { files: files.length, bytes: total, skipped }
}

/** Adds the sha256 of each file, and its real size. */
async function measured(root: string, entries: readonly Entry[]): Promise<readonly Sent[]> {
  const sent: Sent[] = []
  for (const entry of entries) {
    const path = join(root, entry.path)
    const content =
      entry.type === 'file'
        ? await digestOf(path).catch((error: Error) => {
            throw hostFaults.LOCAL_FILE_UNREADABLE({ path, reason: systemReason(error) }, error)
          })
        : { size: 0, sha256: '' }
    sent.push({ ...entry, ...content })
  }
  return sent
}

/** The script prints the absolute path of its temporary folder in base64, because it may contain line breaks. */
function readyLine() {
  let found = (_: string) => {}
  const staging = new Promise<string>(resolve => {
    found = resolve
  })
  const onLine = (line: string) => {
    const [, path] = /^ready (\S+)$/.exec(line) ?? []
    if (path !== undefined) found(Buffer.from(path, 'base64').toString())
  }
  return { staging, onLine }
}

interface Sending {
  readonly root: string
  readonly staging: string
  readonly files: readonly Sent[]
  readonly total: number
  readonly onProgress: CopyOptions['onProgress']
}

async function sendAll(opened: Files, { root, staging, files, total, onProgress }: Sending): Promise<void> {
  let copied = 0
  const count = (bytes: number) => {
    copied += bytes
    onProgress?.(Math.min(copied, total), total)
  }
  await inParallel([...files.entries()], COPIES, ([i, { path }]) =>
    opened.send(join(root, path), posix.join(staging, String(i)), count),
  )
}

const manifest = (entries: readonly Sent[]): string =>
  [
    ...entries.map(({ type, mode, path, target, sha256 }) =>
      [type, permissions(type, mode).toString(8), type === 'link' ? target : sha256, path].join('\0'),
    ),
    'end\0',
  ].join('\0')

function explain(
  host: string,
  remote: string,
  { code, stdout, stderr }: Output,
  { files, total, failure }: { files: readonly Sent[]; total: number; failure: unknown },
): unknown {
  const [, number] = /^damaged (\d+)$/m.exec(stdout) ?? []
  const damaged = number === undefined ? undefined : files[Number(number)]
  if (damaged) {
    const sent = `${damaged.size} bytes, sha256 ${damaged.sha256.slice(0, 12)}`
    return hostFaults.TRANSFER_DAMAGED({
      host,
      path: posix.join(remote, damaged.path),
      sent,
      arrived: 'something else',
    })
  }
  if (code === EXIT.transfer.linked) {
    const [, name = ''] = /^linked (.*)$/m.exec(stdout) ?? []
    const reason = `there is a link or a file in the place of the folder ${name}`
    return hostFaults.HOST_WRITE_FAILED({ host, path: remote, reason })
  }
  if (code !== EXIT.transfer.cutOff) return writeFailure(host, { path: remote, size: total }, stdout, stderr)
  const [, free] = /^free (\d+)$/m.exec(stdout) ?? []
  const reason = failure instanceof Error ? failure.message : 'no reason given'
  // SFTP reports a full disk as a plain failure.
  if (reason === 'Failure' && free !== undefined && Number(free) < total)
    return hostFaults.HOST_DISK_FULL({
      host,
      path: remote,
      size: total,
      free: Number(free),
      reason: 'No space left on device',
    })
  return failure instanceof Fault ? failure : hostFaults.HOST_WRITE_FAILED({ host, path: remote, reason }, failure)
}
