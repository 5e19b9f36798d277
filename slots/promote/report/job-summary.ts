/** The switch on the summary page of a job of GitHub Actions. */
import { appendFile } from 'node:fs/promises'
import { messageOf } from '../../../runner/fault.ts'
import { milliseconds } from '../../../runner/units.ts'
import { probeFaults } from '../probe-faults.ts'
import type { PromoteReport } from './data.ts'

/** The file that the runner shows as a page, if this is such a job. Several steps may append to it. */
export const jobSummaryPath = (env: Readonly<Record<string, string | undefined>>): string | undefined =>
  env.GITHUB_STEP_SUMMARY || undefined

/** Markdown. Leaves out the error message: it may have text of other programs, and the log of the job has it, redacted. */
export function jobSummary({ app, host, destination, by, from, to, problem, stays, measured }: PromoteReport): string {
  const place = destination === undefined ? host : `${destination} (${host})`
  const failed = measured && Object.entries(measured.failed).map(([why, n]) => `${n} ${why}`)
  const rows = [
    ['release', to.release],
    ['before', from ? `${from.version ?? 'unknown'} in ${from.slot}` : 'no slot was live'],
    ['by', by],
    ...(measured
      ? [
          ['probes', `${measured.sent}, ${measured.failures} failed${failed?.length ? ` (${failed.join(', ')})` : ''}`],
          ['slowest answer', milliseconds(measured.slowest)],
          ['first answer of the new release', milliseconds(measured.firstNew)],
          ['last answer of the old release', milliseconds(measured.lastOld)],
        ]
      : []),
  ]
  const moved = problem === null || stays !== null
  return [
    `### ${app} on ${place}: ${moved ? `${to.slot} is live` : `the promote of ${to.slot} failed, and the traffic went back`}`,
    '',
    '| | |',
    '| --- | --- |',
    ...rows.map(([name = '', value = '']) => `| ${name} | ${value.replaceAll('|', '\\|')} |`),
    '',
    '',
  ].join('\n')
}

/** @throws REPORT_UNWRITABLE */
export async function writeJobSummary(path: string, report: PromoteReport): Promise<void> {
  try {
    await appendFile(path, jobSummary(report))
  } catch (error) {
    throw probeFaults.REPORT_UNWRITABLE({ path, why: messageOf(error) })
  }
}
