/**
 * Prepares a release on the host, before its first start: installs packages, or collects files. The release can be written only meanwhile, and the command
 * runs under the lock, before the idle slot is stopped. A release that was not prepared to its end is uploaded again, of which little has to be sent.
 */
import { createHash } from 'node:crypto'
import { limited } from '../../host/limited.ts'
import { program } from '../../host/program.ts'
import { commandFailed, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { lastLines } from '../../runner/units.ts'
import type { Preparation, Release } from '../contracts.ts'
import type { Deps } from '../deps.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import type { ReleaseSource } from './source.ts'

/** Identifies a preparation: the same artifact with another one is another release, because its folder contains something else. */
export const preparationKey = (preparation: Preparation | undefined): string | undefined =>
  preparation && createHash('sha256').update(preparation.command.text).digest('hex').slice(0, 12)

/** `deploy`: the id of this run. prepare.sh documents what the script reads and prints. */
export function prepareScript(layout: Layout, { name }: Release, deploy: string, preparation: Preparation): Script {
  const { command, limit } = preparation
  const script = program(new URL('./prepare.sh', import.meta.url), {
    writes: true,
    parameters: {
      releases: layout.releases,
      slots: layout.slots,
      name,
      aside: `.${name}.${deploy}.unprepared`,
      runLimited: limited(command, limit, sh.read`umask 022\nset -a\neval "$1"\nset +a`),
    },
  })
  return { ...script, label: `preparation of ${name}` }
}

type State = 'prepared' | 'there' | 'none' | 'gone' | 'cut'

interface Preparing {
  readonly release: Release
  readonly preparation: Preparation
  /** The text of the slot's environment file. */
  readonly environment: string
}

const STATE = /^@@ (\w+) ?(\d*)$/m

/** Resolves to undefined in a dry run. */
function prepareQuery(
  { layout, deploy, log }: Pick<Deps, 'layout' | 'deploy' | 'log'>,
  { release, preparation, environment }: Preparing,
): Query<State | undefined> {
  const script = prepareScript(layout, release, deploy.id, preparation)
  return {
    script,
    input: environment,
    onLine(line) {
      if (!STATE.test(line)) log(line)
    },
    read(output, host) {
      const [, state, code] = STATE.exec(output.stderr) ?? []
      const { name } = release
      const details = { host: host.name, release: name, output: lastLines(output.stdout) }
      if (state === 'busy') throw slotFaults.PREPARE_RUNNING(details)
      if (state === 'used') throw slotFaults.PREPARE_IN_USE(details)
      if (state === 'late') throw slotFaults.PREPARE_TIMED_OUT({ ...details, limit: preparation.limit })
      if (state === 'failed') throw slotFaults.PREPARE_FAILED({ ...details, code: Number(code) })
      if (output.code !== 0) throw commandFailed(host, script, output)
      return state as State | undefined
    },
  }
}

/** Prepares the release if it needs that and was not prepared yet. Resolves to what happened, for a note. */
export async function prepareRelease(
  deps: Pick<Deps, 'host' | 'layout' | 'deploy' | 'log'>,
  source: ReleaseSource,
  preparation: Preparation,
  environment: string,
): Promise<string> {
  const { host, log } = deps
  const query = prepareQuery(deps, { release: source.release, preparation, environment })
  let state = await host.query(query)
  if (state === 'gone' || state === 'cut') {
    await source.again(log, state === 'cut' ? 'was not prepared to its end' : undefined)
    state = await host.query(query)
  }
  if (state === 'gone' || state === 'cut')
    throw slotFaults.RELEASE_GONE({ host: host.name, release: source.release.name })
  return state === undefined ? 'not run in a dry run' : NOTES[state]
}

const NOTES = { prepared: '', there: 'it was prepared before', none: 'it needs no preparation' } as const
