/** Whose the application's folder on a host is. */
import type { Host } from '../../host/host.ts'
import { sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'

/** Throws `NOT_SET_UP` when the application's folders are not there, and `NOT_OURS` when they belong to another account. Ours may be mounted read-only: they can be looked at. */
export async function assertSetUp(host: Host, { root, releases }: Layout): Promise<void> {
  const { code, stdout } = await host.run(sh.read`
if [ -O ${root} ] && { [ -w ${releases} ] || [ -O ${releases} ]; }; then exit 0; fi
stat -L -c %U ${root} 2>/dev/null || echo
id -un
exit 1`)
  if (code === 0) return
  const [owner = '', user = ''] = stdout.split('\n')
  if (owner !== '' && owner !== user) throw slotFaults.NOT_OURS({ host: host.name, root, owner, user })
  throw slotFaults.NOT_SET_UP({ host: host.name, root })
}

/** Whether there is a lock to take: a setup of ours was here before. Root must not make the file, which it would own. */
export async function mayLock(host: Host, { root, lock }: Layout): Promise<boolean> {
  return (await host.run(sh.read`[ -O ${root} ] || [ -w ${lock} ]`)).code === 0
}
