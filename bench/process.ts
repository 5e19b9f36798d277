/** Runs a program and measures how long it takes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PEAK = new URL('peak.mjs', import.meta.url).href

export interface Ran {
  /** Wall time of the whole process, in milliseconds. */
  readonly ms: number
  readonly stdout: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
}

/** @throws Error with the output if the program fails, because a failed run is not a measurement */
export async function timed(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, env = process.env, input } = options
  const startedAt = performance.now()
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  child.stdin.on('error', () => undefined).end(input)
  const [code] = await once(child, 'close')
  const ms = performance.now() - startedAt
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed with exit code ${code}:\n${stdout}${stderr}`)
  return { ms, stdout }
}

/** What a process used, without its children. */
export interface Usage extends Ran {
  /** Peak memory in bytes. */
  readonly peak: number
  /** Processor time in milliseconds. */
  readonly processor: number
}

/** As `timed`, for a Node program. */
export async function timedUsage(
  args: readonly string[],
  { env = process.env, ...options }: RunOptions,
): Promise<Usage> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-peak-'))
  const file = join(folder, 'peak')
  try {
    const ran = await timed(process.execPath, ['--import', PEAK, ...args], {
      ...options,
      env: { ...env, PEAK_FILE: file },
    })
    const [kib, processor] = (await readFile(file, 'utf8')).split(' ').map(Number)
    return { ...ran, peak: (kib ?? 0) * 1024, processor: processor ?? 0 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
