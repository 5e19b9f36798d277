/** The journal of an application on its host: one JSON line an event, only ever appended to. */
import { hostname, userInfo } from 'node:os'
import type { Host } from '../host/host.ts'
import { sh } from '../host/script.ts'
import type { Layout } from './layout.ts'

/** One run of the program, as the host knows it. */
export interface Deploy {
  /** Sorts by time: `20261122T205541Z-3fa9`. Also the generation id of a promote. */
  readonly id: string
  readonly by: string
}

export interface Event {
  readonly event: 'setup' | 'adopt' | 'deploy' | 'migrate' | 'promote' | 'retire'
  readonly slot: string
  readonly from?: string | undefined
  readonly release?: string | undefined
  readonly revision?: string | undefined
  readonly result: 'done' | 'failed' | 'undone'
  readonly why?: string | undefined
}

export interface Entry extends Event {
  readonly at: string
  readonly by: string
  readonly deploy: string
}

/** Who we are, for records and locks: the person, or who started the CI job. */
export function whoami(env: Readonly<Record<string, string | undefined>>): string {
  const actor = env.GITHUB_ACTOR ?? env.GITLAB_USER_LOGIN
  return actor ? `${actor} in CI` : `${env.USER ?? userInfo().username}@${hostname()}`
}

export function newDeploy(by: string, now = new Date(), random = Math.random()): Deploy {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  return {
    id: `${time}-${Math.floor(random * 0x10000)
      .toString(16)
      .padStart(4, '0')}`,
    by,
  }
}

/** Adds one line. The line travels by standard input, and one `write` of the shell puts it there whole. */
export async function append(host: Host, layout: Layout, deploy: Deploy, event: Event): Promise<void> {
  const entry: Entry = { at: new Date().toISOString(), by: deploy.by, deploy: deploy.id, ...event }
  await host.ask(sh.write`cat >> ${layout.journal}`, { input: `${JSON.stringify(entry)}\n` })
}

/** The newest entries, oldest first. A line that was cut by a full disk is left out. */
export async function readJournal(host: Host, layout: Layout, newest: number): Promise<Entry[]> {
  const text = await host.ask(sh.read`if [ -e ${layout.journal} ]; then tail -n ${newest} ${layout.journal}; fi`)
  return text.split('\n').flatMap(line => {
    try {
      return [JSON.parse(line) as Entry]
    } catch {
      return []
    }
  })
}
