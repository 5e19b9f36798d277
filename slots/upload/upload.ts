/**
 * An artifact becomes a release on the host. The host is told what the release consists of, says what it has not got, and
 * is sent that. Two round trips: manifest and answer, which can come before anything may be written, files and end.
 */

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import { pipeline } from 'node:stream'
import { promisify } from 'node:util'
import { createGzip, gzip, gzipSync } from 'node:zlib'
import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { capture } from '../../host/query.ts'
import { lastLines, type Output, type Script, sh } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import { deferred } from '../../runner/promises.ts'
import type { Artifact, Release } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { Deploy } from '../model.ts'
import { assertSetUp } from '../setup/owner.ts'
import { filesAsTar, isGzip } from './archive.ts'
import type { Contents } from './contents.ts'
import { digestOf, type FileItem, HINT, type Manifest, manifestText, Refusal, sizeOf } from './manifest.ts'
import { progress, watched } from './progress.ts'
import { ANSWER, type DiffSource, GO, RECEIVE_ENDED, receive, workFolder } from './receive.ts'
import { type ReleaseRecord, releaseOf, releaseRecord, UNPACK_REFUSED, unpack } from './release.ts'

type Log = (line: string) => void

/** The upload of one artifact. Making it contacts nothing. */
export interface ReleaseUpload {
  readonly release: Release
  /** Tells the host what the release consists of, so that it can look what it has of that. Nothing is written there before `complete`. */
  prefetch(): void
  /**
   * Resolves to whether anything was sent: a release that is there, with the same content, is left as it is.
   * Rejects with `NOT_SET_UP`, `HOST_DISK_FULL`, or `ARTIFACT_REFUSED` when the artifact holds what no release may hold; then nothing of it is kept.
   */
  send(log: Log): Promise<boolean>
  /** Sends it once more: somebody may remove a release while we wait for the lock. */
  again(log: Log): Promise<boolean>
}

type UploadDeps = Pick<Deps, 'host' | 'layout' | 'deploy' | 'dryRun'>

export function uploadOf(deps: UploadDeps, artifact: Artifact, contents: Contents): ReleaseUpload {
  const release = releaseOf(artifact, deps.layout)
  const missing = { ...deps, artifact, contents, release }
  let packed: Promise<boolean> | undefined
  const gzipped = () => {
    packed ??= isGzip(artifact.path)
    return packed
  }
  let begun: Promise<Attempt | undefined> | undefined
  const begin = () => {
    begun ??= gzipped().then(is => (is && !deps.dryRun ? sendMissing(missing, 'by manifests') : undefined))
    begun.catch(() => undefined)
    return begun
  }
  const complete = async (log: Log) => {
    const first = await begin()
    if (first) return (await first.go(log)) ?? (await sendMissing(missing, 'by contents').go(log)) === true
    // A dry run only prints the script that finds this out.
    const [, there] = await deps.host.all([assertSetUp(deps.layout), capture(releaseRecord(release))])
    if (there !== '') return false
    if (!(await gzipped())) return sendWhole(deps, artifact, release, log)
    return (await sendMissing(missing, 'by manifests').go(log)) === true
  }
  return {
    release,
    prefetch: () => void begin(),
    send: complete,
    again(log) {
      begun = undefined
      return complete(log)
    },
  }
}

interface Missing extends UploadDeps {
  readonly artifact: Artifact
  readonly contents: Contents
  readonly release: Release
}

/** One run of the script that waits for its word. */
interface Attempt {
  /** Resolves to whether anything was sent; to undefined when more is missing than the host had thought. */
  go(log: Log): Promise<boolean | undefined>
}

function sendMissing(
  { host, layout, deploy, dryRun, artifact, contents, release }: Missing,
  knowing: DiffSource,
): Attempt {
  const work = workFolder(layout, release, deploy.id, knowing === 'by manifests' ? 1 : 2)
  const answer = firstLine(/^(?:there|missing[ \d]*)$/)
  const mayWrite = deferred<Log>()
  let manifest: Manifest = []
  let broken: unknown
  const pieces = async function* () {
    try {
      manifest = await contents.manifest()
      if (answer.heard() !== undefined) return
      const packed = await promisify(gzip)(manifestText(manifest, HINT), { level: 9 })
      yield Buffer.concat([body, Buffer.from(`${packed.length} ${digestOf(manifest)}\n`), packed])
      const log = await mayWrite.promise
      yield Buffer.from(`${GO}\n`)
      const missing = missingIn(manifest, await answer.line)
      if (missing !== undefined) yield* content(artifact.path, manifest, missing, log)
    } catch (error) {
      broken = error
      throw error
    }
  }
  const text = receive(layout, release, work, recordText(artifact, deploy), knowing)
  // A dry run prints what a person can read.
  const { script, body } = dryRun ? { script: text, body: Buffer.alloc(0) } : packedScript(text, release)
  const ended = host.run(script, { input: pieces(), onLine: answer.hear }).finally(answer.end)
  ended.catch(() => undefined)
  return {
    async go(log) {
      mayWrite.resolve(log)
      const output = await ended
      if (output.code === 0) return answer.heard() !== ANSWER.there
      if (broken instanceof Refusal) throw refused(artifact, broken.code, broken.message)
      if (broken) throw broken
      if (output.code === RECEIVE_ENDED.more && knowing === 'by manifests') return undefined
      if (output.code === RECEIVE_ENDED.notSetUp) await host.query(assertSetUp(layout))
      throw failure(host, layout, release, artifact, output, sizeOf(manifest))
    },
  }
}

/** A script that reads its own text, packed, from the beginning of its input: on a slow line it would take longer than most manifests. */
function packedScript({ text }: Script, release: Release): { readonly script: Script; readonly body: Buffer } {
  const body = gzipSync(text, { level: 9 })
  const script = sh.write`text=$(head -c ${body.length} | gzip -dc) && eval "$text"`
  return { script: { ...script, label: `upload of ${release.name}` }, body }
}

/** The items that the host named by the numbers of their lines; undefined when it wants nothing to be sent. */
export function missingIn(manifest: Manifest, answer: string | undefined): readonly FileItem[] | undefined {
  const [word, ...numbers] = (answer ?? '').split(' ')
  if (word !== ANSWER.missing) return undefined
  return numbers.map(number => {
    const item = manifest[Number(number) - 1]
    if (item?.type !== 'file') throw new Error(`the host asks for line ${number} of the manifest, which is no file`)
    return item
  })
}

/** The artifact as it is when most of it is missing: it is packed already. Else a `.tar.gz` of the missing files alone. */
async function* content(
  path: string,
  manifest: Manifest,
  missing: readonly FileItem[],
  log: Log,
): AsyncGenerator<Buffer> {
  const bytes = sizeOf(missing)
  if (2 * bytes > sizeOf(manifest)) {
    const { size } = await stat(path)
    return yield* watched(createReadStream(path, { highWaterMark: CHUNK }), size, log)
  }
  const files = filesAsTar(path, new Map(missing.map(item => [item.position, item.path])))
  // Errors surface on the consumer's stream.
  yield* pipeline(watched(files, bytes, log), createGzip({ level: 9 }), () => undefined)
}

const CHUNK = 256 * 1024

/** An archive that cannot be read here, such as a `.tar.xz`: the host unpacks it, if it can. */
async function sendWhole(deps: UploadDeps, artifact: Artifact, release: Release, log: Log): Promise<true> {
  const { host, layout, deploy } = deps
  const work = workFolder(layout, release, deploy.id)
  const incoming = `${work}.archive`
  await host.put(artifact.path, incoming, { mode: 0o600, onProgress: progress(log) })
  const output = await host.run(unpack(layout, release, incoming, work), { input: `${recordText(artifact, deploy)}\n` })
  if (output.code !== 0 && NO_ROOM.test(output.stderr))
    throw slotFaults.RELEASE_NO_ROOM({ host: host.name, release: release.name, detail: lastLines(output.stderr, 3) })
  if (output.code !== 0) throw refused(artifact, output.code, output.stderr)
  return true
}

function recordText(artifact: Artifact, { by }: Deploy): string {
  const { version, sha256, revision = null } = artifact
  const record: ReleaseRecord = { version, sha256, revision, by, at: new Date().toISOString() }
  return JSON.stringify(record, null, 2)
}

/** Of all lines, the first that looks like this; undefined when no more come. */
function firstLine(pattern: RegExp) {
  let said: string | undefined
  const { promise: line, resolve } = deferred<string | undefined>()
  const hear = (text: string) => {
    if (said !== undefined || !pattern.test(text)) return
    said = text
    resolve(text)
  }
  return { line, hear, heard: () => said, end: () => resolve(undefined) }
}

const NO_ROOM = /No space left on device|Disk quota exceeded/

const refused = (artifact: Artifact, code: number, detail: string): Fault =>
  slotFaults.ARTIFACT_REFUSED({
    artifact: basename(artifact.path),
    why: UNPACK_REFUSED[code] ?? `unpacking it ended with ${code}`,
    detail,
  })

function failure(
  host: Host,
  layout: Layout,
  release: Release,
  artifact: Artifact,
  output: Output,
  size: number,
): Fault {
  const { code, stdout, stderr } = output
  const about = { host: host.name, path: release.dir }
  const reason = stderr.trim().split('\n').at(-1) || `exit code ${code}`
  if (code === RECEIVE_ENDED.notSetUp) return slotFaults.NOT_SET_UP({ host: host.name, root: layout.root })
  if (code === RECEIVE_ENDED.notWritable) return slotFaults.ROOT_NOT_WRITABLE({ host: host.name, root: layout.root })
  if (code === RECEIVE_ENDED.damaged) {
    const [, path = '', sent = '', arrived = ''] = /^damaged (.*)\t(.*)\t(.*)$/m.exec(stdout) ?? []
    return hostFaults.TRANSFER_DAMAGED({ host: host.name, path: posix.join(release.dir, path), sent, arrived })
  }
  if (code === RECEIVE_ENDED.diskFull || NO_ROOM.test(stderr)) {
    const free = /^free (\d+)$/m.exec(stdout)?.[1]
    return hostFaults.HOST_DISK_FULL({ ...about, size, free: free === undefined ? undefined : Number(free), reason })
  }
  if (UNPACK_REFUSED[code] !== undefined) return refused(artifact, code, stderr)
  return hostFaults.HOST_WRITE_FAILED({ ...about, reason })
}
