/** Other versions of Node from npm, installed once into the folder for temporary files and kept there. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { arch, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Resolves to the program for each version, such as `18` or `20.18`, of which the newest patch is used. */
export async function nodes<const V extends string>(versions: readonly V[]): Promise<Readonly<Record<V, string>>> {
  const name = (version: string) => `node-${version.replaceAll('.', '-')}`
  const home = join(tmpdir(), `switchyard-nodes-${process.getuid?.() ?? 0}`)
  const programOf = (version: string) => join(home, name(version), 'bin', 'node')
  await mkdir(home, { recursive: true, mode: 0o700 })
  const missing = versions.filter(version => !existsSync(programOf(version)))
  if (missing.length > 0) {
    const work = await mkdtemp(join(home, '.install-'))
    await writeFile(join(work, 'package.json'), '{ "private": true }')
    const packages = missing.map(version => `${name(version)}@npm:node-linux-${arch()}@${version}`)
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: work })
    // Another process may have installed the same version meanwhile.
    for (const version of missing)
      await rename(join(work, 'node_modules', name(version)), join(home, name(version))).catch(() => undefined)
    await rm(work, { recursive: true })
  }
  return Object.fromEntries(versions.map(version => [version, programOf(version)])) as Record<V, string>
}
