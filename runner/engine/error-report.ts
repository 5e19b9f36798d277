/** Turns anything that a task may throw into a report. */

import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { Report } from '../events.ts'
import { type Fault, isFault } from '../fault.ts'
import { runnerFaults } from '../faults.ts'
import { isOwnCode, packagePath } from '../package.ts'

/** The Taskfile, to find the place of an error in it. */
export interface Source {
  /** Shown paths are relative to this folder. */
  readonly folder: string
  /** The Taskfile and the files that it imports, as absolute paths. */
  readonly files: readonly string[]
}

export function report(thrown: unknown, source: Source): Report {
  if (isFault(thrown)) {
    const { code, exitCode, message, hint, detail, explained } = thrown
    return {
      ...{ code, exitCode, message, hint },
      ...(detail !== undefined && { detail }),
      ...(explained && { explained }),
    }
  }
  const lacking = missingPackage(thrown)
  if (lacking) return report(lacking, source)
  if (isProcessOutput(thrown)) return reportCommand(thrown, source)
  if (!(thrown instanceof Error))
    return {
      code: 'THROWN',
      exitCode: 1,
      message: `A task threw ${inspect(thrown)}, which is not an Error.`,
      hint: 'Throw an Error, which records where it was thrown.',
    }

  const at = placeIn(thrown, source)
  const cause = thrown.cause instanceof Error ? [`caused by ${thrown.cause.name}: ${thrown.cause.message}`] : []
  const parts =
    thrown instanceof AggregateError ? thrown.errors.map(error => `- ${error?.message ?? inspect(error)}`) : []
  const [first = '', ...more] = thrown.message.split('\n')
  const detail = [...more, ...parts, ...cause].join('\n')
  return {
    code: 'FAILED',
    exitCode: 1,
    message: thrown.name === 'Error' ? first : `${thrown.name}: ${first}`,
    hint: at === undefined ? 'Run it again with --verbose for the whole stack.' : `Look at ${at}.`,
    ...(detail !== '' && { detail }),
    ...(at !== undefined && { at }),
    ...(thrown.stack !== undefined && { stack: thrown.stack }),
  }
}

/** The fault for an import of switchyard that found no package, such as before `npm install`; undefined for other errors. */
export function missingPackage(thrown: unknown): Fault | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || thrown.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const [, name, importer] = /^Cannot find package '([^']+)' imported from (.+)$/.exec(thrown.message) ?? []
  if (name === undefined || !isOwnCode(importer ?? '')) return undefined
  return runnerFaults.PACKAGE_MISSING({ name, folder: packagePath('').replace(/\/$/, '') }, thrown)
}

/** The used fields of zx's error. zx itself is not imported, because errors are reported also without it. */
interface ProcessOutput extends Error {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

const isProcessOutput = (thrown: unknown): thrown is ProcessOutput =>
  thrown instanceof Error && Object.prototype.toString.call(thrown) === '[object ProcessOutput]'

/** Reports an error of zx; parses the `command:` and `host:` lines that our local and remote shells add to it. */
function reportCommand(thrown: ProcessOutput, source: Source): Report {
  if (isFault(thrown.cause)) return report(thrown.cause, source)
  const from = /\n {4}at (.*)\n {4}command: ([\s\S]*?)(?:\n {4}host: (.*))?(?:\n {4}exit code: .*[\s\S]*)?$/.exec(
    `\n${thrown.message}`,
  )
  const [, place, command, host] = from ?? []
  const at = place === undefined ? undefined : shown(place, source)
  const [firstLine = '', second] = (command ?? 'A command').split('\n')
  const name = command === undefined ? firstLine : `\`${firstLine}${second === undefined ? '' : ' ...'}\``
  const cause = thrown.cause instanceof Error ? thrown.cause.message : undefined
  const how = thrown.signal
    ? `was ended by ${thrown.signal}`
    : thrown.exitCode === null
      ? `could not be run: ${cause ?? 'no reason given'}`
      : `failed with exit code ${thrown.exitCode}`
  const output = tail(thrown.stderr.trim() === '' ? thrown.stdout : thrown.stderr, 20)
  const lines = [
    ...(at === undefined ? [] : [`at ${at}`]),
    ...(second === undefined ? [] : [`command: ${command}`]),
    ...(output === '' ? [] : [output]),
  ]
  return {
    code: 'COMMAND_FAILED',
    exitCode: 1,
    message: `${name} ${how}${host === undefined ? '' : ` on ${host}`}.`,
    hint: `Run that command by itself${host === undefined ? '' : ` on ${host}`}, or this task with --verbose, to see all of its output.`,
    ...(lines.length > 0 && { detail: lines.join('\n') }),
    ...(at !== undefined && { at }),
    ...(command !== undefined && { command }),
  }
}

const tail = (text: string, lines: number) => text.trimEnd().split('\n').slice(-lines).join('\n')

/** The first stack frame in the Taskfile or a file that it imports. */
function placeIn(error: Error, source: Source): string | undefined {
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line))
  const own = frames.find(frame => source.files.some(file => frame.includes(`${file}:`)))
  return own === undefined ? undefined : shown(own, source)
}

/** Shortens `async Object.run (file:///x/Taskfile.ts:3:5)` to `Taskfile.ts:3:5`. */
function shown(frame: string, { folder }: Source): string {
  const place = /\(?((?:file:\/\/)?[^()]*?:\d+:\d+)\)?$/.exec(frame.trim().replace(/^at (?:async )?/, ''))?.[1]
  if (place === undefined) return frame.trim()
  const [, file = '', position = ''] = /^(.*?)(:\d+:\d+)$/.exec(place) ?? []
  const path = file.startsWith('file://') ? fileURLToPath(file) : file
  const short = relative(folder, path)
  return `${short.startsWith('../..') || short === '' ? path : short}${position}`
}
