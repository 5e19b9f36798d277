import { ensureHostImage } from '../../dev/engine.ts'

/** Runs once, before the first test that needs a host: the image takes longer than a test may, when it has to be made. */
export default async function setup(): Promise<void> {
  await ensureHostImage()
}
