/** The scripts of a bootstrap. Each runs as root, from its input, and does nothing that was done already. */
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { makeAccount } from '../setup/account.ts'
import { SUDOERS } from '../setup/sudoers.ts'
import type { BootstrapPlan } from './plan.ts'

const { bootstrap: ENDED } = EXIT

/** @param limit seconds to wait while another program holds a lock of apt */
export const installPackages = (packages: readonly string[], limit: number): Script =>
  program(new URL('./install-packages.sh', import.meta.url), {
    writes: true,
    parameters: { packages, limit, ...ENDED },
  })

export const startServer = (unit: string): Script => sh.write`systemctl enable --now ${unit}`

/** Names in this folder have no dot, or sudo would ignore the file. */
const sudoersPath = (user: string) => `${SUDOERS}/switchyard-user-${user}`

const sudoersText = (user: string) =>
  `# Lets ${user} prepare this host with \`task setup\`. Made by \`task bootstrap\`.\n${user} ALL=(ALL) NOPASSWD: ALL\n`

const allowSudo = (user: string): Script => {
  const draft = `${SUDOERS}/.switchyard-user-${user}.draft`
  return sh.write`mkdir -p ${SUDOERS}
(umask 077; printf %s ${sudoersText(user)} > ${draft})
chmod 0440 ${draft}
/usr/sbin/visudo -c -q -f ${draft}
mv -T ${draft} ${sudoersPath(user)}`
}

/** Creates the account, and adds its keys, groups and rights. */
export const prepareAccount = (
  user: string,
  { account, groups, sudo }: Pick<BootstrapPlan, 'account' | 'groups' | 'sudo'>,
): Script =>
  sh.lines(
    sh.read`PATH="$PATH:/usr/sbin:/sbin"`,
    account ? makeAccount(account) : sh.read`:`,
    groups.length > 0 ? sh.write`usermod -aG ${groups.join(',')} ${user}` : sh.read`:`,
    sudo ? allowSudo(user) : sh.read`:`,
  )

export const callUfw = (calls: readonly (readonly string[])[]): Script =>
  sh.lines(sh.read`PATH="$PATH:/usr/sbin:/sbin"`, ...calls.map(call => sh.write`ufw ${call}`))

/** sshd takes the first value that it reads of a setting, and reads these files by name. */
export const SSHD_FILE = '/etc/ssh/sshd_config.d/00-switchyard.conf'

const RELOAD = program(new URL('./reload-sshd.sh', import.meta.url), { writes: true })

/** @param sudo whether the deploying account can become root, so that root need not log in */
export function hardenSshd(sudo: boolean): Script {
  const root = sudo ? 'no' : 'prohibit-password'
  return program(new URL('./harden-sshd.sh', import.meta.url), {
    writes: true,
    parameters: {
      path: SSHD_FILE,
      text: `# Made by \`task bootstrap --harden-sshd\`: logins with keys alone.\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin ${root}\n`,
      wanted: ['passwordauthentication no', `permitrootlogin ${sudo ? 'no' : 'without-password'}`],
      reload: RELOAD,
      ...ENDED,
    },
  })
}

/** Takes the file away again. */
export const softenSshd = (): Script => sh.write`PATH="$PATH:/usr/sbin:/sbin"
rm -f ${SSHD_FILE}
sshd -t
${RELOAD}`
