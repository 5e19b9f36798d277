/** Programs that only a few tests want: Debian's, installed when that is possible here. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const installed = (names: readonly string[]): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap(folder => names.map(name => join(folder, name)))
    .find(existsSync)

/** The first program of these names, from the package of the first name if need be, or why there is none. */
export async function findProgram(
  name: string,
  ...others: readonly string[]
): Promise<{ readonly program: string } | { readonly missing: string }> {
  const names = [name, ...others]
  const found = installed(names)
  if (found) return { program: found }
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return { missing: `no ${name}, and it can be installed only as root on Debian` }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', [...wait, 'update', '-q']).catch(() => undefined)
  const words = ['install', '-y', '-q', '--no-install-recommends', name]
  await run('apt-get', [...wait, ...words], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).catch(
    () => undefined,
  )
  const now = installed(names)
  return now ? { program: now } : { missing: `no ${name}, and apt-get did not install it` }
}
