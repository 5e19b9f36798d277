/** The journal of an application on its host: one JSON line an event, only ever appended to. */

import { hostname, userInfo } from 'node:os'
import { capture, perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot } from '../../host/sudo.ts'
import { Fault } from '../../runner/fault.ts'
import type { Deps } from '../deps.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, JournalEntry, JournalEvent } from '../model.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Who we are, for records and locks: the person, or who started the CI job. */
export function whoami(env: Env): string {
  const actor = env.GITHUB_ACTOR ?? env.GITLAB_USER_LOGIN
  return actor ? `${actor} in CI` : `${env.USER ?? userInfo().username}@${hostname()}`
}

/** Where we are: the address of the CI job, or the name of this machine. */
export function whereabouts(env: Env): string {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = env
  return env.CI_JOB_URL ?? (run ? `${server ?? ''}/${repository ?? ''}/actions/runs/${run}` : hostname())
}

export function newDeploy(by: string, now = new Date(), random = Math.random()): Deploy {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const suffix = Math.floor(random * 0x10000)
    .toString(16)
    .padStart(4, '0')
  return { id: `${time}-${suffix}`, by, where: whereabouts(process.env), began: now.getTime() }
}

/**
 * Adds one line, whose time is now. It travels by standard input, and one `write` of the shell puts it there whole. What it waited for on the host, in its pipeline,
 * is added to its time. `owner`: the account that the journal belongs to, where that is not ours; root writes it as that then.
 */
export function append(layout: Layout, deploy: Deploy, event: JournalEvent, owner?: string): Query<void> {
  const { by, where, id, began } = deploy
  const entry: Omit<JournalEntry, 'at' | 'ms'> = { by, where, deploy: id, ...event }
  const now = Date.now()
  const line = appendLine(layout, now, now - began)
  const script =
    owner === undefined
      ? line
      : asRoot(['runuser', '-u', owner, '--', 'bash', '-eu', '-o', 'pipefail', '-c', line.text])
  return perform(script, { input: `${JSON.stringify(entry).slice(1, -1)}\n` })
}

/** Reads an entry without its braces. `now`: milliseconds since 1970 when it was sent; `since`: milliseconds since the run began. */
const appendLine = (layout: Layout, now: number, since: number): Script => sh.write`
IFS= read -r entry
from=\${begun-} to=\${EPOCHREALTIME-} waited=0
if [ -n "$from" ] && [ -n "$to" ]; then waited=$(( (\${to//[!0-9]/} - \${from//[!0-9]/}) / 1000 )); fi
at=$(( ${now} + waited ))
at=$(date -u -d "@$(( at / 1000 )).$(printf %03d $(( at % 1000 )))" +%Y-%m-%dT%H:%M:%S.%3NZ)
printf '{"at":"%s",%s,"ms":%s}\\n' "$at" "$entry" $(( ${since} + waited )) >> ${layout.journal}`

/** Does the work; when it fails, that is an event too, with the fault's code. Its words may hold what no file should. */
export async function recorded<T>(
  { host, layout, deploy }: Pick<Deps, 'host' | 'layout' | 'deploy'>,
  event: Omit<JournalEvent, 'result' | 'why'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const why = error instanceof Fault ? error.code : 'FAILED'
    // Where nothing can be written any more, the first error is still the one to tell.
    await host.query(append(layout, deploy, { ...event, result: 'failed', why })).catch(() => undefined)
    throw error
  }
}

/** The newest entries, oldest first. A line that was cut by a full disk is left out. */
export const readJournal = (layout: Layout, newest: number): Query<JournalEntry[]> =>
  capture(sh.read`if [ -e ${layout.journal} ]; then tail -n ${newest} ${layout.journal}; fi`, text =>
    text.split('\n').flatMap(line => {
      try {
        return [JSON.parse(line) as JournalEntry]
      } catch {
        return []
      }
    }),
  )
