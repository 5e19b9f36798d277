import { capture } from '../../host/query.ts'
import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { adopt } from '../../slots/lifecycle/adopt.ts'
import { validateName } from '../../slots/names.ts'
import { accountFor, deployingUser, ownerOf } from '../../slots/setup/account.ts'
import { assertFree } from '../../slots/setup/claims.ts'
import { facts } from '../../slots/setup/facts.ts'
import { install } from '../../slots/setup/install.ts'
import { mayLock } from '../../slots/setup/owner.ts'
import { plan } from '../../slots/setup/plan.ts'
import { assertKeepsLive } from '../../slots/setup/running.ts'
import { sudoRefusal } from '../../slots/sudo/refusal.ts'
import type { TaskDeps } from '../context.ts'
import { lockWait, lockWaitOf } from '../steps/take-lock.ts'

const user = (description: string) => arg.text(description).optional()

export const setup = <S extends string>({ task }: TaskDeps<S>) =>
  task('Prepare the host', {
    description:
      'Creates the folders, and installs the units, the site and the sudoers file. A second run changes nothing.\n' +
      'Either all of it takes effect, or every file is restored. --dry-run prints the changes as a diff.\n' +
      'On a fresh server, `setup --login root` creates the account that the Taskfile names, and prepares the host for it.',
    examples: ['setup --dry-run', 'setup --adopt', 'setup --login root', 'setup --login admin --user deploy'],
    args: {
      adopt: arg.flag('Take over the application that runs on the port of the first slot, without a restart'),
      user: user(
        'The account that deploys and runs the application, created if it does not exist (default: the one in the Taskfile)',
      ),
      login: user('Log in as this user, such as root, instead of the one in the Taskfile'),
      lockWait,
    },
    changes: true,
    async run({ app, provisions, dryRun, note, show, log, lock, lockWait, adopt: adopting, user, ...rest }) {
      const context = { ...rest, log }
      const { host, layout, slots, deploy } = context
      const requested = user === undefined ? undefined : validateName('user', user)
      const ofTaskfile = await context.taskfileUser()
      const [me, owner] = await host.all([facts(provisions), capture(ownerOf(layout))])
      const deploying = deployingUser(host.name, layout, me, {
        user: requested ?? (ofTaskfile === 'root' ? undefined : ofTaskfile),
        owner: owner || undefined,
      })
      if (adopting && deploying !== me.user) throw slotFaults.SETUP_ADOPT_OTHER({ user: deploying, login: me.user })
      // Before the first setup there is no folder for the lock.
      if (await host.query(mayLock(layout))) await lock.take(lockWaitOf(lockWait, context))
      const account = deploying === me.user ? undefined : await host.query(accountFor(deploying, me))
      const found = { ...me, ...account, user: deploying }
      const provision = provisions(found)
      const claims = { app, layout, slots: slots.all, provisions: provision }
      const [, planned, [conflict] = []] = await host.all([
        assertFree(claims, found.root),
        plan({ host: host.name, app, layout, slots, provisions: provision, facts: found, account }),
        context.router.conflicts?.(),
      ])
      const [refused = conflict] = planned.refused
      if (refused) throw refused
      const files = planned.files.map(({ file }) => file)
      const running = await assertKeepsLive(context, { provisions: provision, files, root: found.root })
      for (const line of [...planned.notes, ...running]) show(line)
      if (dryRun) return show(planned.text || 'Nothing would change.')
      const before = adopting ? () => adopt(context) : undefined
      if (planned.text === '') await before?.()
      else {
        if (!found.root) {
          const refusal = await sudoRefusal(host, [['true']])
          throw slotFaults.SETUP_NEEDS_ROOT({ user: found.user, output: refusal?.stderr })
        }
        await install(host, planned, { app, deploy: deploy.id, before, note })
        await host.query(append(layout, deploy, { event: 'setup', slot: '', result: 'done' }, account?.user))
      }
      const changed = files.length + planned.links.length + planned.removed.length
      note(`${planned.folders.length} folders and ${changed} files changed`)
      if (account && deploying !== ofTaskfile)
        show(
          `The host is prepared for ${deploying}. Name that account in the Taskfile, such as \`ssh('${deploying}@...')\`.`,
        )
    },
  })
