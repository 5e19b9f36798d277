/** Attaches its terminal to a command: `attach-driver.ts local <command>`, or `... ssh <target> <config file> <command>`. */
import { local } from '../../host/local.ts'
import { ssh } from '../../host/ssh/transport.ts'

const [kind, ...args] = process.argv.slice(2)
const command = args.pop() ?? ''
const [target = '', configFile = ''] = args
const transport = kind === 'local' ? local() : ssh(target, { configFile })

// The program's own handler of Ctrl-C, which must not run while the command has the terminal.
process.on('SIGINT', () => process.exit(130))
const host = await transport.open({ signal: new AbortController().signal, confirm: async () => false })
process.exitCode = await host.attach(command)
await host[Symbol.asyncDispose]()
