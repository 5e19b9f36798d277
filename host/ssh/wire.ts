/** Fields of SSH's binary formats: a length in four bytes, then that many bytes. RFC 4251, section 5. */

export function field(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/**
 * Reads fields and numbers one after the other.
 *
 * @throws RangeError if the data ends too early
 */
export class Fields {
  at = 0
  readonly data: Buffer

  constructor(data: Buffer) {
    this.data = data
  }

  next(): Buffer {
    const from = this.at + 4
    const to = from + this.data.readUInt32BE(this.at)
    if (to > this.data.length) throw new RangeError('the data ends within a field')
    this.at = to
    return this.data.subarray(from, to)
  }

  text(): string {
    return this.next().toString()
  }

  number(): number {
    this.at += 4
    return this.data.readUInt32BE(this.at - 4)
  }

  /** 64 bits. */
  large(): bigint {
    this.at += 8
    return this.data.readBigUInt64BE(this.at - 8)
  }
}

/** The type of a public key or of a certificate: its first field. */
export const typeOf = (blob: Buffer): string => new Fields(blob).text()
