/**
 * Commands in a container, as root, through shells that stay open. `docker exec` costs a tenth of a second of processor time each time, and a test asks its
 * host hundreds of questions while it waits for something.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ContainerShells {
  /** Runs a line of bash to its end. Rejects only when the container ends meanwhile. */
  exec(command: string): Promise<Outcome>
  /** Ends the shells that are open. */
  close(): void
}

/**
 * Reads the length of a command in bytes and the command, runs it in a bash of its own, and answers with exit code, lengths and both outputs. The outputs are
 * files, so a process that the command leaves in the background keeps nobody waiting.
 */
const SERVE = `
folder=$(mktemp -d /dev/shm/shell.XXXXXX) || exit
trap 'rm -rf "$folder"' EXIT
while read -r length && LC_ALL=C IFS= read -r -d '' -N "$length" command; do
  code=0
  bash -c "$command" < /dev/null > "$folder/out" 2> "$folder/err" || code=$?
  sizes=$(stat -c %s "$folder/out" "$folder/err")
  printf '%s %s\\n' "$code" "\${sizes/$'\\n'/ }"
  cat "$folder/out" "$folder/err"
done`

interface Shell {
  readonly process: ChildProcessByStdio<Writable, Readable, null>
  /** Rejects when it has ended. */
  readonly ended: Promise<never>
}

/** @param container the name or id of a running container that has bash */
export function containerShells(container: string): ContainerShells {
  const idle = new Set<Shell>()
  const open = new Set<Shell>()

  function start(): Shell {
    const process = spawn('docker', ['exec', '-i', container, 'bash', '--norc', '-c', SERVE], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    // What cannot be written any more is reported by `ended`.
    process.stdin.on('error', () => undefined)
    const ended = once(process, 'exit').then(([code]) => {
      open.delete(shell)
      idle.delete(shell)
      throw new Error(`The shell in the container ended with ${code} before it answered.`)
    })
    ended.catch(() => undefined)
    const shell = { process, ended }
    open.add(shell)
    return shell
  }

  return {
    async exec(command) {
      const [shell = start()] = idle
      idle.delete(shell)
      const { stdin, stdout } = shell.process
      const answer = readAnswer(stdout)
      stdin.write(`${Buffer.byteLength(command)}\n${command}`)
      keepsAlive(shell, true)
      const outcome = await Promise.race([answer, shell.ended])
      keepsAlive(shell, false)
      idle.add(shell)
      return outcome
    },
    close() {
      for (const { process } of open) process.stdin.end()
    },
  }
}

/** An idle shell does not keep this process from ending. */
function keepsAlive({ process }: Shell, yes: boolean): void {
  // The pipes of a child are sockets, which its types do not say.
  for (const handle of [process, process.stdin as Socket, process.stdout as Socket]) yes ? handle.ref() : handle.unref()
}

/** Reads one answer of a shell. */
function readAnswer(from: Readable): Promise<Outcome> {
  const chunks: Buffer[] = []
  return new Promise(resolve => {
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      const read = Buffer.concat(chunks)
      const head = read.indexOf('\n')
      const [code = 0, out = 0, err = 0] = read.subarray(0, head).toString().split(' ').map(Number)
      const body = read.subarray(head + 1)
      if (head < 0 || body.length < out + err) return
      from.off('data', onData)
      resolve({ code, stdout: body.toString('utf8', 0, out), stderr: body.toString('utf8', out, out + err) })
    }
    from.on('data', onData)
  })
}
