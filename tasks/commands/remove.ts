import { capture, caught, each } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { pluralize } from '../../slots/format.ts'
import { append, recorded } from '../../slots/journal/journal.ts'
import { migratedRelease, newestMigration } from '../../slots/migration/detached.ts'
import { isGone, planRemoval } from '../../slots/remove/plan.ts'
import { removeApplication, slotsToStop } from '../../slots/remove/remove.ts'
import { removeFaults } from '../../slots/remove/remove-faults.ts'
import { keptLines, removalOf, removalText } from '../../slots/remove/text.ts'
import { deployingUser, ownerOf } from '../../slots/setup/account.ts'
import { accountFacts } from '../../slots/setup/facts.ts'
import { hasLock } from '../../slots/setup/owner.ts'
import { existingSlots } from '../../slots/setup/running.ts'
import { liveByRecords } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import { DRAIN } from '../steps/stop-idle.ts'
import { lockWait, lockWaitOf } from '../steps/take-lock.ts'

export const remove = <S extends string>({ task, drain }: TaskDeps<S>) =>
  task('Take the application off the host', {
    description:
      "Takes the site off the router, drains and stops both slots, then deletes the units, the sudo rules and the application's folder, except\n" +
      'shared/. Refused while the application is live, unless --force is given. Asks for the name of the application; without a terminal,\n' +
      'pass it with --yes-remove. Other applications are not touched. A second run completes one that was interrupted.',
    examples: ['remove --dry-run', 'remove --login root', 'remove --force --yes-remove life'],
    args: {
      yesRemove: arg.text('The name of the application, instead of the question').optional(),
      force: arg.flag('Remove it even though it is live, which takes the site down'),
      shared: arg.flag("Delete shared/ too, which has the application's data"),
      login: arg.text('Log in as this user, such as root, instead of the one in the Taskfile').optional(),
      drain,
      lockWait,
    },
    changes: true,
    async run({ app, yesRemove, force, shared, drain, lockWait, lock, dryRun, ask, note, show, ...context }) {
      const { host, layout, slots, router, runtime, deploy } = context
      if (yesRemove !== undefined && yesRemove !== app) throw removeFaults.REMOVE_OTHER_NAME({ app, named: yesRemove })
      const ofTaskfile = await context.taskfileUser()
      const [me, found, lockable] = await host.all([accountFacts, capture(ownerOf(layout)), hasLock(layout)])
      const owner = found || (ofTaskfile ?? me.user)
      if (found) deployingUser(host.name, layout, { ...me, missing: [] }, { user: ofTaskfile, owner: found })
      if (lockable) await lock.take(lockWaitOf(lockWait, context))

      const facts = { user: owner, group: me.group }
      const provisions = { runtime: runtime.provision(facts), router: router.provision(facts) }
      const [planned, migration, existing, { value: route }] = await host.all([
        planRemoval({ app, layout, ...provisions, root: me.root, shared }),
        newestMigration(layout),
        existingSlots(layout, me.root),
        caught(router.live()),
      ])
      if (isGone(planned)) {
        note(`nothing of ${app} is on ${host.name}`)
        return show(keptLines(planned.kept).join('\n') || 'Nothing would change.', {
          app,
          deleted: [],
          kept: planned.kept,
        })
      }
      if (migration?.state === 'running')
        throw slotFaults.MIGRATION_RUNNING({ host: host.name, release: migratedRelease(migration), ...migration })
      const stopping = slotsToStop(slots.all, existing)
      const processes = await host.query(each(stopping.map(({ slot }) => runtime.process(slot))))
      const running = stopping.filter(({ record }, i) => processes[i]?.state === 'running' || record?.adopted)
      // Without its files in the router the site is down already, whatever the route says.
      const installed = planned.router.there.length > 0
      const live = installed ? (route?.slot ?? liveByRecords(existing.map(({ record }) => record))) : undefined
      const removal = removalOf(planned, {
        app,
        host: host.name,
        layout,
        live,
        running: running.map(({ slot }) => slot.name),
        owner,
      })
      const text = removalText(removal)
      if (dryRun) {
        note(live === undefined ? 'nothing was changed' : `${live} is live: the removal would need --force`)
        return show(text, removal)
      }
      if (live !== undefined && !force) throw removeFaults.REMOVE_LIVE({ app, host: host.name, slot: live })
      if (!me.root) throw removeFaults.REMOVE_NEEDS_ROOT({ user: me.user })
      const named = yesRemove ?? (await ask(`${text}\nType ${app} to remove it from ${host.name}:`))
      if (named !== app) throw removeFaults.REMOVE_NOT_CONFIRMED({ app, host: host.name })

      const event = { event: 'remove', slot: '' } as const
      const writer = me.user === owner ? undefined : owner
      const work = () => removeApplication({ ...context, app, planned, stopping, owner, drain: drain ?? DRAIN })
      if (found) await host.query(append(layout, deploy, { ...event, result: 'begun' }, writer))
      await recorded(context, event, work, writer)
      note(`${pluralize(removal.deleted.length, 'path')} deleted`)
      show(keptLines(removal.kept).join('\n'), removal)
    },
  })
