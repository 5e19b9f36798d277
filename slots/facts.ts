/** What a run knows so far, for hooks and notifications. */

export interface RunFacts {
  readonly app: string
  readonly host: string
  /** Undefined for a Taskfile without destinations. */
  readonly destination?: string | undefined
  /** The command, as the Taskfile names it. */
  readonly command: string
  /** The id of the run. */
  readonly deploy: string
  /** Who runs it. */
  readonly by: string
  readonly version?: string | undefined
  /** The name of the release. */
  readonly release?: string | undefined
  /** Source revision, such as a git commit. */
  readonly revision?: string | undefined
  /** The slot that the release runs in, or that the traffic goes to. */
  readonly slot?: string | undefined
  /** The slot that was live before. */
  readonly previous?: string | undefined
  /** False once it is known that the slot is live already, so that nothing is switched. */
  readonly moves?: boolean | undefined
}

/** What steps find out in the course of a run. */
export type Told = Partial<Pick<RunFacts, 'version' | 'release' | 'revision' | 'slot' | 'previous' | 'moves'>>

/** The facts as environment variables; those that are not known are empty. */
export function variablesOfFacts(facts: RunFacts, now = new Date()): Readonly<Record<string, string>> {
  return {
    TASK_APP: facts.app,
    TASK_HOST: facts.host,
    TASK_DESTINATION: facts.destination ?? '',
    TASK_COMMAND: facts.command,
    TASK_DEPLOY: facts.deploy,
    TASK_PERFORMER: facts.by,
    TASK_VERSION: facts.version ?? '',
    TASK_RELEASE: facts.release ?? '',
    TASK_REVISION: facts.revision ?? '',
    TASK_SLOT: facts.slot ?? '',
    TASK_PREVIOUS_SLOT: facts.previous ?? '',
    TASK_RECORDED_AT: now.toISOString(),
  }
}
