/** The report of a promote, as data and as two files: a page for people, and the same as JSON beside it. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, parse } from 'node:path'
import type { Deploy } from '../../journal/journal.ts'
import type { Measured } from '../measured.ts'
import type { Probe } from '../probe.ts'
import { probeFaults } from '../probe-faults.ts'
import type { MeasuredMove, MoveStep } from '../probed-switch.ts'
import type { Move } from '../switch.ts'
import { reportPage } from './page.ts'

/** All times are milliseconds since the router was told to switch, but `at`. */
export interface PromoteReport {
  readonly app: string
  readonly host: string
  readonly by: string
  /** ISO 8601, UTC: when this was written down. */
  readonly at: string
  readonly generation: string
  readonly from: { readonly slot: string; readonly version: string | null } | null
  readonly to: { readonly slot: string; readonly version: string; readonly release: string }
  /** What went wrong; null when the promote succeeded. */
  readonly problem: string | null
  /** Why the traffic stays although not all went well: the slot before served worse. Null when there is nothing to say, or it goes back. */
  readonly stays: string | null
  readonly steps: readonly MoveStep[]
  /** When the router said that it was done. */
  readonly returnedAt: number | null
  readonly measured: Measured | null
  readonly probes: readonly Probe[]
}

interface About {
  readonly app: string
  readonly host: { readonly name: string }
  readonly deploy: Deploy
}

export const reportOf = (
  { app, host, deploy }: About,
  { from, to, record, generation, versionBefore }: Move<string>,
  { problem, steps, probed, measured }: Omit<MeasuredMove, 'proof'>,
  stays?: string | undefined,
  at = new Date(),
): PromoteReport => ({
  app,
  host: host.name,
  by: deploy.by,
  at: at.toISOString(),
  generation,
  from: from ? { slot: from.name, version: versionBefore ?? null } : null,
  to: { slot: to.name, version: record.release.version, release: record.release.name },
  problem: problem === undefined ? null : problem instanceof Error ? problem.message : String(problem),
  stays: stays ?? null,
  steps,
  returnedAt: probed?.returnedAt ?? null,
  measured: measured ?? null,
  probes: probed?.probes ?? [],
})

/** Where the data of a page is written: `promote.html` has `promote.json` beside it. */
export function jsonBeside(page: string): string {
  const { dir, name, ext } = parse(page)
  const base = ext === '.json' ? `${name}.data` : name
  return dir === '' ? `${base}.json` : `${dir}/${base}.json`
}

/** Asked before anything is contacted: a folder that is there, and files that are ours to write. Throws `REPORT_UNWRITABLE`. */
export function assertWritable(page: string): void {
  try {
    accessSync(dirname(page), constants.W_OK | constants.X_OK)
    for (const file of [page, jsonBeside(page)]) {
      if (!existsSync(file)) continue
      if (!statSync(file).isFile()) throw new Error(`${file} is no file`)
      accessSync(file, constants.W_OK)
    }
  } catch (error) {
    throw unwritable(page, error)
  }
}

/** Writes both files. Throws `REPORT_UNWRITABLE`. */
export async function writeReport(page: string, report: PromoteReport): Promise<void> {
  try {
    await writeFile(page, reportPage(report))
    await writeFile(jsonBeside(page), `${JSON.stringify(report, undefined, 2)}\n`)
  } catch (error) {
    throw unwritable(page, error)
  }
}

const unwritable = (path: string, error: unknown) =>
  probeFaults.REPORT_UNWRITABLE({ path, why: error instanceof Error ? error.message : String(error) })
