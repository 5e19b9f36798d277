/**
 * Uploads an artifact as a release: sends the manifest, learns which files the host lacks, and sends those. Two round trips: manifest and answer
 * (nothing is written yet, so this one can run early), then files and result.
 */

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { capture } from '../../host/query.ts'
import type { Output } from '../../host/script.ts'
import type { Fault } from '../../runner/fault.ts'
import { deferred } from '../../runner/promises.ts'
import { lastLines } from '../../runner/units.ts'
import type { Artifact, Release, Runtime } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { assertSetUp } from '../setup/owner.ts'
import { isGzip } from './archive.ts'
import type { Contents } from './contents.ts'
import { type FileItem, type Manifest, Refusal, sizeOf } from './manifest.ts'
import { preparationKey } from './prepare.ts'
import { progress, withProgress } from './progress.ts'
import { ANSWER, type DiffSource, GO, RECEIVE_ENDED, receive, workFolder } from './receive.ts'
import { type ReleaseRecord, releaseOf, releaseRecord, UNPACK_REFUSED, unpack } from './release.ts'
import type { ReleaseSource } from './source.ts'

type Log = (line: string) => void

/** The upload of one artifact. Creating it does not contact the host. */
export interface ReleaseUpload extends ReleaseSource {
  /**
   * Resolves to whether anything was sent: a release that exists with the same content is left alone.
   * @throws `NOT_SET_UP`, `HOST_DISK_FULL`, or `ARTIFACT_REFUSED` if the artifact has an entry that a release may not contain. Then nothing of it is kept.
   */
  send(log: Log): Promise<boolean>
}

type UploadDeps = Pick<Deps, 'host' | 'layout' | 'deploy' | 'dryRun'> & {
  readonly runtime?: Pick<Runtime, 'prepare'>
}

export function uploadOf(deps: UploadDeps, artifact: Artifact, contents: Contents): ReleaseUpload {
  const release = releaseOf(artifact, deps.layout, preparationKey(deps.runtime?.prepare))
  const job = { ...deps, artifact, contents, release }
  let packed: Promise<boolean> | undefined
  const gzipped = () => {
    packed ??= isGzip(artifact.path)
    return packed
  }
  let prefetched: Promise<Attempt | undefined> | undefined
  const prefetch = () => {
    prefetched ??= gzipped().then(isPacked => (isPacked && !deps.dryRun ? sendMissing(job, 'by manifests') : undefined))
    prefetched.catch(() => undefined)
    return prefetched
  }
  const send = async (log: Log) => {
    const first = await prefetch()
    if (first) return (await first.commit(log)) ?? (await sendMissing(job, 'by contents').commit(log)) === true
    // A dry run prints the script of the upload and cannot read its answer, so the release is looked up here.
    const [, record] = await deps.host.all([assertSetUp(deps.layout), capture(releaseRecord(release))])
    if (record !== '') return false
    if (!(await gzipped())) return sendWhole(deps, artifact, release, log)
    return (await sendMissing(job, 'by manifests').commit(log)) === true
  }
  return {
    release,
    revision: artifact.revision,
    prefetch: () => void prefetch(),
    diskUsage: contents.diskUsage,
    send,
    again(log, why = 'was removed while this deploy waited for the lock') {
      log(`${release.name} ${why}. Uploading it again.`)
      prefetched = undefined
      return send(log)
    },
  }
}

interface UploadJob extends UploadDeps {
  readonly artifact: Artifact
  readonly contents: Contents
  readonly release: Release
}

/** One run of the host's script, which waits for `go`. */
interface Attempt {
  /** Lets the host write. Resolves to whether anything was sent; to undefined if more is missing than the manifests on the host said. */
  commit(log: Log): Promise<boolean | undefined>
}

function sendMissing(job: UploadJob, source: DiffSource): Attempt {
  const { host, layout, deploy, artifact, contents, release } = job
  const work = workFolder(layout, release, deploy.id, source === 'by manifests' ? 1 : 2)
  const answer = firstLine(/^(?:there|missing[ \d]*)$/)
  const mayWrite = deferred<Log>()
  let manifest: Manifest = []
  let inputError: unknown
  const input = async function* () {
    try {
      manifest = await contents.manifest()
      if (answer.received() !== undefined) return
      yield await contents.packedManifest()
      const log = await mayWrite.promise
      yield Buffer.from(`${GO}\n`)
      const missing = missingIn(manifest, await answer.line)
      if (missing !== undefined) yield* content(artifact.path, contents, manifest, missing, log)
    } catch (error) {
      inputError = error
      throw error
    }
  }
  const script = {
    ...receive(layout, release, work, recordText(job, artifact, release), source),
    label: `upload of ${release.name}`,
  }
  const ended = host.run(script, { input: input(), onLine: answer.onLine }).finally(answer.end)
  ended.catch(() => undefined)
  return {
    async commit(log) {
      mayWrite.resolve(log)
      const output = await ended
      if (output.code === 0) return answer.received() !== ANSWER.there
      if (inputError instanceof Refusal) throw refused(artifact, inputError.code, inputError.message)
      if (inputError) throw inputError
      if (output.code === RECEIVE_ENDED.more && source === 'by manifests') return undefined
      if (output.code === RECEIVE_ENDED.notSetUp) await host.query(assertSetUp(layout))
      throw failure(host, layout, release, artifact, output, sizeOf(manifest))
    },
  }
}

/** The items that the host requested by line number; undefined if it needs none. */
export function missingIn(manifest: Manifest, answer: string | undefined): readonly FileItem[] | undefined {
  const [keyword, ...numbers] = (answer ?? '').split(' ')
  if (keyword !== ANSWER.missing) return undefined
  return numbers.map(number => {
    const item = manifest[Number(number) - 1]
    if (item?.type !== 'file')
      throw new Error(`The host requested line ${number} of the manifest, which is not a file.`)
    return item
  })
}

/** The artifact itself if most of it is missing, since it is packed already; else a `.tar.gz` of the missing files. */
async function* content(
  path: string,
  contents: Contents,
  manifest: Manifest,
  missing: readonly FileItem[],
  log: Log,
): AsyncGenerator<Buffer> {
  const bytes = sizeOf(missing)
  if (2 * bytes > sizeOf(manifest)) {
    const { size } = await stat(path)
    return yield* withProgress(createReadStream(path, { highWaterMark: CHUNK }), size, log)
  }
  const report = progress(log)
  let reported = 0
  for await (const { chunk, done } of contents.pack(missing)) {
    yield chunk
    // The tar's headers and padding exceed the files.
    const now = Math.min(done, bytes)
    if (now > reported) report(now, bytes)
    reported = now
  }
}

const CHUNK = 256 * 1024

/** For an archive that cannot be read on this machine, such as a `.tar.xz`: the host unpacks it, if it can. */
async function sendWhole(deps: UploadDeps, artifact: Artifact, release: Release, log: Log): Promise<true> {
  const { host, layout, deploy } = deps
  const work = workFolder(layout, release, deploy.id)
  const incoming = `${work}.archive`
  await host.put(artifact.path, incoming, { mode: 0o600, onProgress: progress(log) })
  const output = await host.run(unpack(layout, release, incoming, work), {
    input: `${recordText(deps, artifact, release)}\n`,
  })
  if (output.code !== 0 && NO_ROOM.test(output.stderr))
    throw slotFaults.RELEASE_NO_ROOM({ host: host.name, release: release.name, detail: lastLines(output.stderr, 3) })
  const unlinked = unlinkedShared(host, release, output)
  if (unlinked) throw unlinked
  if (output.code !== 0) throw refused(artifact, output.code, output.stderr)
  return true
}

function recordText({ deploy, runtime }: UploadDeps, artifact: Artifact, release: Release): string {
  const { revision = null } = artifact
  const { version, sha256 } = release
  const prepare = preparationKey(runtime?.prepare)
  const record: ReleaseRecord = { version, sha256, revision, prepare, by: deploy.by, at: new Date().toISOString() }
  return JSON.stringify(record, null, 2)
}

/** Waits for the first line that matches; `line` resolves to undefined if the output ends without one. */
function firstLine(pattern: RegExp) {
  let match: string | undefined
  const { promise: line, resolve } = deferred<string | undefined>()
  const onLine = (text: string) => {
    if (match !== undefined || !pattern.test(text)) return
    match = text
    resolve(text)
  }
  return { line, onLine, received: () => match, end: () => resolve(undefined) }
}

/** tar says "Wrote only 4096 of 10240 bytes" if a part of its last block had room. */
const NO_ROOM = /No space left on device|Disk quota exceeded|Wrote only \d+ of/

const refused = (artifact: Artifact, code: number, detail: string): Fault =>
  slotFaults.ARTIFACT_REFUSED({
    artifact: basename(artifact.path),
    why: UNPACK_REFUSED[code] ?? `unpacking it ended with exit code ${code}`,
    detail,
  })

/** Why a path of `shared` could not become a link, if that is what failed. */
function unlinkedShared(host: Host, release: Release, { code, stdout }: Output): Fault | undefined {
  const [, path = '', place = ''] = /^shared (.*)\t(.*)$/m.exec(stdout) ?? []
  if (path === '') return undefined
  if (code === EXIT.shared.unclear) return slotFaults.SHARED_UNCLEAR({ host: host.name, release: release.name, path })
  const at = posix.isAbsolute(place) ? place : undefined
  if (code === EXIT.shared.notFile)
    return slotFaults.SHARED_NOT_FILE({ host: host.name, release: release.name, path, at })
  return undefined
}

function failure(
  host: Host,
  layout: Layout,
  release: Release,
  artifact: Artifact,
  output: Output,
  size: number,
): Fault {
  const { code, stdout, stderr } = output
  const details = { host: host.name, path: release.dir }
  const reason = stderr.trim().split('\n').at(-1) || `exit code ${code}`
  if (code === RECEIVE_ENDED.notSetUp) return slotFaults.NOT_SET_UP({ host: host.name, root: layout.root })
  if (code === RECEIVE_ENDED.notWritable) return slotFaults.ROOT_NOT_WRITABLE({ host: host.name, root: layout.root })
  if (code === RECEIVE_ENDED.damaged) {
    const [, path = '', sent = '', arrived = ''] = /^damaged (.*)\t(.*)\t(.*)$/m.exec(stdout) ?? []
    return hostFaults.TRANSFER_DAMAGED({ host: host.name, path: posix.join(release.dir, path), sent, arrived })
  }
  if (code === RECEIVE_ENDED.diskFull || NO_ROOM.test(stderr)) {
    const free = /^free (\d+)$/m.exec(stdout)?.[1]
    return hostFaults.HOST_DISK_FULL({ ...details, size, free: free === undefined ? undefined : Number(free), reason })
  }
  if (UNPACK_REFUSED[code] !== undefined) return refused(artifact, code, stderr)
  const unlinked = unlinkedShared(host, release, output)
  if (unlinked) return unlinked
  return hostFaults.HOST_WRITE_FAILED({ ...details, reason })
}
