import { checkTable } from '../../slots/preflight/checks.ts'
import { assertFit, preflight } from '../../slots/preflight/preflight.ts'
import type { TaskDeps } from '../context.ts'

export const doctor = <S extends string>({ task }: TaskDeps<S>) =>
  task('Examine the host', {
    description:
      'Checks which slot is live, the router, the files of setup, sudo, disk, ports, public listeners, environment and clock.\n' +
      'Exits with 3 if a check fails. --json prints the checks as data.',
    examples: ['doctor', 'doctor --json'],
    secrets: true,
    async run({ note, show, ...context }) {
      const checks = await preflight(context)
      const count = (result: string) => checks.filter(check => check.result === result).length
      note(`${count('ok')} passed, ${count('warn')} warnings, ${count('fail')} failed`)
      show(columns => checkTable(checks, columns), { checks })
      assertFit(context.host, checks, undefined)
    },
  })
