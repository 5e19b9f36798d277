/** Runs the `up` of each file of migrations/ once, in name order, and records each that has completed. */
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { UPLOADS } from './store.js'

const folder = new URL('migrations/', import.meta.url)
const record = `${UPLOADS}.migrations.json`
const done = await readFile(record, 'utf8').then(JSON.parse, error => {
  if (error.code === 'ENOENT') return []
  throw error
})
for (const name of (await readdir(folder)).filter(name => name.endsWith('.js')).sort()) {
  if (done.includes(name)) continue
  console.log(`${name} ...`)
  const { up } = await import(new URL(name, folder))
  await up(UPLOADS)
  done.push(name)
  await writeFile(`${record}.next`, JSON.stringify(done))
  await rename(`${record}.next`, record)
}
console.log('The uploads are up to date.')
