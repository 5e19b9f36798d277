/** Compares the variables of the Taskfile with those of the slots' services. By name only: no value is shown. */
import type { Query } from '../host/query.ts'
import type { ComparedSlot, VariableChange } from '../slots/environment/compare.ts'
import type { Environment } from '../slots/environment/environment.ts'
import { askEngine, labelled, replies } from './engine.ts'
import { APP_LABEL, namesOf } from './names.ts'

/** The variables of the service of each slot, by the names of the slots; a slot without a service is missing. */
export function readVariables(app: string, slots: readonly string[]): Query<ReadonlyMap<string, Environment>> {
  const script = { ...askEngine([`/services${labelled(`${APP_LABEL}=${app}`)}`]), label: 'docker service ls' }
  return {
    script,
    read(output, host) {
      const services = JSON.parse(replies(output, host, script)[0]?.body ?? '[]') as readonly Service[]
      return new Map(
        slots.flatMap((slot): [string, Environment][] => {
          const found = services.find(({ Spec }) => Spec.Name === namesOf(app).slot(slot))
          if (!found) return []
          const lines = found.Spec.TaskTemplate.ContainerSpec.Env ?? []
          return [[slot, Object.fromEntries(lines.map(line => pairOf(line)))]]
        }),
      )
    },
  }
}

interface Service {
  readonly Spec: {
    readonly Name: string
    readonly TaskTemplate: { readonly ContainerSpec: { readonly Env?: readonly string[] } }
  }
}

function pairOf(line: string): readonly [string, string] {
  const at = line.indexOf('=')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}

/** @param there undefined if nothing was deployed to the slot */
export function compareVariables(slot: string, wanted: Environment, there: Environment | undefined): ComparedSlot {
  if (!there) return { slot, file: 'missing', variables: [] }
  const changeOf = (name: string): VariableChange =>
    !Object.hasOwn(there, name) ? 'new' : there[name] === wanted[name] ? 'same' : 'changed'
  const removed = Object.keys(there).filter(name => !Object.hasOwn(wanted, name))
  return {
    slot,
    file: 'compared',
    variables: [
      ...Object.keys(wanted).map(name => ({ name, change: changeOf(name) })),
      ...removed.map(name => ({ name, change: 'removed' as const })),
    ],
  }
}
