/** Reads a line that a person types, in raw mode: what is typed is echoed by whoever draws the screen. */
import type { ReadStream } from 'node:tty'

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const BACKSPACE = ['\x7f', '\b']

/** Resolves to undefined when the person gives up with Ctrl-C, which then interrupts the program, or with Ctrl-D. */
export function readTyped(stdin: ReadStream, echo: (typed: string) => void): Promise<string | undefined> {
  return new Promise(resolve => {
    let typed = ''
    const end = (answer: string | undefined) => {
      stdin.off('data', read)
      stdin.setRawMode(false)
      stdin.pause()
      resolve(answer)
    }
    const read = (chunk: Buffer) => {
      for (const key of chunk.toString('utf8')) {
        if (key === '\r' || key === '\n') return end(typed)
        if (key === CTRL_C) {
          end(undefined)
          process.kill(process.pid, 'SIGINT')
          return
        }
        if (key === CTRL_D) return end(undefined)
        if (BACKSPACE.includes(key)) typed = typed.slice(0, -1)
        else if (key >= ' ') typed += key
        echo(typed)
      }
    }
    stdin.setRawMode(true)
    stdin.on('data', read)
    stdin.resume()
  })
}
