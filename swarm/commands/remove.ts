import { perform } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { pluralize } from '../../slots/format.ts'
import { lockWait, lockWaitOf } from '../../slots/lock/wait.ts'
import { removeFaults } from '../../slots/remove/remove-faults.ts'
import type { SwarmDeps } from '../context.ts'
import { isGone, removalOf, removalText, removeObjects } from '../removal.ts'
import { stopLimit } from '../service.ts'

/** Seconds that the engine gets to end what uses a network, after the time that the tasks have. */
const MORE = 60

export const remove = ({ task }: SwarmDeps) =>
  task('Take the application off the swarm', {
    description:
      'Deletes the services of the slots and of the routers, the networks, the records and the lock. Refused while a slot is live, unless --force is\n' +
      'given. Asks for the name of the application; without a terminal, pass it with --yes-remove. The images, and the volume with the route of\n' +
      'each node, stay: only the engine of the node can delete them. A second run completes one that was interrupted.',
    examples: ['remove --dry-run', 'remove --force --yes-remove life'],
    args: {
      yesRemove: arg.text('The name of the application, instead of the question', { placeholder: 'app' }).optional(),
      force: arg.flag('Remove it even though it is live, which takes the site down'),
      lockWait,
    },
    changes: true,
    async run({ yesRemove, force, lockWait, dryRun, ask, note, show, ...context }) {
      const { app, host, names, definition } = context
      if (yesRemove !== undefined && yesRemove !== app) throw removeFaults.REMOVE_OTHER_NAME({ app, named: yesRemove })
      const before = await context.cluster()
      // A removal that was interrupted may have deleted the lock.
      if (before.configs.includes(names.lock)) await context.takeLock(lockWaitOf(lockWait, context))
      const removal = removalOf(app, await context.cluster())
      if (isGone(removal)) return note(`nothing of ${app} is in the swarm of ${host.name}`)
      const text = removalText(removal)
      if (dryRun) {
        note(removal.live === null ? 'nothing was changed' : `${removal.live} is live: the removal would need --force`)
        return show(text, removal)
      }
      if (removal.live !== null && !force) throw removeFaults.REMOVE_LIVE({ app, host: host.name, slot: removal.live })
      const named = yesRemove ?? (await ask(`${text}\nType ${app} to remove it from the swarm of ${host.name}:`))
      if (named !== app) throw removeFaults.REMOVE_NOT_CONFIRMED({ app, host: host.name })
      await host.query(perform(removeObjects(app, removal, stopLimit(definition) + MORE)))
      const { services, configs, networks, kept } = removal
      note(`${pluralize(services.length + configs.length + networks.length, 'object')} deleted`)
      show(kept.length > 0 ? `Stays on each node: ${kept.join(' and ')}.` : '', removal)
    },
  })
