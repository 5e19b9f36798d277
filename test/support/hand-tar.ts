/** Builds a `.tar.gz` with entries that no archiver would write. Format: POSIX ustar. */
import { gzipSync } from 'node:zlib'

export interface Entry {
  readonly name: string
  readonly type?: 'file' | 'hard link' | 'link' | 'device' | 'folder' | 'pipe'
  /** The target of a link. */
  readonly target?: string
  readonly text?: string
}

const TYPES = { file: '0', 'hard link': '1', link: '2', device: '3', folder: '5', pipe: '6' } as const
const BLOCK = 512

export function handTar(entries: readonly Entry[]): Buffer {
  return gzipSync(Buffer.concat([...entries.map(entry), Buffer.alloc(2 * BLOCK)]))
}

function entry({ name, type = 'file', target = '', text = '' }: Entry): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, width: number) =>
    head.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at)
  head.write(name, 0)
  octal(type === 'folder' ? 0o755 : 0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(body.length, 124, 12)
  octal(0, 136, 12)
  head.write(' '.repeat(8), 148)
  head.write(TYPES[type], 156)
  head.write(target, 157)
  head.write('ustar\x0000', 257)
  // /dev/null, where it is a device.
  octal(1, 329, 8)
  octal(3, 337, 8)
  const sum = head.reduce((all, byte) => all + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([head, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)])
}
