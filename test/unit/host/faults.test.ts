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
    'one that took too long',
    (command: string) => hostFaults.COMMAND_TIMED_OUT({ host: 'web', command, timeout: 1, stderr: 'why' }),
  ],
  ['one that was interrupted', (command: string) => hostFaults.COMMAND_INTERRUPTED({ host: 'web', command })],
  ['one that was not run', (command: string) => hostFaults.COMMAND_SKIPPED({ host: 'web', command, after: command })],
  [
    'one whose connection was lost',
    (during: string) => hostFaults.CONNECTION_LOST({ host: 'web', during, reason: 'cut' }),
  ],
  ['one that was asked for too late', (during: string) => hostFaults.HOST_CLOSED({ host: 'web', during })],
])('%s is told with one short line of it', (_, made) => {
  for (const command of [long, wide, `\n${long}`]) {
    const { message, hint: next, detail = '' } = made(command)
    for (const words of [message, next]) {
      expect(words).not.toContain('\n')
      expect(words.length).toBeLessThan(300)
    }
    expect(message).toMatch(/# a script \.\.\.|printf %s x+ \.\.\./)
    expect(['', 'why']).toContain(detail)
  }
  expect(made('systemctl start life').message).toMatch(/systemctl start life(?! \.\.\.)/)
})
