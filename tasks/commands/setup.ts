import { arg } from '../../runner/cli/args.ts'
import { slotFaults } from '../../slots/faults.ts'
import { append } from '../../slots/journal/journal.ts'
import { adopt } from '../../slots/lifecycle/adopt.ts'
import { lockWait, lockWaitOf } from '../../slots/lock/wait.ts'
import { validateName } from '../../slots/names.ts'
import type { Place } from '../../slots/place.ts'
import { install } from '../../slots/setup/install.ts'
import { assertApart, type PlannedPlace, planPlace, survey } from '../../slots/setup/places.ts'
import type { SetupPlan } from '../../slots/setup/plan.ts'
import { assertKeepsLive } from '../../slots/setup/running.ts'
import { setupSentences, wouldText } from '../../slots/setup/sentences.ts'
import { sudoRefusal } from '../../slots/sudo/refusal.ts'
import type { TaskDeps } from '../context.ts'

const user = (description: string) => arg.text(description, { placeholder: 'user' }).optional()

export const setup = <S extends string>({ task }: TaskDeps<S>) => {
  const prepare = task('Prepare the host', {
    description:
      'Creates the folders, and installs the units, the site and the sudoers file. A second run changes nothing.\n' +
      'Either all of it takes effect, or every file is restored. --dry-run prints the changes as a diff.\n' +
      'On a fresh server, `setup --login root` creates the account that the Taskfile names, and prepares the host for it.',
    examples: ['setup --dry-run', 'setup --adopt', 'setup --login root', 'setup --login admin --user deploy'],
    args: {
      adopt: arg.flag('Take over the application that runs on the port of the first slot, without a restart'),
      user: user(
        'The account that deploys, and runs the application unless its runtime names another user; created if it does not exist (default: the one in the Taskfile)',
      ),
      login: user('Log in as this user, such as root, instead of the one in the Taskfile'),
      lockWait,
    },
    changes: true,
    async run({ provisions, taskfileUser, dryRun, note, show, log, lock, lockWait, adopt: adopting, user, ...rest }) {
      const context = { ...rest, log }
      const { app, host, balancer, layout, deploy } = context
      const own: Place = { host, layout, has: rest.router.machine ? 'slots' : 'everything', provisions, taskfileUser }
      const places = [own, ...(balancer ? [balancer] : [])]
      if (balancer) await assertApart(own, balancer)
      const request = { user: user === undefined ? undefined : validateName('user', user), adopting }
      const surveyed = await Promise.all(places.map(place => survey(place, request)))
      const lockable = surveyed.filter(found => found.lockable).map(({ place }) => place.host.name)
      await lock.take(lockWaitOf(lockWait, context), lockable)
      const plans = await Promise.all(surveyed.map(found => planPlace(context, found)))
      const about = ({ host: { name } }: Place, line: string) => (balancer ? `${name}: ${line}` : line)
      for (const { place, planned, provisions, facts } of plans) {
        const files = planned.files.map(({ file }) => file)
        const changes = { provisions, files, root: facts.root }
        const running = place.has === 'router' ? [] : await assertKeepsLive(context, changes)
        for (const line of [...planned.notes, ...running]) show(about(place, line))
      }
      if (dryRun) {
        for (const { planned } of plans) for (const line of rawCommands(planned)) log(line)
        const would = plans.map(({ place, planned }) => ({ host: place.host.name, would: setupSentences(planned) }))
        return show(planText(plans), { places: would })
      }
      for (const { place, planned, facts } of plans)
        if (planned.text !== '' && !facts.root) {
          const refusal = await sudoRefusal(place.host, [['true']])
          throw slotFaults.SETUP_NEEDS_ROOT({ host: place.host.name, user: facts.user, output: refusal?.stderr })
        }
      for (const { place, planned } of plans) {
        const before = adopting && place.has !== 'slots' ? () => adopt(context) : undefined
        if (planned.text === '') {
          await before?.()
          continue
        }
        await install(place.host, planned, { app, deploy: deploy.id, before, note })
        const why = place.has === 'router' ? `on ${place.host.name}` : undefined
        const owner = plans[0]?.account?.user
        await host.query(append(layout, deploy, { event: 'setup', slot: '', result: 'done', why }, owner))
        if (balancer) show(`${place.host.name}: ${changedPaths(planned).join(', ')}`)
      }
      const folders = plans.reduce((sum, { planned }) => sum + planned.folders.length, 0)
      const changed = plans.reduce((sum, { planned }) => sum + changedPaths(planned).length, 0) - folders
      note(`${folders} folders and ${changed} files changed`)
      for (const { place, me, deploying, ofTaskfile } of surveyed)
        if (deploying !== me.user && deploying !== ofTaskfile)
          show(
            about(
              place,
              `The host is prepared for ${deploying}. Name that account in the Taskfile, such as \`ssh('${deploying}@...')\`.`,
            ),
          )
    },
  })
  return { ...prepare, tells: true }
}

const changedPaths = ({ folders, files, links, removed }: SetupPlan): readonly string[] => [
  ...folders,
  ...files.map(({ file }) => file.path),
  ...links,
  ...removed,
]

/** What root would run, besides writing the files. */
const rawCommands = ({ prepare, groups }: SetupPlan): readonly string[] =>
  [prepare, ...groups.flatMap(({ apply }) => apply)]
    .flatMap(({ text }) => text.split('\n'))
    .filter(line => line !== ':')

/** What a setup would do, then the changes. The plans of all machines; with several, each below the name of its host. */
function planText(plans: readonly PlannedPlace[]): string {
  const texts = plans.map(({ planned }) =>
    planned.text === '' ? 'Nothing would change.' : `${wouldText('setup', setupSentences(planned))}\n\n${planned.text}`,
  )
  if (plans.length === 1) return texts.join('')
  return plans.map(({ place }, i) => `On ${place.host.name}:\n${texts[i]}`).join('\n\n')
}
