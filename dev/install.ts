/** Programs that only a few tests need, installed from Debian's packages if possible. */
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

/** Finds the first installed program of these names, or installs the package of the first name. Resolves to the path, or to the reason if there is none. */
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
  const install = ['install', '-y', '-q', '--no-install-recommends', name]
  await run('apt-get', [...wait, ...install], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).catch(
    () => undefined,
  )
  const now = installed(names)
  return now ? { program: now } : { missing: `no ${name}, and apt-get did not install it` }
}
