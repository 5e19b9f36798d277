/** How much room a `.tar.gz` takes when it is unpacked. Read from its headers, tar(5); nothing is unpacked. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'

export interface Room {
  /** Of the packed file, in bytes. */
  readonly packed: number
  /** Of what comes out, in bytes, each file rounded up to blocks of 4 KiB. */
  readonly unpacked: number
  /** Files, folders and links. */
  readonly entries: number
}

const RECORD = 512
const BLOCK = 4096

/** Rejects when the file is no `.tar.gz`. */
export async function roomOf(path: string): Promise<Room> {
  const { size: packed } = await stat(path)
  let rest = Buffer.alloc(0)
  let skip = 0
  let unpacked = 0
  let entries = 0
  for await (const chunk of createReadStream(path).pipe(createGunzip()) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const passed = Math.min(skip, rest.length)
      skip -= passed
      rest = rest.subarray(passed)
      if (skip > 0 || rest.length < RECORD) break
      const header = rest.subarray(0, RECORD)
      rest = rest.subarray(RECORD)
      if (header.every(byte => byte === 0)) continue
      const size = sizeIn(header)
      skip = Math.ceil(size / RECORD) * RECORD
      // Long names and attributes come as entries of their own, which are not files.
      if (/[xgLK]/.test(String.fromCharCode(header[156] ?? 0))) continue
      entries += 1
      unpacked += Math.max(1, Math.ceil(size / BLOCK)) * BLOCK
    }
  }
  return { packed, unpacked, entries }
}

/** Octal digits, or for very large files a binary number whose first bit is set. */
function sizeIn(header: Buffer): number {
  if (((header[124] ?? 0) & 0x80) !== 0) return Number(header.readBigUInt64BE(128))
  const digits = header.toString('latin1', 124, 136).replace(/[\0 ]+$/, '')
  if (header.toString('latin1', 257, 262) !== 'ustar' || !/^\s*[0-7]+$/.test(digits)) throw new Error('this is no tar')
  return Number.parseInt(digits, 8)
}
