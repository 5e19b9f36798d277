/** Checks that a host is set up, by the owner of the application's folder. */
import { type Query, succeeds } from '../../host/query.ts'
import { sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'

/**
 * Passes for folders of ours on a read-only file system, which can still be inspected.
 * @throws `NOT_SET_UP` if the application's folders do not exist; `NOT_OURS` if they belong to another account.
 */
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

/** Whether there is a lock to take. Taking one that does not exist would create it. */
export const hasLock = ({ lock }: Layout): Query<boolean> => succeeds(sh.read`[ -w ${lock} ]`)

/** Whether the lock can be taken, which a first setup has to create. Root must not create the lock file, because root would then own it. */
export const mayLock = ({ root, lock }: Layout): Query<boolean> => succeeds(sh.read`[ -O ${root} ] || [ -w ${lock} ]`)
