/** `Host.attach`: connects the terminal of this program to a command on a machine. */
import type { ClientChannel, ExecOptions } from 'ssh2'
import { hostFaults } from '../faults.ts'
import { type Ending, isLost, type Machine } from '../machine.ts'
import { exitCode } from './run.ts'

/** Resolves to the exit code as a shell reports it: 128 plus the signal's number after a signal. */
export async function attach(machine: Machine, command: string): Promise<number> {
  const ending = await machine.attach(command)
  if (isLost(ending)) throw hostFaults.CONNECTION_LOST({ host: machine.name, during: command, reason: ending.lost })
  return exitCode(ending)
}

/**
 * Over SSH. Requests a terminal on the host if our input is one, so that the command handles Ctrl-C, colours and line editing; uses plain streams if our
 * input is a pipe or a file.
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
