/** Writes a report as two files: an HTML page, and its data as JSON. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, parse } from 'node:path'
import { messageOf } from '../../runner/fault.ts'
import type { Detached } from '../migration/detached.ts'
import { probeFaults } from '../promote/probe-faults.ts'
import { reportPage } from '../promote/report/page.ts'
import { type HistoryReport, historyPage } from './history.ts'
import { type RunReport, runPage } from './run.ts'

/** The path of the JSON file: `promote.json` for `promote.html`. */
export function jsonBeside(page: string): string {
  const { dir, name, ext } = parse(page)
  const base = ext === '.json' ? `${name}.data` : name
  return dir === '' ? `${base}.json` : `${dir}/${base}.json`
}

/** Called before a host is contacted. Throws `REPORT_UNWRITABLE` if the folder does not exist or a file is not writable. */
export function assertWritable(page: string): void {
  try {
    accessSync(dirname(page), constants.W_OK | constants.X_OK)
    for (const file of [page, jsonBeside(page)]) {
      if (!existsSync(file)) continue
      if (!statSync(file).isFile()) throw new Error(`${file} is not a file`)
      accessSync(file, constants.W_OK)
    }
  } catch (error) {
    throw unwritable(page, error)
  }
}

/** The report of a run: that of its switch alone, if it is a switch of one host. Throws `REPORT_UNWRITABLE`. */
export async function writeRunReport(path: string, run: RunReport): Promise<void> {
  const [only, ...others] = run.switches
  if (only && others.length === 0 && run.event !== 'deploy') await write(path, reportPage(only), only)
  else await write(path, runPage(run), run)
}

/** The report of what was done. Throws `REPORT_UNWRITABLE`. */
export const writeHistoryReport = async (
  path: string,
  report: HistoryReport,
  migrations: readonly Detached[],
): Promise<void> => write(path, historyPage(report, migrations), report)

async function write(path: string, page: string, data: object): Promise<void> {
  try {
    await writeFile(path, page)
    await writeFile(jsonBeside(path), `${JSON.stringify(data, undefined, 2)}\n`)
  } catch (error) {
    throw unwritable(path, error)
  }
}

const unwritable = (path: string, error: unknown) => probeFaults.REPORT_UNWRITABLE({ path, why: messageOf(error) })
