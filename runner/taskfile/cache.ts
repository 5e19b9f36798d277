/**
 * The cache of compiled Taskfiles. An entry is valid as long as the content of all its source files is unchanged. Files are written atomically, through a
 * temporary file that is renamed.
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A compiled module on disk. */
export interface Entry {
  /** Absolute path of the module. */
  readonly module: string
  /** Absolute paths of its source files. */
  readonly inputs: readonly string[]
}

interface Stored {
  /** What the module is compiled from and for. */
  readonly of: string
  readonly module: string
  /** The content by path: to compare it costs less than to load what makes a hash of it. */
  readonly inputs: Readonly<Record<string, string>>
}

/** Milliseconds to keep a replaced module, which another run may be about to load. */
const KEEP = 3_600_000

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')

/** A file name for a text. Two texts may have the same one, so that an entry says what it is of. */
function nameFor(text: string): string {
  let hash = 0
  for (const character of text) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0
  return hash.toString(36)
}

/** @param of what the module is compiled from and for: any text that differs if that does */
export function findEntry(folders: readonly string[], of: string): Entry | undefined {
  for (const folder of folders) {
    const stored = read(join(folder, `${nameFor(of)}.json`))
    if (stored?.of !== of) continue
    const module = join(folder, stored.module)
    const inputs = Object.entries(stored.inputs)
    if (existsSync(module) && inputs.every(([path, content]) => contentOf(path) === content))
      return { module, inputs: inputs.map(([path]) => path) }
  }
  return undefined
}

/** Stores a module in the first writable folder; without one, in a temporary folder for this run. */
export async function store(
  folders: readonly string[],
  of: string,
  { code, inputs }: { readonly code: string; readonly inputs: readonly string[] },
): Promise<Entry> {
  const key = nameFor(of)
  const name = `${key}.${sha256(code).slice(0, 16)}.mjs`
  const contents = Object.fromEntries(inputs.map(path => [path, contentOf(path) ?? '']))
  for (const folder of folders) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeAtomically(join(folder, name), code)
      await writeAtomically(
        join(folder, `${key}.json`),
        JSON.stringify({ of, module: name, inputs: contents } satisfies Stored),
      )
      await removeOld(folder, key, name)
      return { module: join(folder, name), inputs }
    } catch {
      // Try the next folder.
    }
  }
  const module = join(await mkdtemp(join(tmpdir(), 'switchyard-')), name)
  await writeFile(module, code)
  return { module, inputs }
}

function read(path: string): Stored | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`
  await writeFile(temporary, text, { mode: 0o600 })
  await rename(temporary, path)
}

/** Removes the modules of earlier versions of this Taskfile. */
async function removeOld(folder: string, key: string, current: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${key}.`) || name === current || name === `${key}.json`) continue
    const path = join(folder, name)
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs
    if (age > KEEP) await rm(path, { force: true })
  }
}
