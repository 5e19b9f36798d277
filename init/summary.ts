/** What `init` reports at its end. Pure. */
import { table } from '../runner/output/table.ts'
import type { Outcome } from './write.ts'

const STATES: Readonly<Record<Outcome['state'], string>> = {
  written: 'written',
  completed: 'lines added',
  complete: 'kept, nothing is missing',
  kept: 'kept, lacks the lines below',
  untouched: 'kept, the Taskfile needs nothing of it',
}

export interface Summary {
  readonly files: readonly Outcome[]
  /** One sentence each. */
  readonly notes: readonly string[]
  /** Commands to type. */
  readonly next: readonly string[]
}

export function summaryText({ files, notes, next }: Summary, columns: number | undefined): string {
  const lacking = files.filter(({ missing }) => missing.length > 0)
  return [
    table(
      files.map(({ path, state }) => [path, STATES[state]]),
      { columns },
    ),
    ...lacking.flatMap(({ path, missing }) => ['', `${path} lacks:`, ...missing.map(line => `    ${line}`)]),
    ...(notes.length === 0 ? [] : ['', 'Before the first deploy:', ...notes.map(note => `- ${note}`)]),
    '',
    'Next:',
    ...next.map(command => `    ${command}`),
  ].join('\n')
}
