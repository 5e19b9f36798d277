/** Runs a program to its end, and says how long that took. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Ran {
  /** Wall time of the whole process, in milliseconds. */
  readonly ms: number
  readonly stdout: string
}

export interface RunSetting {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
}

/** Throws with all that it said when it fails: a failed run is no measurement. */
export async function timed(program: string, words: readonly string[], setting: RunSetting = {}): Promise<Ran> {
  const { cwd, env = process.env, input } = setting
  const began = performance.now()
  const child = spawn(program, words, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
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
  const ms = performance.now() - began
  if (code !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
  return { ms, stdout }
}
