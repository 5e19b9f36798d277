/**
 * `Host.put` and `Host.write`: copy a file to a machine. The content is the stdin of one script, which writes a temporary file, checks size and sha256,
 * sets the mode and renames it. So a copy takes one round trip, and the machine itself removes the temporary file if the connection is lost.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Fault } from '../../runner/fault.ts'
import { EXIT } from '../exit-codes.ts'
import { hostFaults } from '../faults.ts'
import type { PutOptions } from '../host.ts'
import type { Query } from '../query.ts'
import { quote, type Script, sh } from '../script.ts'
import type { Process, Start } from './process.ts'
import { run } from './run.ts'
import { guardAgain } from './write-guard.ts'

interface File {
  readonly path: string
  readonly mode: number
  readonly size: number
  readonly sha256: string
}

/** The script that receives a file on its stdin. `stamp` makes the name of the temporary file unique. */
export function receive({ path, mode, size, sha256 }: File, stamp: string): Script {
  const temporary = posix.join(posix.dirname(path), `.${posix.basename(path)}.${stamp}`)
  return sh.write`export LC_ALL=C; umask 077
tmp=${temporary}
trap 'trap "" HUP INT TERM PIPE; rm -f -- "$tmp"' EXIT
set -C
cat > "$tmp" || { code=$?; rm -f -- "$tmp"; df -P -B1 -- ${posix.dirname(path)} | awk 'NR == 2 { print "free " $4 }'; exit $code; }
arrived="$(stat -c %s -- "$tmp") $(sha256sum < "$tmp" | cut -c 1-64)"
[ "$arrived" = ${`${size} ${sha256}`} ] || { echo "arrived $arrived"; exit ${EXIT.transfer.damaged}; }
chmod ${mode.toString(8)} -- "$tmp"
${guardAgain}
mv -f -T -- "$tmp" ${path}`
}

/** `Host.write` as a query. */
export function fileQuery(path: string, text: string, mode = 0o644): Query<void> {
  const sha256 = createHash('sha256').update(text).digest('hex')
  const file = { path, mode, size: Buffer.byteLength(text), sha256 }
  return {
    script: { ...sending(file), printed: printed(file, text) },
    input: text,
    read({ code, stdout, stderr }, { name }) {
      if (code !== 0) throw failure(name, file, stdout, stderr)
    },
  }
}

export async function put(
  host: string,
  start: Start,
  local: string,
  remote: string,
  options: PutOptions = {},
): Promise<void> {
  const { size, sha256 } = await measure(local)
  const file = { path: remote, mode: options.mode ?? 0o644, size, sha256 }
  await send(host, start, file, createReadStream(local, { highWaterMark: 256 * 1024 }), options.onProgress)
}

async function measure(path: string): Promise<Pick<File, 'size' | 'sha256'>> {
  try {
    const { size } = await stat(path)
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk)
    return { size, sha256: hash.digest('hex') }
  } catch (error) {
    throw hostFaults.LOCAL_FILE_UNREADABLE({ path, reason: (error as Error).message }, error)
  }
}

async function send(
  host: string,
  start: Start,
  file: File,
  source: Readable,
  onProgress?: PutOptions['onProgress'],
): Promise<void> {
  let sent = 0
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length
      onProgress?.(sent, file.size)
      done(null, chunk)
    },
  })
  let broken: unknown
  // If the machine stops reading, the exit code of the script gives the reason.
  const feed = ({ stdin }: Process) =>
    pipeline(source, count, stdin).catch((error: unknown) => {
      broken = error
      stdin.end()
    })
  const output = await run(host, start, sending(file), {}, feed)
  if (output.code === 0) return
  throw failure(host, file, output.stdout, output.stderr, broken)
}

const printed = ({ path, mode, size }: File, text: string) =>
  `write ${quote(path)} (mode ${mode.toString(8)}, ${size} bytes)\n${text}`

/** The label in a `connection lost` error: it names the file, not the script. */
const sending = (file: File): Script => ({
  ...receive(file, randomBytes(6).toString('hex')),
  label: `sending ${file.path}`,
})

function failure(host: string, file: File, stdout: string, stderr: string, cause?: unknown): Fault {
  const arrived = /^arrived (\d+) (\w+)$/m.exec(stdout)
  if (arrived !== null) {
    const format = (size: string | number, sha256 = '') => `${size} bytes, sha256 ${sha256.slice(0, 12)}`
    return hostFaults.TRANSFER_DAMAGED(
      { host, path: file.path, sent: format(file.size, file.sha256), arrived: format(arrived[1] ?? '', arrived[2]) },
      cause,
    )
  }
  return writeFailure(host, file, stdout, stderr)
}

/** The fault of a script that could not write, from what it printed: with a full disk a line `free BYTES`. */
export function writeFailure(host: string, file: Pick<File, 'path' | 'size'>, stdout: string, stderr: string): Fault {
  const target = { host, path: file.path, reason: reason(stderr) }
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    const free = /^free (\d+)$/m.exec(stdout)?.[1]
    return hostFaults.HOST_DISK_FULL({
      ...target,
      size: file.size,
      free: free === undefined ? undefined : Number(free),
    })
  }
  return /Permission denied|Operation not permitted|Read-only file system/.test(stderr)
    ? hostFaults.HOST_WRITE_DENIED(target)
    : hostFaults.HOST_WRITE_FAILED(target)
}

/** The last line of stderr, without the name of the temporary file. */
const reason = (stderr: string): string =>
  stderr
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^bash: line \d+: /, '')
    .replace(/^.*: (?=[A-Z][\w -]+$)/, '') || 'no reason given'
