/** Compares what the Taskfile would write to a slot's environment file with what the file on the host has. By name only: no value is printed. */

import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { table, wrapped } from '../../runner/output/table.ts'
import type { TaskContext } from '../../runner/task.ts'
import type { Slot } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import { changesText, environmentChanges, parseChanges } from './changes.ts'
import { type Environment, environmentFile } from './environment.ts'

/** `removed`: the host has the variable, and the Taskfile no longer does. */
export type VariableChange = 'new' | 'changed' | 'removed' | 'same'

export interface ComparedSlot {
  readonly slot: string
  /** `missing`: nothing was deployed to the slot. `edited`: somebody edited the file by hand, so it cannot be compared. */
  readonly file: 'compared' | 'missing' | 'edited'
  /** Empty unless the file was compared. */
  readonly variables: readonly { readonly name: string; readonly change: VariableChange }[]
}

/** Prints `environment file` if the slot has one, then its changes. The new text comes from standard input. */
export const compareScript = (layout: Layout, slot: Slot): Script => {
  const { env } = layout.slot(slot.name)
  return sh.lines(sh.read`if [ -e ${env} ]; then echo environment file; fi`, environmentChanges(env, '-'))
}

/** Compares one slot. The values are sent as the script's input, as in a deploy, and compared on the host. */
export const compareEnvironment = (layout: Layout, slot: Slot, wanted: Environment): Query<ComparedSlot> =>
  capture(compareScript(layout, slot), text => parseCompared(slot.name, Object.keys(wanted), text), {
    input: environmentFile(wanted),
  })

/** `wanted`: the names that the Taskfile would write, in order. */
export function parseCompared(slot: string, wanted: readonly string[], printed: string): ComparedSlot {
  if (!/^environment file$/m.test(printed)) return { slot, file: 'missing', variables: [] }
  const found = parseChanges(printed)
  if (found === 'foreign') return { slot, file: 'edited', variables: [] }
  const changeOf = (name: string): VariableChange => found.find(change => change.name === name)?.change ?? 'same'
  return {
    slot,
    file: 'compared',
    variables: [
      ...wanted.map(name => ({ name, change: changeOf(name) })),
      ...found.filter(({ change }) => change === 'removed'),
    ],
  }
}

/** A remark such as `green differs`. */
export function comparedNote(slots: readonly ComparedSlot[]): string {
  const different = slots.filter(differs).map(({ slot }) => slot)
  if (different.length > 0) return `${different.join(' and ')} ${different.length === 1 ? 'differs' : 'differ'}`
  return slots.some(({ file }) => file === 'compared') ? 'nothing differs' : 'nothing to compare'
}

/** What a slot lacks, such as `new A, gone B`. */
export function lackingText({ slot, file, variables }: ComparedSlot): string {
  if (file === 'missing') return `${slot} has no environment file`
  if (file === 'edited') return `the file of ${slot} was edited by hand`
  const changes = variables.flatMap(({ name, change }) => (change === 'same' ? [] : [{ name, change }]))
  return changes.length === 0 ? 'nothing differs on this host' : changesText(changes)
}

export const differs = ({ variables }: ComparedSlot): boolean => variables.some(({ change }) => change !== 'same')

/** One row per variable and one column per slot, those that differ first; then a line for each slot that was not compared. */
export function comparedTable(slots: readonly ComparedSlot[], live: string | undefined, columns?: number): string {
  const compared = slots.filter(({ file }) => file === 'compared')
  const titleOf = (slot: string) => (slot === live ? `${slot} (live)` : slot)
  const names = [...new Set(compared.flatMap(({ variables }) => variables.map(({ name }) => name)))]
  const rows = names.map(name => [
    name,
    ...compared.map(({ variables }) => variables.find(variable => variable.name === name)?.change ?? '-'),
  ])
  const isSame = (row: readonly string[]) => row.slice(1).every(cell => cell === 'same')
  const sorted = [...rows.filter(row => !isSame(row)), ...rows.filter(isSame)]
  const head = ['variable', ...compared.map(({ slot }) => titleOf(slot))]
  const others = slots.flatMap(({ slot, file }) =>
    file === 'missing'
      ? wrapped(`${titleOf(slot)} has no environment file: nothing was deployed to it.`, columns)
      : file === 'edited'
        ? wrapped(`${titleOf(slot)} was not compared: the file on the host was edited by hand.`, columns)
        : [],
  )
  return [...(sorted.length > 0 ? [table(sorted, { columns, head })] : []), ...others].join('\n')
}

/** Reports a comparison as the result of a step. */
export function reportComparison(
  { note, show }: Pick<TaskContext, 'note' | 'show'>,
  slots: readonly ComparedSlot[],
  live: string | undefined,
): void {
  note(comparedNote(slots))
  show(columns => comparedTable(slots, live, columns), {
    live: live ?? null,
    slots: slots.map(one => ({ ...one, differs: differs(one) })),
  })
}
