/** The journal of an application on its host: an append-only file with one JSON line per event. */

import { hostname, userInfo } from 'node:os'
import { capture, perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot } from '../../host/sudo.ts'
import { Fault } from '../../runner/fault.ts'
import type { Deps } from '../deps.ts'
import type { Layout } from '../layout.ts'
import type { Deploy, JournalEntry, JournalEvent } from '../model.ts'

type Env = Readonly<Record<string, string | undefined>>

/** The name used in records and locks: the person, or whoever started the CI job. */
export function whoami(env: Env): string {
  const actor = env.GITHUB_ACTOR ?? env.GITLAB_USER_LOGIN
  return actor ? `${actor} in CI` : `${env.USER ?? userInfo().username}@${hostname()}`
}

/** The URL of the CI job, or the name of this machine. */
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
 * Appends one entry with the current time, plus the time that the query waits on the host for the queries before it in its pipeline. The line is
 * written with a single `write` call. `owner`: the owner of the journal if that is not our account; root then writes as that account.
 */
export function append(layout: Layout, deploy: Deploy, event: JournalEvent, owner?: string): Query<void> {
  const { by, where, id, began, destination, command } = deploy
  const entry: Omit<JournalEntry, 'at' | 'ms'> = {
    by,
    where,
    deploy: id,
    ...(destination !== undefined && { destination }),
    ...(command !== undefined && { command }),
    ...event,
  }
  const now = Date.now()
  const script = appendScript(layout, now, now - began)
  const asOwner =
    owner === undefined
      ? script
      : asRoot(['runuser', '-u', owner, '--', 'bash', '-eu', '-o', 'pipefail', '-c', script.text])
  return perform(asOwner, { input: `${JSON.stringify(entry).slice(1, -1)}\n` })
}

/** Reads an entry without its braces. `now`: milliseconds since 1970 when it was sent; `since`: milliseconds since the run began. */
const appendScript = (layout: Layout, now: number, since: number): Script => sh.write`
IFS= read -r entry
from=\${begun-} to=\${EPOCHREALTIME-} waited=0
if [ -n "$from" ] && [ -n "$to" ]; then waited=$(( (\${to//[!0-9]/} - \${from//[!0-9]/}) / 1000 )); fi
at=$(( ${now} + waited ))
at=$(date -u -d "@$(( at / 1000 )).$(printf %03d $(( at % 1000 )))" +%Y-%m-%dT%H:%M:%S.%3NZ)
printf '{"at":"%s",%s,"ms":%s}\\n' "$at" "$entry" $(( ${since} + waited )) >> ${layout.journal}`

/**
 * Runs `work`, and appends a `failed` event with the error's code if it throws. The message is not recorded, because it may contain what must not be
 * written to a file. `owner` as in `append`.
 */
export async function recorded<T>(
  { host, layout, deploy }: Pick<Deps, 'host' | 'layout' | 'deploy'>,
  event: Omit<JournalEvent, 'result' | 'why'>,
  work: () => Promise<T>,
  owner?: string,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const why = error instanceof Fault ? error.code : 'FAILED'
    // If the journal cannot be written either, the original error is the one to report.
    await host.query(append(layout, deploy, { ...event, result: 'failed', why }, owner)).catch(() => undefined)
    throw error
  }
}

/**
 * The newest entries, oldest first; all of them by default. Lines that are not valid JSON, such as one truncated by a full disk, are skipped.
 *
 * @param since leaves out older ones
 */
export const readJournal = ({ journal }: Layout, newest?: number, since?: Date): Query<JournalEntry[]> =>
  capture(sh.read`if [ -e ${journal} ]; then ${linesOf(journal, newest, since)}; fi`, text =>
    text.split('\n').flatMap(line => {
      try {
        return [JSON.parse(line) as JournalEntry]
      } catch {
        return []
      }
    }),
  )

function linesOf(journal: string, newest: number | undefined, since: Date | undefined): Script {
  const tail = sh.read`tail -n ${newest ?? '+1'}`
  if (!since) return sh.read`${tail} ${journal}`
  // Each line begins with `{"at":"2026-11-22T20:55:41.123Z"`.
  return sh.read`LC_ALL=C awk -v since=${since.toISOString()} 'substr($0, 8, 24) >= since' ${journal} | ${tail}`
}
