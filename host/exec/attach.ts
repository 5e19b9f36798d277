/** Gives the terminal of this program to a command on a machine: `Host.attach`. */
import type { ClientChannel, ExecOptions } from 'ssh2'
import { hostFaults } from '../faults.ts'
import { type Ending, isLost, type Machine } from '../machine.ts'
import { exitCode } from './run.ts'

/** The exit code as a shell would show it. */
export async function attach(machine: Machine, command: string): Promise<number> {
  const ending = await machine.attach(command)
  if (isLost(ending)) throw hostFaults.CONNECTION_LOST({ host: machine.name, during: command, reason: ending.lost })
  return exitCode(ending)
}

/**
 * Over SSH: with a terminal there when there is one here, so that Ctrl-C, colours and line editing belong to the command; with
 * plain streams when our input is a pipe or a file.
 */
export async function attachChannel(
  open: (options: ExecOptions) => Promise<ClientChannel>,
  endingOf: (channel: ClientChannel) => Promise<Ending>,
): Promise<Ending> {
  const { stdin, stdout, stderr } = process
  const size = () => ({ rows: stdout.rows ?? 24, cols: stdout.columns ?? 80 })
  const channel = await open(stdin.isTTY ? { pty: { ...size(), term: process.env.TERM ?? 'xterm' } } : {})
  const resize = () => channel.setWindow(size().rows, size().cols, 0, 0)
  const ended = endingOf(channel)
  channel.on('error', () => undefined)
  channel.pipe(stdout, { end: false })
  channel.stderr.pipe(stderr, { end: false })
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    stdout.on('resize', resize)
  }
  stdin.pipe(channel)
  try {
    return await ended
  } finally {
    stdin.unpipe(channel)
    stdin.pause()
    stdout.off('resize', resize)
    if (stdin.isTTY) stdin.setRawMode(false)
  }
}
