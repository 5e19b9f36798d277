/** Computes the sha256 of each file that users have uploaded. The workers of both slots may run at once: a digest is written under another name first. */
import { setTimeout as sleep } from 'node:timers/promises'
import { digest, withoutDigest } from './store.js'

let ended = false
// A file that has been begun is finished: systemd waits until `stopLimit`.
process.once('SIGTERM', () => {
  ended = true
})
console.log('the worker waits for files')
while (!ended) {
  for (const name of await withoutDigest()) {
    await digest(name)
    console.log(`${name} has a digest`)
    if (ended) break
  }
  if (!ended) await sleep(250)
}
