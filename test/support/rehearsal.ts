/** `npm run rehearse` as a process, and what it leaves behind. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOME } from '../../dev/paths.ts'
import { type Running, runProgram } from '../../dev/site.ts'

export interface Rehearsals extends AsyncDisposable {
  /** The temporary folder for the rehearsals, which shows what they leave behind. */
  readonly temporary: string
  start(...flags: string[]): Running
  /** Their folders that are there. */
  left(): Promise<readonly string[]>
}

export async function rehearsals(): Promise<Rehearsals> {
  const temporary = await mkdtemp(join(tmpdir(), 'switchyard-rehearse-'))
  return {
    temporary,
    // As `npm run rehearse` does. The program `tsx` would kill it if it takes more than some milliseconds to handle a signal, as on a busy machine.
    start: (...flags) =>
      runProgram(HOME, { ...process.env, CI: '1', TMPDIR: temporary }, [
        '--import',
        'tsx',
        join(HOME, 'vagrant', 'rehearse.ts'),
        ...flags,
      ]),
    left: async () => (await readdir(temporary)).filter(name => /^switchyard-(?:host|rehearsal)/.test(name)),
    [Symbol.asyncDispose]: () => rm(temporary, { recursive: true, force: true }),
  }
}
