/** Scripts that run as the user of the application, on a host where that is not the deploying one. */
import { program } from '../host/program.ts'
import { type Script, sh } from '../host/script.ts'

/**
 * Has the script. An argument could be read by every user of the host, and sudo would log it; a value that sudo is told to keep on its command line would be
 * logged as well.
 */
const VARIABLE = 'SWITCHYARD_RUN'

/** The one command line that the deploying user may run as the user of the application, whose releases it writes anyhow. */
const COMMAND = ['/bin/bash', '--norc', '-euo', 'pipefail', '-c', `eval "$${VARIABLE}"`] as const

/** The lines of sudoers(5) that allow it. */
export const applicationRules = (deploying: string, user: string): readonly string[] => [
  `Defaults>${user} env_keep += "${VARIABLE}"`,
  `${deploying} ALL=(${user}) NOPASSWD: ${COMMAND.map(escaped).join(' ')}`,
]

/** Not the quotation marks: sudo rejects a backslash before them. */
const escaped = (argument: string) => argument.replace(/[\\,:= ]/g, '\\$&')

const beginning = program(new URL('./as-application.sh', import.meta.url))

/**
 * Runs a script as the user of the application. It has the input, the output and the exit code of the script.
 *
 * @param define one command that prints lines of bash to run before the script, for values that only the host knows
 */
export const asApplication = (user: string, script: Script, define: Script = sh.read`:`): Script => {
  const beginningOfRun = sh.read`printf 'outer=%s user=%s\\n%s\\n' $$ ${user} ${beginning.text}`
  const caller = sh.read`$(if [ $EUID = 0 ]; then echo runuser -u ${user} --; else echo sudo -n -u ${user}; fi)`
  // Without the last `exit` bash would replace itself with sudo, whose end nobody but root can bring about.
  const text = sh.read`run=$(${beginningOfRun} && ${define} && printf '%s\\n' ${script.text}) || exit
${VARIABLE}=$run ${caller} ${COMMAND} || exit`
  return { ...text, writes: script.writes }
}
