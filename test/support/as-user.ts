/** Stand-ins for sudo and runuser, which run a command as the user who runs the test: its environment says that it was called through them. */
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const STAND_IN = `#!/bin/bash
case " $* " in *' -u life '*) ;; *) echo "not as life: $*" >&2; exit 1 ;; esac
while [ "$1" != /bin/bash ]; do shift; done
SEEN_AS=life exec "$@"
`

/** Resolves to a value of PATH on which the stand-ins come first. */
export async function withStandIns(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-as-user-'))
  for (const name of ['sudo', 'runuser']) {
    await writeFile(join(folder, name), STAND_IN)
    await chmod(join(folder, name), 0o755)
  }
  // The user `life` has an entry, and the id of whoever runs the test.
  await writeFile(join(folder, 'getent'), '#!/bin/sh\necho life:x:1:1::/nonexistent:/usr/sbin/nologin\n', {
    mode: 0o755,
  })
  return `${folder}:${process.env.PATH}`
}
