#!/usr/bin/env node
// Any version of Node runs this file: it must parse on old ones, and import nothing. An import of a module of Node would also delay every start.

/** Have to match `engines` in package.json. */
const OLDEST = { 20: 19, 22: 12 }

const [major, minor] = process.versions.node.split('.').map(Number)
if (major <= 22 && !(minor >= OLDEST[major])) {
  refuse(`switchyard needs Node 20.19, or 22.12 or later, and this is ${process.version}. Install a newer Node.`)
} else {
  // Node 22 and later can cache the compiled code of our modules.
  const { enableCompileCache } = process.getBuiltinModule('module')
  if (enableCompileCache) enableCompileCache()
  const cli = new URL('../dist/cli.js', import.meta.url).href
  import(cli).then(
    ({ main }) => main(process.argv.slice(2)).then(code => process.exit(code)),
    error => {
      if (error.code !== 'ERR_MODULE_NOT_FOUND' || error.url !== cli) throw error
      refuse('This copy of switchyard has not been built: it has no dist folder. Run `npm run build` in it.')
    },
  )
}

function refuse(message) {
  console.error(message)
  process.exitCode = 2
}
