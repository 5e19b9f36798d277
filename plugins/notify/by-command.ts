/** Notifications by a command on this machine, such as `mail`. */
import { spawn } from 'node:child_process'
import { call, checked, fields, optional, text } from '../../runner/taskfile/shape.ts'
import { variablesOfFacts } from '../../slots/facts.ts'
import { type Notifier, type NotifierOptions, textOf } from '../../slots/notify/notifier.ts'

/**
 * Runs a command with the text as its input, and what is known about the run in its environment: `TASK_EVENT`, `TASK_RESULT` and the variables of hooks.
 *
 * @example notify: [byCommand('mail -s "$TASK_APP: $TASK_EVENT $TASK_RESULT" team@example.com')]
 */
export function byCommand(command: string, options: NotifierOptions = {}): Notifier {
  checked('byCommand()', text, command)
  const { text: textFor = textOf } = checked(
    'byCommand()',
    fields<NotifierOptions>({ text: optional(call('a function')) }),
    options,
  )
  return {
    name: `\`${/^\S+/.exec(command.trim())?.[0] ?? 'a command'}\``,
    secrets: [],
    async send(notification, signal) {
      const { event, result, error } = notification
      const env = {
        ...process.env,
        ...variablesOfFacts(notification),
        TASK_EVENT: event,
        TASK_RESULT: result,
        TASK_ERROR: error?.code ?? '',
      }
      // A process group of its own, so that what the shell started ends with it.
      const child = spawn('/bin/sh', ['-c', command], { env, detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
      child.stdin.on('error', () => undefined)
      child.stdin.end(`${textFor(notification)}\n`)
      const code = await new Promise<number | null>((resolve, reject) => {
        const end = () => {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
          reject(signal.reason)
        }
        signal.addEventListener('abort', end, { once: true })
        child.once('error', reject).once('close', code => {
          signal.removeEventListener('abort', end)
          resolve(code)
        })
      })
      if (code !== 0) throw new Error(`it exited with ${code}`)
    },
  }
}
