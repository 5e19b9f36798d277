/** Whose the application's folder on a host is. */
import { type Query, succeeds } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'

/** Throws `NOT_SET_UP` when the application's folders are not there, and `NOT_OURS` when they belong to another account. Ours may be mounted read-only: they can be looked at. */
export const assertSetUp = ({ root, releases }: Layout): Query<void> => ({
  script: sh.read`
if [ -O ${root} ] && { [ -w ${releases} ] || [ -O ${releases} ]; }; then exit 0; fi
stat -L -c %U ${root} 2>/dev/null || echo
id -un
exit 1`,
  read({ code, stdout }, { name }) {
    if (code === 0) return
    const [owner = '', user = ''] = stdout.split('\n')
    if (owner !== '' && owner !== user) throw slotFaults.NOT_OURS({ host: name, root, owner, user })
    throw slotFaults.NOT_SET_UP({ host: name, root })
  },
})

/** Whether there is a lock to take: a setup of ours was here before. Root must not make the file, which it would own. */
export const mayLock = ({ root, lock }: Layout): Query<boolean> => succeeds(sh.read`[ -O ${root} ] || [ -w ${lock} ]`)
