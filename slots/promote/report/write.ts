/** Writes the report of a promote as two files: an HTML page, and its data as JSON. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, parse } from 'node:path'
import { probeFaults } from '../probe-faults.ts'
import type { PromoteReport } from './data.ts'
import { reportPage } from './page.ts'

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
