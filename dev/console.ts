/** Uses a console as a person would: in a pseudo-terminal, one line and its result. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'

/** A line that is typed into a console. */
export interface ConsoleSession {
  readonly prompt: RegExp
  readonly line: string
  /** Its group is the result of the line. Must not match the echo of the line. */
  readonly result: RegExp
  /** Keys that end the console, each with the output to wait for before the next. */
  readonly exit: readonly { readonly keys: string; readonly shows?: RegExp }[]
}

/** Starts a command in a pseudo-terminal (script(1)). */
export function inTerminal(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const line = command.map(argument => `'${argument.replaceAll("'", "'\\''")}'`).join(' ')
  return spawn('script', ['-qec', line, '/dev/null'], { cwd, env, stdio: 'pipe' })
}

/**
 * Types the line, ends the console, and resolves to the line's result.
 *
 * @throws Error if the console ends before that
 */
export async function typeInto(
  console: ChildProcessWithoutNullStreams,
  { prompt, line, result, exit }: ConsoleSession,
): Promise<string> {
  let output = ''
  let check = () => {}
  console.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
    // A terminal tells where its cursor is when it is asked; irb waits for that.
    for (const _ of chunk.matchAll(/\x1b\[6n/g)) console.stdin.write('\x1b[1;1R')
    check()
  })
  const ended = once(console, 'close')
  const shown = () => stripVTControlCharacters(output).replaceAll('\r', '')
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      check = () => {
        const match = pattern.exec(shown())
        if (match) resolve(match)
      }
      check()
      void ended.then(() => reject(new Error(`The console ended without printing ${pattern}:\n${shown()}`)))
    })

  await says(prompt)
  console.stdin.write(`${line}\n`)
  // The console echoes the line first, and the next prompt shows that the result is complete.
  const answer = new RegExp(`${result.source}[^]*${prompt.source}`, result.flags)
  const [, value = ''] = await says(answer)
  for (const { keys, shows } of exit) {
    console.stdin.write(keys)
    if (shows) await says(shows)
  }
  await ended
  return value
}
