#!/usr/bin/env node
// Any version of Node runs this file: it must parse on old ones, and import nothing that they lack.
// biome-ignore lint/style/useNodejsImportProtocol: Node 12 has no `node:` scheme.
import { existsSync } from 'fs'
// biome-ignore lint/style/useNodejsImportProtocol: as above
import module from 'module'

/** Has to match `engines` in package.json. */
const OLDEST = [20, 19]

const [major, minor] = process.versions.node.split('.').map(Number)
const cli = new URL('../dist/cli.js', import.meta.url)
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  refuse(`switchyard needs Node ${OLDEST.join('.')} or later, and this is ${process.version}. Install a newer Node.`)
} else if (!existsSync(cli)) {
  refuse('This copy of switchyard has not been built: it has no dist folder. Run `npm run build` in it.')
} else {
  // Node 22 and later can cache the compiled code of our modules.
  if (module.enableCompileCache) module.enableCompileCache()
  void import(cli.href).then(({ main }) => main(process.argv.slice(2))).then(code => process.exit(code))
}

function refuse(message) {
  console.error(message)
  process.exitCode = 2
}
