/** Runs a program and measures how long it takes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

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
