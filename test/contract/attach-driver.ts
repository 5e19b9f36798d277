/** A program that gives its terminal to a command: `attach-driver.ts local <command>`, or `... ssh <target> <config file> <command>`. */
import { local } from '../../host/local.ts'
import { ssh } from '../../host/ssh/transport.ts'

const [kind, ...words] = process.argv.slice(2)
const command = words.pop() ?? ''
const [target = '', configFile = ''] = words
const transport = kind === 'local' ? local() : ssh(target, { configFile })

// The program's own idea of Ctrl-C, which must not be asked while the command has the terminal.
process.on('SIGINT', () => process.exit(130))
const host = await transport.open({ signal: new AbortController().signal, confirm: async () => false })
process.exitCode = await host.attach(command)
await host[Symbol.asyncDispose]()
