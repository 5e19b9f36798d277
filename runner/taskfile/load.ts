/** Finds, compiles and loads a Taskfile. esbuild is loaded only if one of its source files has changed. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cacheFolders } from '../cache-folders.ts'
import { type Commands, commandsOf } from '../cli/commands-of.ts'
import { nearest } from '../cli/suggest.ts'
import { missingPackage } from '../engine/error-report.ts'
import { Fault, isFault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'
import { isSource, manifest, packageUrl } from '../package.ts'
import { deferred, nextTurn } from '../promises.ts'
import { type Entry, findEntry, store } from './cache.ts'
import { codeFrame } from './code-frame.ts'
import { mapStackTraces } from './stack-traces.ts'

export interface Taskfile {
  /** Absolute path. */
  readonly file: string
  readonly folder: string
  /** The Taskfile and the files that it imports, absolute. */
  readonly files: readonly string[]
  readonly commands: Commands
}

/** The names that a Taskfile may have, in the order in which they are looked for. */
export const TASKFILES: readonly string[] = ['Taskfile.ts', 'Taskfile.mts', 'Taskfile.js', 'Taskfile.mjs']

/**
 * The nearest Taskfile, from the working folder upwards, or the one at the given path: a file, or a folder that contains one.
 *
 * @throws TASKFILE_MISSING
 */
export function findTaskfile(cwd: string, named: string | undefined): string {
  if (named !== undefined) {
    const path = resolve(cwd, named)
    const found = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? within(path) : path
    if (found === undefined || !existsSync(found)) throw runnerFaults.TASKFILE_MISSING({ from: named, named: true })
    return found
  }
  const found = nearestTaskfile(cwd)
  if (found === undefined) throw runnerFaults.TASKFILE_MISSING({ from: cwd, named: false })
  return found
}

const within = (folder: string) => TASKFILES.map(name => join(folder, name)).find(path => existsSync(path))

/** The Taskfile in this folder or in the nearest one above that has one. */
export function nearestTaskfile(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const found = within(folder)
    if (found !== undefined || folder === dirname(folder)) return found
  }
}

/**
 * Loads a Taskfile, from the cache if possible.
 *
 * @throws TASKFILE_BROKEN if it cannot be compiled, TASKFILE_FAILED if it throws, TASKFILE_EMPTY, and the faults of `commandsOf`
 */
export async function loadTaskfile(file: string, env: Readonly<Record<string, string | undefined>>): Promise<Taskfile> {
  const folders = cacheFolders(dirname(file), env)
  const of = JSON.stringify([file, index.href, version(), process.version])
  const entry = findEntry(folders, of) ?? (await compiled(file, folders, of))
  const files = entry.inputs.filter(path => !path.endsWith('/package.json') && path !== fileURLToPath(index))
  const module = pathToFileURL(entry.module).href
  mapStackTraces(module)
  const exported = await watchLoading(import(module), file).catch(async (error: unknown) => {
    throw await failure(error, file, files)
  })
  const commands = commandsOf(exported, readFileSync(file, 'utf8'))
  if (commands.size === 0) throw runnerFaults.TASKFILE_EMPTY({ file: shown(file) })
  import.meta.keepCode?.()
  return { file, folder: dirname(file), files, commands }
}

async function compiled(file: string, folders: readonly string[], of: string): Promise<Entry> {
  const { compile } = await import('./compile.ts')
  return store(folders, of, await compile(file, index))
}

/** Our own public surface. */
const index = packageUrl(isSource ? 'index.ts' : 'dist/index.js')

/** The version of this package. */
export const version = (): string => manifest().version

const shown = (file: string) => relative(process.cwd(), file)

/** Also rejects on an uncaught error, and if the event loop is empty, because the process would end without a message. */
async function watchLoading<T>(loading: Promise<T>, file: string): Promise<T> {
  const stray = deferred<never>()
  const starve = () =>
    stray.reject(
      runnerFaults.TASKFILE_FAILED({ file: shown(file), reason: 'it is waiting for a promise that can never settle' }),
    )
  process.on('uncaughtException', stray.reject).on('beforeExit', starve)
  try {
    const loaded = await Promise.race([loading, stray.promise])
    // Node reports an unhandled rejection in the next tick.
    await Promise.race([nextTurn(), stray.promise])
    return loaded
  } finally {
    process.off('uncaughtException', stray.reject).off('beforeExit', starve)
  }
}

/** The fault for an error while loading, with its place in the Taskfile. A fault of a factory keeps its message and gets the place. */
async function failure(error: unknown, file: string, files: readonly string[]): Promise<unknown> {
  if (isFault(error)) return placed(error, files)
  const lacking = missingPackage(error)
  if (lacking) return lacking
  if (!(error instanceof Error))
    return runnerFaults.TASKFILE_FAILED({ file: shown(file), reason: String(error) }, error)
  const reason = `${error.name}: ${error.message}`
  const place = placeIn(error.stack ?? '', files) ?? importPlace(error.message, files)
  if (!place) return runnerFaults.TASKFILE_FAILED({ file: shown(file), reason }, error)
  const frame = codeFrame(readFileSync(place.file, 'utf8'), place.line, place.column)
  return runnerFaults.TASKFILE_FAILED(
    {
      ...{ file: shown(file), place: { ...place, file: shown(place.file) }, reason, frame },
      ...(error instanceof ReferenceError && (await meantBy(error))),
    },
    error,
  )
}

/** What a name that is not defined may be: one of ours that is not imported, or one of ours that is misspelt. */
async function meantBy({ message }: ReferenceError): Promise<Pick<TaskfileFailed, 'unimported' | 'near'>> {
  const name = /^([\w$]+) is not defined$/.exec(message)?.[1]
  if (name === undefined) return {}
  const names = Object.keys(await import(index.href))
  return names.includes(name) ? { unimported: { name, from: manifest().name } } : { near: nearest(name, names) }
}

type TaskfileFailed = Parameters<typeof runnerFaults.TASKFILE_FAILED>[0]

/** The same fault with the place of the call that threw it, or of the option that it is about. */
function placed(fault: Fault, files: readonly string[]): Fault {
  const called = placeIn(fault.stack ?? '', files)
  if (!called) return fault
  const source = readFileSync(called.file, 'utf8')
  const { line, column } = fieldPlace(source, called, fault.field ?? [])
  const detail = [codeFrame(source, line, column), fault.detail].filter(part => part !== undefined).join('\n')
  const message = `${shown(called.file)}:${line}:${column}  ${fault.message}`
  const { code, exitCode, hint, explained } = fault
  return new Fault(code, exitCode, message, hint, { detail, cause: fault, explained })
}

/** The place of an option in a call; the place of the call itself if it is not found, as when the options are defined elsewhere. */
function fieldPlace(source: string, call: Position, field: readonly string[]): Position {
  const lines = source.split('\n')
  let at = lines.slice(0, call.line - 1).join('\n').length + call.column - 1
  const end = endOfCall(source, at)
  let found = false
  for (const name of field) {
    const word = name.replace(/[^\w]/g, '\\$&')
    const next = new RegExp(`(?<![\\w$.])(?:${word}|'${word}'|"${word}")\\s*[:,}(]`).exec(source.slice(at, end))
    if (!next) continue
    at += next.index
    found = true
  }
  if (!found) return call
  const before = source.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

/** The position of the closing parenthesis of a call. Ignores brackets in strings and comments. */
function endOfCall(source: string, call: number): number {
  const parts = /(["'`])(?:\\[\s\S]|(?!\1)[^\\])*\1|\/\/.*|\/\*[\s\S]*?\*\/|([([{])|([)\]}])/g
  parts.lastIndex = call
  let depth = 0
  for (let part = parts.exec(source); part; part = parts.exec(source)) {
    if (part[2]) depth += 1
    if (part[3]) depth -= 1
    if (part[3] && depth <= 0) return part.index
  }
  return source.length
}

interface Position {
  readonly line: number
  readonly column: number
}

interface Found extends Position {
  readonly file: string
}

function placeIn(stack: string, files: readonly string[]): Found | undefined {
  for (const frame of stack.split('\n').filter(line => /^\s+at /.test(line))) {
    const [, path = '', line, column] = /\(?((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(frame) ?? []
    const file = path.startsWith('file://') ? fileURLToPath(path) : path
    if (files.includes(file)) return { file, line: Number(line), column: Number(column) }
  }
  return undefined
}

/** The place of the import of a name that a module does not export. That error has no stack frame, because it comes before any code runs. */
function importPlace(message: string, files: readonly string[]): Found | undefined {
  const name = /does not provide an export named '([\w$]+)'/.exec(message)?.[1]
  if (name === undefined) return undefined
  const statement = new RegExp(
    `^(?:import|export)\\b[^;'"]*?(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])[^;'"]*from`,
    'm',
  )
  for (const file of files) {
    const source = readFileSync(file, 'utf8')
    const start = source.search(statement)
    if (start < 0) continue
    const before = source.slice(0, source.indexOf(name, start)).split('\n')
    return { file, line: before.length, column: (before.at(-1) ?? '').length + 1 }
  }
  return undefined
}
