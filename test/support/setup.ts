import { ensureHostImage } from '../../dev/engine.ts'

/** Runs once before the tests that need a host, because building the image takes longer than the limit of a test. */
export default async function setup(): Promise<void> {
  await ensureHostImage()
}
