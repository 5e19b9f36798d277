import { arg } from '../runner/args.ts'
import { slotFaults } from '../slots/faults.ts'
import { append } from '../slots/journal/journal.ts'
import { facts, install, mayLock, plan } from '../slots/setup.ts'
import { adopt } from '../slots/start/adopt.ts'
import type { Parts } from './context.ts'
import { inLine, lockWait } from './take-lock.ts'

export const setup = <S extends string>({ task }: Parts<S>) =>
  task('Prepare the host', {
    about:
      'Makes the folders, and installs the units, the site and the sudoers file. Does nothing the second time.\n' +
      'With --dry-run it prints the difference that it would make.',
    examples: ['setup --dry-run', 'setup --adopt'],
    args: {
      adopt: arg.flag('Take over the application that runs on the port of the first slot, without a restart'),
      lockWait,
    },
    async run({ app, provisions, dryRun, note, show, lock, lockWait, adopt: adopting, ...ground }) {
      const { host, layout, slots, deploy } = ground
      // The very first setup makes the folder that a lock stands in.
      if (await mayLock(host, layout)) await lock.take(inLine(lockWait, ground))
      const found = await facts(host, provisions)
      const [planned, [conflict] = []] = await Promise.all([
        plan(host, { app, layout, slots, provisions: provisions(found), facts: found }),
        ground.router.conflicts?.(),
      ])
      if (conflict) throw conflict
      const news = planned.folders.length + planned.files.length + planned.links.length
      for (const line of planned.notes) show(line)
      if (dryRun) return show(planned.text || 'Nothing would change.')
      if (!found.root && news > 0) throw slotFaults.SETUP_NEEDS_ROOT({ user: found.user })
      await install(host, planned, () => (adopting ? adopt(ground) : undefined))
      note(`${planned.folders.length} folders and ${planned.files.length + planned.links.length} files changed`)
      if (news > 0) await append(host, layout, deploy, { event: 'setup', slot: '', result: 'done' })
    },
  })
