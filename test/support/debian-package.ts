/** Programs of Debian packages for tests, unpacked beside the project's other caches: nothing is installed, so no root is needed. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/switchyard-debian', import.meta.url))

/** Whether packages can be fetched here. In CI a failure is an error, so that no test is skipped unseen. */
export const hasDebianPackages = process.env.CI !== undefined || spawnSync('apt-get', ['--version']).status === 0

/** The folder of a package's programs: `/usr/bin` if they are installed, else that of the unpacked package. */
export async function programsOf(name: string, program = name): Promise<string> {
  if (existsSync(`/usr/bin/${program}`)) return '/usr/bin'
  const folder = join(CACHE, name)
  if (!existsSync(folder)) {
    await mkdir(CACHE, { recursive: true })
    const draft = await mkdtemp(join(CACHE, 'draft-'))
    try {
      await run('apt-get', ['download', name], { cwd: draft })
      const [archive = ''] = (await readdir(draft)).filter(file => file.endsWith('.deb'))
      await run('dpkg', ['-x', archive, 'unpacked'], { cwd: draft })
      await rename(join(draft, 'unpacked'), folder)
    } finally {
      await rm(draft, { recursive: true })
    }
  }
  return join(folder, 'usr/bin')
}
