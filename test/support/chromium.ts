/** Opens pages in Debian's chromium. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from '../../dev/install.ts'

const run = promisify(execFile)

export const findChromium = () => findProgram('chromium', 'chromium-browser', 'google-chrome')

/** Opens a local page without a network, with further flags of chromium. Resolves to stdout, which with `--dump-dom` is the rendered document. */
export async function openPage(program: string, page: string, flags: readonly string[]): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), 'switchyard-chromium-'))
  try {
    const { stdout } = await run(
      program,
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run'],
        ...[`--user-data-dir=${profile}`, '--window-size=1100,980', '--virtual-time-budget=1000'],
        ...['--host-resolver-rules=MAP * ~NOTFOUND', ...flags, pathToFileURL(page).href],
      ],
      { timeout: 90_000, maxBuffer: 16 * 1024 * 1024 },
    )
    return stdout
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
