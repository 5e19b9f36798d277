import { expect, test } from 'vitest'
import { hostFaults } from '../../../host/faults.ts'

const long = `# a script\n${'printf %s "$value"\n'.repeat(70)}`
const wide = `printf %s ${'x'.repeat(5_000)}`

test.each([
  [
    'a command that failed',
    (command: string) => hostFaults.COMMAND_FAILED({ host: 'web', command, code: 1, stderr: 'why' }),
  ],
  [
    'a command that timed out',
    (command: string) => hostFaults.COMMAND_TIMED_OUT({ host: 'web', command, timeout: 1, stderr: 'why' }),
  ],
  ['a command that was interrupted', (command: string) => hostFaults.COMMAND_INTERRUPTED({ host: 'web', command })],
  [
    'a command that was skipped',
    (command: string) => hostFaults.COMMAND_SKIPPED({ host: 'web', command, after: command }),
  ],
  [
    'a command whose connection was lost',
    (during: string) => hostFaults.CONNECTION_LOST({ host: 'web', during, reason: 'cut' }),
  ],
  ['a command on a closed host', (during: string) => hostFaults.HOST_CLOSED({ host: 'web', during })],
])('the fault for %s quotes only one short line of the command', (_, made) => {
  for (const command of [long, wide, `\n${long}`]) {
    const { message, hint, detail = '' } = made(command)
    for (const text of [message, hint]) {
      expect(text).not.toContain('\n')
      expect(text.length).toBeLessThan(300)
    }
    expect(message).toMatch(/# a script \.\.\.|printf %s x+ \.\.\./)
    expect(['', 'why']).toContain(detail)
  }
  expect(made('systemctl start life').message).toMatch(/systemctl start life(?! \.\.\.)/)
})
