import { perform } from '../../host/query.ts'
import { lockWait, lockWaitOf } from '../../slots/lock/wait.ts'
import { wouldText } from '../../slots/setup/sentences.ts'
import type { Cluster } from '../cluster.ts'
import type { StepContext, SwarmContext, SwarmDeps } from '../context.ts'
import { change, messageIn } from '../engine.ts'
import { lostNodes } from '../live.ts'
import { APP_LABEL } from '../names.ts'
import { EMPTY, journaled, NO_DATA, type Records, recordsObject, writeRecords } from '../records.ts'
import {
  createRouter,
  makeConfig,
  makeNetwork,
  missingNetworks,
  planRouter,
  type RouterPlan,
  removeConfigs,
  resumeRouter,
  updateRouter,
} from '../router/router-service.ts'
import { routersAnswer } from '../router/started.ts'
import { setupSentences } from '../would.ts'

export const setup = ({ task }: SwarmDeps) => {
  const prepare = task('Set the swarm up: networks, records, and a router on each node', {
    description:
      'Creates what does not exist yet. Routers that the Taskfile wants otherwise are replaced one node after the other, each with its route;\n' +
      'a node serves nothing in between, for a second, or until its WebSockets have ended. Run it again after every change of `router`, `port`, `health` or `slots`. --dry-run says\n' +
      'in sentences what it would do.',
    examples: ['setup', 'setup --dry-run'],
    args: { lockWait },
    changes: true,
    async run({ lockWait, ...context }) {
      const { app, names, definition, health, slots, routerImage, host, dryRun, deploy, note, show } = context
      const before = await context.cluster()
      const plan = planRouter({ ...definition, health, slots, image: routerImage })
      const batch = host.pipeline()
      batch.push(...missingNetworks(app, before.networks).map(network => makeNetwork(app, network)))
      if (!before.configs.includes(names.lock))
        batch.push(create({ Name: names.lock, Data: NO_DATA, Labels: { [APP_LABEL]: app } }))
      if (!before.records) batch.push(create(recordsObject(app, EMPTY)))
      await batch.run()
      await context.takeLock(lockWaitOf(lockWait, context))
      const changed = await routers(context, before, plan)
      if (dryRun) {
        const would = setupSentences({ app, before, plan })
        return show(would.length > 0 ? wouldText('setup', would) : 'Nothing would change.', { would })
      }
      const after = await routersAnswer(context, before)
      const stale = after.configs.filter(
        name => name.startsWith(`${app}_`) && isOfRouter(name) && !plan.configs.some(config => config.name === name),
      )
      if (stale.length > 0) await host.query(perform(removeConfigs(stale)))
      const records = after.records && (await countingOn(context, after, after.records))
      if (records && (changed || records.term !== after.records?.term))
        await host.query(writeRecords(app, journaled(records, deploy, { event: 'setup', slot: '', result: 'done' })))
      const lost = lostNodes(after).map(({ name }) => name)
      note(
        `${changed ? 'a router' : 'nothing to do: a router'} on each of ${after.nodes.length - lost.length} nodes${lost.length > 0 ? `, without ${lost.join(', ')}` : ''}`,
      )
    },
  })
  return { ...prepare, tells: true }
}

/** The records, with a term that no router is beyond: a node keeps its route while the application is removed and set up again. */
async function countingOn(context: StepContext, cluster: Cluster, records: Records): Promise<Records> {
  const states = await (await context.control(cluster)).states()
  return { ...records, term: Math.max(records.term, ...[...states.values()].map(state => state?.term ?? 0)) }
}

const isOfRouter = (name: string) => /_(haproxy_cfg|route_lua|start-router)_[0-9a-f]{12}$/.test(name)

const create = (body: object) =>
  change('/configs/create', body, ({ status, body: text }) => {
    // Another setup was faster.
    if (status >= 400 && status !== 409) throw new Error(messageIn(text))
  })

/** Creates or replaces the routers, if they are not as planned. */
async function routers({ app, host }: SwarmContext, { router, configs }: Cluster, plan: RouterPlan): Promise<boolean> {
  if (router?.spec === plan.digest) {
    if (router.paused) await host.query(perform(resumeRouter(app)))
    return router.paused
  }
  const batch = host.pipeline()
  batch.push(...plan.configs.filter(({ name }) => !configs.includes(name)).map(config => makeConfig(app, config)))
  batch.push(perform(router ? updateRouter(app, plan, router.configs) : createRouter(app, plan)))
  await batch.run()
  return true
}
