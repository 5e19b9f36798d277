#!/usr/bin/env node
import { existsSync } from 'node:fs'
import module from 'node:module'

// Node 22 and later keep the compiled code of our modules between runs.
module.enableCompileCache?.()
const cli = new URL('../dist/cli.js', import.meta.url)
if (!existsSync(cli)) {
  console.error('This copy of switchyard has not been built: there is no dist folder. Run `npm run build` in it.')
  process.exit(2)
}
const { main } = await import(cli.href)
process.exit(await main(process.argv.slice(2)))
