/** Debian's chromium, to look at a page as a person would. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

const installed = (): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap(folder => NAMES.map(name => join(folder, name)))
    .find(existsSync)

/** The program, installed when that is possible here, or why there is none. */
export async function findChromium(): Promise<{ readonly program: string } | { readonly missing: string }> {
  const found = installed()
  if (found) return { program: found }
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return { missing: 'no chromium, and it can be installed only as root on Debian' }
  await run('apt-get', ['update', '-q']).catch(() => undefined)
  const words = ['install', '-y', '-q', '--no-install-recommends', 'chromium']
  await run('apt-get', words, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).catch(() => undefined)
  const now = installed()
  return now ? { program: now } : { missing: 'no chromium, and apt-get did not install it' }
}

/** Looks at a page without a network; `dump` gives the document after layout, else a screenshot is written. */
export async function look(program: string, page: string, words: readonly string[]): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), 'switchyard-chromium-'))
  try {
    const { stdout } = await run(
      program,
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run'],
        ...[`--user-data-dir=${profile}`, '--window-size=1100,980', '--virtual-time-budget=1000'],
        ...['--host-resolver-rules=MAP * ~NOTFOUND', ...words, pathToFileURL(page).href],
      ],
      { timeout: 90_000, maxBuffer: 16 * 1024 * 1024 },
    )
    return stdout
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
