import { mkdir } from 'node:fs/promises'

/** A migration must bear a second run, because it may have been interrupted before it was recorded. */
export const up = uploads => mkdir(`${uploads}files`, { recursive: true })
