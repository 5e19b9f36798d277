/** Reads a line from the terminal in raw mode. The renderer echoes the typed text. */
import type { ReadStream } from 'node:tty'

/** Asks a question on a terminal, in a line that ends with the typed answer. */
export async function askOn(
  out: (text: string) => void,
  question: string,
  read: ReadTyped | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!read) return undefined
  const last = `${question.split('\n').at(-1)} `
  out(`${question} `)
  // biome-ignore lint/nursery/useAwaitThenable: it returns a promise, whose type the rule does not resolve.
  const answer = await read(typed => out(`\r${last}${typed} \b`), signal)
  out('\n')
  return answer
}

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const BACKSPACE = ['\x7f', '\b']

/** Resolves to the typed line; to undefined after Ctrl-D, the end of stdin, or an abort of the signal. */
export type ReadTyped = (echo: (typed: string) => void, signal: AbortSignal) => Promise<string | undefined>

/** Ctrl-C sends SIGINT to this process, whose handler aborts `signal`. */
export function readTyped(
  stdin: Pick<ReadStream, 'on' | 'off' | 'setRawMode' | 'pause' | 'resume'>,
  echo: (typed: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise(resolve => {
    let typed = ''
    const end = (answer: string | undefined) => {
      stdin.off('data', read).off('end', giveUp)
      signal.removeEventListener('abort', giveUp)
      stdin.setRawMode(false)
      stdin.pause()
      resolve(answer)
    }
    const giveUp = () => end(undefined)
    const read = (chunk: Buffer) => {
      for (const key of chunk.toString('utf8')) {
        if (key === '\r' || key === '\n') return end(typed)
        if (key === CTRL_D) return giveUp()
        if (key === CTRL_C) process.kill(process.pid, 'SIGINT')
        else if (BACKSPACE.includes(key)) typed = typed.slice(0, -1)
        else if (key >= ' ') typed += key
        echo(typed)
      }
    }
    if (signal.aborted) return resolve(undefined)
    signal.addEventListener('abort', giveUp)
    stdin.setRawMode(true)
    stdin.on('data', read).on('end', giveUp)
    stdin.resume()
  })
}
