/** Completion: the words that can stand at the cursor. */

import { destinationNames } from '../destination.ts'
import { type Plan, planOf } from '../engine/plan.ts'
import { hostNames, roleNames } from '../hosts.ts'
import { scopesOf } from '../secrets/collect.ts'
import type { Arg } from '../task.ts'
import { type Commands, kebab } from './commands-of.ts'
import { flagsShown, globalFlags, placesOf, restOf, tokens } from './flags.ts'

/** One completion. */
export interface Candidate {
  /** The whole word. */
  readonly word: string
  /** For shells that show one beside the word. */
  readonly description: string
}

interface Flag {
  readonly type: 'boolean' | 'string'
  readonly short?: string
  readonly description: string
  readonly choices?: readonly string[] | undefined
  readonly offered?: readonly string[] | undefined
}

/**
 * All words that could replace the last one; the shell filters by the part that was typed. Empty if any text is allowed, such as a path.
 *
 * @param words the words after `task`; the last one, at the cursor, may be empty or incomplete
 * @throws the faults of `planOf`
 */
export function candidates(words: readonly string[], commands: Commands): Candidate[] {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const command = tokens(before, globalFlags).find(token => token.kind === 'positional')?.value
  const task = command === undefined ? undefined : commands.get(command)
  if (command !== undefined && !task) return []
  const plan = command !== undefined && task ? planOf(command, task, commands) : undefined

  const scopes = scopesOf(task ? [task] : commands.values())
  const [destinations, hosts, roles] = [destinationNames(scopes), hostNames(scopes), roleNames(scopes)]
  const flags: Readonly<Record<string, Flag>> = {
    ...(plan && flagsOf(plan)),
    ...Object.fromEntries(flagsShown(scopes)),
    ...(destinations.length > 0 && { destination: { ...globalFlags.destination, choices: destinations } }),
    ...(hosts.length > 0 && {
      host: { ...globalFlags.host, choices: hosts },
      without: { ...globalFlags.without, choices: hosts },
    }),
    ...(roles.length > 0 && { role: { ...globalFlags.role, choices: roles } }),
  }
  const parsed = tokens(before, flags)
  const last = parsed.at(-1)
  if (last?.kind === 'option' && last.value === undefined && flags[last.name]?.type === 'string')
    return choicesOf(flags[last.name])

  const given = new Set(parsed.flatMap(token => (token.kind === 'option' ? [token.name] : [])))
  const ended = parsed.some(({ kind }) => kind === 'option-terminator')
  // Whatever follows `--` there is the user's own, such as a command of the application.
  if (ended && plan && restOf(plan)) return []
  const values = parsed.filter(token => token.kind === 'positional').length - 1
  const places = plan ? placesOf(plan).filter(([name]) => !given.has(kebab(name))) : []
  for (const [name] of places.slice(0, values)) given.add(kebab(name))
  const free = ended ? [] : Object.entries(flags).filter(([name]) => !given.has(name))
  const freeFlags = free.map(([name, { description }]) => ({ word: `--${name}`, description }))

  const name = /^--([^=]+)=/.exec(typed)?.[1]
  if (name !== undefined && !ended)
    return choicesOf(flags[name]).map(({ word, description }) => ({ word: `--${name}=${word}`, description }))
  if (typed.startsWith('-') && !ended) return freeFlags
  if (!plan) return [...commands].map(([name, { title }]) => ({ word: name, description: title }))
  const next = places[values]?.[1]
  return next?.required ? choicesOf(next) : [...choicesOf(next), ...freeFlags]
}

/** One candidate a line, with a tab before its description. */
export const candidateLines = (found: readonly Candidate[]): string =>
  found.map(({ word, description }) => `${word}\t${description.replace(/[\s\p{Cc}]+/gu, ' ').trim()}\n`).join('')

const flagsOf = (plan: Plan): Readonly<Record<string, Flag>> =>
  Object.fromEntries(
    [...plan.args]
      .filter(([, { kind }]) => kind !== 'rest')
      .map(([name, { kind, short, description, choices, offered }]) => [
        kebab(name),
        { type: kind === 'flag' ? 'boolean' : 'string', description, choices, offered, ...(short && { short }) },
      ]),
  )

/** Without choices that do not fit on one line. */
const choicesOf = (of: Flag | Arg | undefined): Candidate[] =>
  (of?.offered ?? of?.choices ?? [])
    .filter(word => word !== '' && !/\p{Cc}/u.test(word))
    .map(word => ({ word, description: of?.description ?? '' }))
