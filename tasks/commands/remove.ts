import { caught, each } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { pluralize } from '../../slots/format.ts'
import { append, recorded } from '../../slots/journal/journal.ts'
import { lockWait, lockWaitOf } from '../../slots/lock/wait.ts'
import { migratedRelease, newestMigration } from '../../slots/migration/detached.ts'
import { planPlace, survey } from '../../slots/remove/places.ts'
import { isGone } from '../../slots/remove/plan.ts'
import { removeApplication, slotsToStop } from '../../slots/remove/remove.ts'
import { removeFaults } from '../../slots/remove/remove-faults.ts'
import { keptLines, removalOf, removalText, withBalancer } from '../../slots/remove/text.ts'
import { existingSlots } from '../../slots/setup/running.ts'
import { liveByRecords } from '../../slots/state/slot-record.ts'
import type { TaskDeps } from '../context.ts'
import { DRAIN } from '../steps/stop-idle.ts'

export const remove = <S extends string>({ task, drain }: TaskDeps<S>) =>
  task('Take the application off the host', {
    description:
      "Takes the site off the router, drains and stops both slots, then deletes the units, the sudo rules and the application's folder, except\n" +
      'shared/. Refused while the application is live, unless --force is given. Asks for the name of the application; without a terminal,\n' +
      'pass it with --yes-remove. Other applications are not touched. A second run completes one that was interrupted.',
    examples: ['remove --dry-run', 'remove --login root', 'remove --force --yes-remove life'],
    args: {
      yesRemove: arg.text('The name of the application, instead of the question', { placeholder: 'app' }).optional(),
      force: arg.flag('Remove it even though it is live, which takes the site down'),
      shared: arg.flag("Delete shared/ too, which has the application's data"),
      login: arg
        .text('Log in as this user, such as root, instead of the one in the Taskfile', { placeholder: 'user' })
        .optional(),
      drain,
      lockWait,
    },
    changes: true,
    async run({ yesRemove, force, shared, drain, lockWait, lock, dryRun, ask, note, show, ...context }) {
      const { app, host, balancer, layout, slots, router, runtime, deploy, provisions, taskfileUser } = context
      if (yesRemove !== undefined && yesRemove !== app) throw removeFaults.REMOVE_OTHER_NAME({ app, named: yesRemove })
      const [own, other] = await Promise.all([
        survey({ host, layout, has: router.machine ? 'slots' : 'everything', provisions, taskfileUser }),
        balancer && survey(balancer),
      ])
      const places = [own, ...(other ? [other] : [])]
      const names = places.map(({ place }) => place.host.name).join(' and ')
      const lockable = places.filter(found => found.lockable).map(({ place }) => place.host.name)
      await lock.take(lockWaitOf(lockWait, context), lockable)

      const [[planned, migration, existing, { value: route }], balancerPlan] = await Promise.all([
        host.all([
          planPlace(context, own, shared),
          newestMigration(layout),
          existingSlots(layout, own.me.root),
          caught(router.live()),
        ]),
        other && balancer?.host.query(planPlace(context, other, shared)),
      ])
      const plans = [planned, ...(balancerPlan ? [balancerPlan] : [])]
      if (plans.every(isGone)) {
        note(`nothing of ${app} is on ${names}`)
        const kept = plans.flatMap(plan => plan.kept)
        return show(keptLines(kept).join('\n') || 'Nothing would change.', { app, deleted: [], kept })
      }
      if (migration?.state === 'running')
        throw slotFaults.MIGRATION_RUNNING({ host: host.name, release: migratedRelease(migration), ...migration })
      const stopping = slotsToStop(slots.all, existing)
      const processes = await host.query(each(stopping.map(({ slot }) => runtime.process(slot))))
      const running = stopping.filter(({ record }, i) => processes[i]?.state === 'running' || record?.adopted)
      // Without its files in the router the site is down already, whatever the route says.
      const installed = (balancerPlan ?? planned).router.there.length > 0
      const live = installed ? (route?.slot ?? liveByRecords(existing.map(({ record }) => record))) : undefined
      const ofHost = removalOf(planned, {
        app,
        host: host.name,
        layout,
        live,
        running: running.map(({ slot }) => slot.name),
        owner: own.owner,
      })
      const removal =
        other && balancerPlan
          ? withBalancer(ofHost, balancerPlan, { host: other.place.host.name, layout, owner: other.owner })
          : ofHost
      const text = removalText(removal)
      if (dryRun) {
        note(live === undefined ? 'nothing was changed' : `${live} is live: the removal would need --force`)
        return show(text, removal)
      }
      if (live !== undefined && !force) throw removeFaults.REMOVE_LIVE({ app, host: host.name, slot: live })
      for (const { me, place } of places)
        if (!me.root) throw removeFaults.REMOVE_NEEDS_ROOT({ host: place.host.name, user: me.user })
      const named = yesRemove ?? (await ask(`${text}\nType ${app} to remove it from ${names}:`))
      if (named !== app) throw removeFaults.REMOVE_NOT_CONFIRMED({ app, host: names })

      const event = { event: 'remove', slot: '' } as const
      const { owner, me } = own
      const writer = me.user === owner ? undefined : owner
      const elsewhere = other && balancerPlan && { ...other.place, owner: other.owner, planned: balancerPlan }
      const work = () =>
        removeApplication({ ...context, planned, stopping, owner, drain: drain ?? DRAIN, balancer: elsewhere })
      if (own.exists) await host.query(append(layout, deploy, { ...event, result: 'begun' }, writer))
      await recorded(context, event, work, writer)
      note(`${pluralize(removal.deleted.length, 'path')} deleted`)
      show(keptLines(removal.kept).join('\n'), removal)
    },
  })
