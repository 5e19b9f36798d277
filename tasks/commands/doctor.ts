import { checkTable } from '../../slots/preflight/checks.ts'
import { assertFit, preflight as look } from '../../slots/preflight/preflight.ts'
import type { TaskDeps } from '../context.ts'

export const doctor = <S extends string>({ task }: TaskDeps<S>) =>
  task('Examine the host', {
    description:
      'Which slot is live, the router, what setup made, sudo, disk, ports, who listens to the world, environment, clock.\n' +
      'Exits with 3 when a check fails. With --json the checks as data.',
    examples: ['doctor', 'doctor --json'],
    async run({ note, show, ...ground }) {
      const checks = await look(ground)
      const count = (result: string) => checks.filter(check => check.result === result).length
      note(`${count('ok')} good, ${count('warn')} to look at, ${count('fail')} failed`)
      show(columns => checkTable(checks, columns), { checks })
      assertFit(ground.host, checks, undefined)
    },
  })
