/** Installs the programs that the bench compares with, as root on Debian only; elsewhere their rows say that they are not installed. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { TestHost } from '../dev/host.ts'

const run = promisify(execFile)

const works = (program: string, ...args: string[]): Promise<boolean> =>
  run(program, args).then(
    () => true,
    () => false,
  )

function debianRoot(): boolean {
  try {
    return process.getuid?.() === 0 && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/** Whether a program runs on this machine, after an attempt to install its packages. */
export async function available(program: string, packages: readonly string[]): Promise<boolean> {
  if (await works(program, '--version')) return true
  if (!debianRoot()) return false
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 64 * 1024 * 1024 }
  await run('apt-get', [...wait, 'update'], options).catch(() => undefined)
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], options).catch(
    () => undefined,
  )
  return works(program, '--version')
}

/** Copies rsync to the host, because rsync needs itself on both sides. The host must run the same Debian release as this machine. */
export async function giveRsync(host: TestHost): Promise<boolean> {
  if (!(await available('rsync', ['rsync']))) return false
  const { stdout: path } = await run('sh', ['-c', 'command -v rsync'])
  const { stdout: libraries } = await run('ldd', [path.trim()])
  for (const [, library] of libraries.matchAll(/=> (\/\S+)/g)) {
    const name = library?.split('/').at(-1)
    if (library === undefined || /^lib(c|m|dl|pthread)\.so/.test(name ?? '')) continue
    const { stdout: real } = await run('readlink', ['-f', library])
    await host.copyIn(real.trim(), `/usr/local/lib/${name}`)
  }
  await host.copyIn(path.trim(), '/usr/bin/rsync')
  return (await host.exec('chmod 755 /usr/bin/rsync && ldconfig && rsync --version')).code === 0
}
