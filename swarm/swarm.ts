/** Defines a swarm: an application whose slots are services of Docker Swarm, and its tasks. */
import { arg } from '../runner/cli/args.ts'
import { definer, type Scope } from '../runner/task.ts'
import { checked } from '../runner/taskfile/shape.ts'
import { environmentFaults } from '../slots/environment/environment-faults.ts'
import { secretsOf } from '../slots/environment/secrets.ts'
import { file, knownValues, merged, type ReadSource, readSources } from '../slots/environment/source.ts'
import { validateName } from '../slots/names.ts'
import { probingOf } from '../slots/promote/probe-setting.ts'
import { absent } from './absent.ts'
import type { SwarmContext } from './context.ts'
import { type AnySwarmDefinition, SWARM_RULES, type SwarmDefinition, type SwarmSlotSpec } from './definition.ts'
import { swarmFaults } from './faults.ts'
import { assertReplicas } from './limits.ts'
import { managersOf } from './manager.ts'
import { TAKEN } from './names.ts'
import { openSwarm, type Swarm } from './session.ts'
import { swarmTasks } from './tasks.ts'

/**
 * An application on Docker Swarm: two services as slots, and a router on each node.
 *
 * @throws OPTION_INVALID, NAME_INVALID, SWARM_SLOTS_NOT_TWO, SLOT_NAME_TAKEN, REPLICAS_TOO_MANY
 * @example
 * const life = swarm({ app: 'life', manager: ssh('deploy@m1'), image: image(), registry: 'registry.lan:5000/life', port: 4000,
 *   router: { port: 80 }, slots: { blue: {}, green: {} } })
 * export const { setup, deploy, promote, rollback, status } = life.tasks
 */
export function swarm<const S extends Readonly<Record<string, SwarmSlotSpec>>>(options: SwarmDefinition<S>) {
  type Name = Extract<keyof S, string>
  const definition: AnySwarmDefinition = checked('swarm()', SWARM_RULES, options as AnySwarmDefinition)
  validateName('app', definition.app, ['app'])
  const slots = Object.keys(definition.slots).map(name => validateName('slot', name)) as Name[]
  if (slots.length !== 2) throw swarmFaults.SWARM_SLOTS_NOT_TWO({ names: slots })
  const taken = slots.find(name => TAKEN.includes(name))
  if (taken !== undefined) throw swarmFaults.SLOT_NAME_TAKEN({ slot: taken })
  assertReplicas(definition.replicas ?? 0)
  const health = {
    path: '/health',
    host: 'localhost',
    version: 'version',
    within: 120_000,
    ...definition.health,
  } as const
  const probe = definition.probe === false ? undefined : probingOf(definition.probe ?? {}, health.path)
  const scope = scopeOf({ definition, health, probe, slots }, () => tasks)
  const own = definer<SwarmContext>(scope)
  const slot = arg.from('slot', slots, name => slots.find(known => known === name))
  const tasks = swarmTasks<Name>({ ...own, slot })
  return { ...own, slot, tasks }
}

function scopeOf(swarm: Swarm, tasks: () => ReturnType<typeof swarmTasks>): Scope {
  const { definition, slots } = swarm
  const { app, env = [] } = definition
  const sources = [env].flat().map(entry => (typeof entry === 'string' ? file(entry) : entry))
  const managers = managersOf(definition).flatMap(({ name }) => [name, name.replace(/^.*@/, '')])
  const known = [app, ...managers, ...slots]
  const secrets = (read: readonly ReadSource[]) => {
    const plain = read.flatMap(({ source }) => source.plain)
    return read.flatMap(({ values = {} }) => secretsOf(values, { plain, known }))
  }
  const readingIn = (folder: string, signal: AbortSignal) => ({ folder, signal, env: process.env })
  return {
    name: app,
    tasks,
    absent,
    secrets: async folder => secrets(await knownValues(sources, readingIn(folder, new AbortController().signal))),
    async open(run) {
      const needed = run.tasks.some(task => task.secrets)
      const read = await readSources(sources, readingIn(run.folder, run.signal), { needed, lenient: false })
      run.hide(secrets(read))
      return openSwarm(swarm, {
        ...run,
        sources: read,
        offline: run.tasks.every(task => task === tasks().config),
        environment() {
          const unread = read.filter(({ values }) => values === undefined)
          if (unread.length > 0)
            throw environmentFaults.ENV_NOT_READ({ sources: unread.map(({ source }) => source.title) })
          return merged(read)
        },
      })
    },
  }
}
