/** What a rehearsal runs, in order. Pure. */

export interface Rehearsed {
  /** The two slots. */
  readonly slots: readonly [string, string]
  /** Whether the runtime runs migrations. */
  readonly migrates: boolean
  /** Whether the databases of the Taskfile write their URLs into the environment file. */
  readonly fills: boolean
}

/** A command of the Taskfile. */
export interface Command {
  readonly args: readonly string[]
  /** Set for a command that moves the traffic while the load is on: its title in the report. */
  readonly under?: string
}

/** From a bare host to a site; then a deploy, a promote and a rollback of what is live. */
export function commandsOf({ slots: [first, second], migrates, fills }: Rehearsed): readonly Command[] {
  const release = (slot: string) => [{ args: ['deploy'] }, ...(migrates ? [{ args: ['migrate', '--slot', slot] }] : [])]
  return [
    { args: ['bootstrap', '--yes', ...(fills ? ['--write-env'] : [])] },
    { args: ['setup'] },
    ...release(first),
    { args: ['promote', first] },
    ...release(second),
    { args: ['promote', second], under: `promote ${second}` },
    { args: ['rollback'], under: `rollback to ${first}` },
    { args: ['status'] },
  ]
}
