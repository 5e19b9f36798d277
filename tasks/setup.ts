import { arg } from '../runner/args.ts'
import { adopt } from '../slots/adopt.ts'
import { slotFaults } from '../slots/faults.ts'
import { append } from '../slots/journal.ts'
import { changes, facts, folders, installAll, makeFolders, missingFolders, sudoersFile } from '../slots/setup.ts'
import type { Parts } from './context.ts'

export const setup = <S extends string>({ task }: Parts<S>) =>
  task('Prepare the host', {
    about: 'Makes the folders, and installs the units, the site and the sudoers file. Does nothing the second time.',
    examples: ['setup --dry-run', 'setup --adopt'],
    args: {
      adopt: arg.flag('Take over the application that already runs on the port of the first slot, without a restart'),
    },
    async run({ app, layout, slots, provisions, dryRun, log, note, show, adopt: adopting, ...ground }) {
      const { host, deploy } = ground
      const found = await facts(host, provisions)
      const wants = provisions(found)
      const wantedFolders = folders(layout, slots, wants)
      const files = [
        ...wants.flatMap(want => want.files),
        sudoersFile(
          app,
          found,
          wants.flatMap(want => want.sudo),
        ),
      ]
      const [missing, changed] = await Promise.all([
        host.ask(missingFolders(layout, wantedFolders)),
        changes(host, found.root, files),
      ])
      const made = missing.split('\n').filter(Boolean)
      if (dryRun)
        return show(
          [...made.map(path => `new folder ${path}`), ...changed.map(change => change.diff)].join('\n') ||
            'Nothing would change.',
        )
      if (!found.root && (made.length > 0 || changed.length > 0))
        throw slotFaults.SETUP_NEEDS_ROOT({ user: found.user })
      if (made.length > 0) await host.ask(makeFolders(layout, wantedFolders, found))
      await installAll(host, changed)
      if (adopting) await adopt({ layout, slots, log, ...ground })
      if (changed.length > 0) for (const script of wants.flatMap(want => want.apply)) await host.ask(script)
      note(`${made.length} folders and ${changed.length} files changed`)
      if (made.length + changed.length > 0)
        await append(host, layout, deploy, { event: 'setup', slot: '', result: 'done' })
    },
  })
