#!/usr/bin/env node
// Whatever Node there is reads this file: it must parse on old ones, and import nothing that they lack.
// biome-ignore lint/style/useNodejsImportProtocol: Node 12 has no `node:` names.
import { existsSync } from 'fs'
// biome-ignore lint/style/useNodejsImportProtocol: as above
import module from 'module'

/** As `engines` in package.json says. */
const OLDEST = [20, 19]

const [major, minor] = process.versions.node.split('.').map(Number)
const cli = new URL('../dist/cli.js', import.meta.url)
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  refuse(`switchyard needs Node ${OLDEST.join('.')} or later, and this is ${process.version}: install a newer Node.`)
} else if (!existsSync(cli)) {
  refuse('This copy of switchyard has not been built: there is no dist folder. Run `npm run build` in it.')
} else {
  // Node 22 and later keep the compiled code of our modules between runs.
  if (module.enableCompileCache) module.enableCompileCache()
  void import(cli.href).then(({ main }) => main(process.argv.slice(2))).then(code => process.exit(code))
}

function refuse(line) {
  console.error(line)
  process.exitCode = 2
}
