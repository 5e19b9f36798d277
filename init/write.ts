/** Writes the planned files. A file that exists is never overwritten. */
import { existsSync, readFileSync } from 'node:fs'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { initFaults as faults } from './faults.ts'
import type { PlannedFile } from './files.ts'

export interface Outcome {
  readonly path: string
  /** `complete`: it has been there, with all lines of ours. `untouched`: it needs none of them. */
  readonly state: 'written' | 'completed' | 'complete' | 'kept' | 'untouched'
  /** Lines of ours that a kept file does not have. */
  readonly missing: readonly string[]
}

/** What would happen, or has happened, to each file. @throws INIT_WRITE_FAILED */
export async function writeAll(
  folder: string,
  files: readonly PlannedFile[],
  { dryRun, log }: { readonly dryRun: boolean; log(line: string): void },
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const file of files) {
    const outcome = outcomeOf(folder, file)
    outcomes.push(outcome)
    if (outcome.state !== 'written' && outcome.state !== 'completed') continue
    if (dryRun) log(`would ${outcome.state === 'written' ? 'write' : 'append to'} ${file.path}:\n${shown(file)}`)
    else await write(join(folder, file.path), file)
  }
  return outcomes
}

const shown = ({ text, secret }: PlannedFile): string =>
  text
    .trimEnd()
    .split('\n')
    .map(line => `  ${secret ? line.replace(/=.*/, '=...') : line}`)
    .join('\n')

function outcomeOf(folder: string, { path, text, how, own }: PlannedFile): Outcome {
  const existing = existsSync(join(folder, path)) ? read(join(folder, path)) : undefined
  if (existing === undefined) return { path, state: text === '' ? 'complete' : 'written', missing: [] }
  if (own) return { path, state: existing === text ? 'complete' : 'untouched', missing: [] }
  if (how === 'append') return { path, state: text === '' ? 'complete' : 'completed', missing: [] }
  const missing = missingLines(text, existing)
  return { path, state: missing.length === 0 ? 'complete' : 'kept', missing }
}

/** The lines of a text that another lacks, whatever their indentation, and none that only has brackets or a comment. */
export function missingLines(wanted: string, existing: string): string[] {
  const plain = (line: string) => line.trim().replace(/,$/, '')
  const has = new Set(existing.split('\n').map(plain))
  return wanted.split('\n').filter(line => /\w/.test(line) && !/^\s*(?:#|\/\/)/.test(line) && !has.has(plain(line)))
}

async function write(path: string, { text, how, mode }: PlannedFile): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const existing = how === 'append' && existsSync(path) ? read(path) : undefined
    if (existing === undefined) return await writeFile(path, text, { flag: 'wx', ...(mode !== undefined && { mode }) })
    const end = existing.includes('\r\n') ? '\r\n' : '\n'
    await appendFile(path, (existing === '' || existing.endsWith('\n') ? '' : end) + text.replaceAll('\n', end))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const known = {
      EEXIST: 'something else is in its way',
      EACCES: 'permission denied',
      ENOTDIR: 'a file is in its way',
    }
    throw faults.INIT_WRITE_FAILED({ path, why: known[code as keyof typeof known] ?? message }, error)
  }
}

/** '' for something that cannot be read, such as a folder: it is kept as well. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
