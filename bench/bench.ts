/**
 * Measures the built program on container hosts, next to the tools that it is compared with, in one run.
 *
 *     npm run bench                    all rows
 *     npm run bench -- --quick         without the large releases
 *     npm run bench -- --only bytes    some of: round-trips bytes deploy promote start-up throughput growth fleet
 *     npm run bench -- --docs          also writes the plots to docs/performance.md and, if all rows ran, the table
 */

import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { parseArgs, promisify } from 'node:util'
import { HOME } from '../dev/paths.ts'
import { type BenchContext, openBench } from './context.ts'
import type { Row } from './figures.ts'
import { type Plot, plot } from './plot.ts'
import { openRivals, type Rivals } from './rivals.ts'
import { bytes } from './rows/bytes.ts'
import { fleet } from './rows/fleet.ts'
import { growth } from './rows/growth.ts'
import { roundTrips } from './rows/round-trips.ts'
import { startUp } from './rows/start-up.ts'
import { throughput } from './rows/throughput.ts'
import { deployTime, promoteTime } from './rows/times.ts'
import { table } from './table.ts'

const run = promisify(execFile)

interface Found {
  readonly rows: readonly Row[]
  readonly plots?: Readonly<Record<string, Plot>>
}

const PARTS: Readonly<Record<string, (bench: BenchContext, rivals: () => Promise<Rivals>) => Promise<Found>>> = {
  'round-trips': async (bench, rivals) => ({ rows: await roundTrips(bench, await rivals()) }),
  bytes: async (bench, rivals) => ({ rows: await bytes(bench, await rivals()) }),
  deploy: async bench => ({ rows: await deployTime(bench) }),
  promote: async bench => ({ rows: await promoteTime(bench) }),
  'start-up': async bench => ({ rows: await startUp(bench) }),
  throughput: async bench => ({ rows: await throughput(bench) }),
  growth,
  fleet: async bench => ({ rows: await fleet(bench) }),
}

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(PARTS) },
    repeats: { type: 'string', default: '3' },
  },
})

const log = (line: string) => void process.stderr.write(`${line}\n`)

async function describeMachine(): Promise<string> {
  const first = async (program: string, ...args: string[]) => {
    const { stdout, stderr } = await run(program, args).catch(() => ({ stdout: '', stderr: '' }))
    return (stdout || stderr).split('\n')[0] ?? ''
  }
  const system = /^PRETTY_NAME="(.*)"$/m.exec(await readFile('/etc/os-release', 'utf8').catch(() => ''))?.[1]
  return [
    `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})`,
    system ?? process.platform,
    `Node ${process.version}`,
    (await first('ssh', '-V')).split(',')[0],
    (await first('docker', '--version')).split(',')[0],
    (await first('rsync', '--version')).replace(/ +protocol.*/, '').replace(/ +/g, ' '),
    (await first('cap', '--version')).replace(/ \(.*/, ''),
    `load ${loadavg()[0]?.toFixed(1)} at the start of the run`,
  ]
    .filter(Boolean)
    .join(', ')
}

async function measure(): Promise<Required<Found>> {
  const rows: Row[] = []
  const plots: Record<string, Plot> = {}
  await using bench = await openBench({ quick: flags.quick, repeats: Number(flags.repeats), log })
  let rivals: Promise<Rivals> | undefined
  try {
    for (const name of flags.only) {
      const part = PARTS[name]
      if (part === undefined) throw new Error(`Unknown row ${name}. Known rows: ${Object.keys(PARTS).join(' ')}.`)
      const found = await part(bench, () => {
        rivals ??= openRivals(bench)
        return rivals
      })
      rows.push(...found.rows)
      Object.assign(plots, found.plots)
    }
  } finally {
    await (await rivals)?.[Symbol.asyncDispose]()
  }
  return { rows, plots }
}

/** Replaces the text between the two markers of that name in docs/performance.md. */
async function intoDocs(mark: string, text: string): Promise<void> {
  const page = `${HOME}docs/performance.md`
  const before = await readFile(page, 'utf8')
  const between = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*?(<!-- /${mark} -->)`)
  if (!between.test(before)) throw new Error(`${page} has no markers for ${mark}.`)
  await writeFile(
    page,
    before.replace(between, (_, begin, end) => `${begin}${text}\n${end}`),
  )
}

async function writePlots(plots: Readonly<Record<string, Plot>>, caption: string): Promise<void> {
  await mkdir(`${HOME}docs/plots`, { recursive: true })
  for (const [name, data] of Object.entries(plots)) await writeFile(`${HOME}docs/plots/${name}.svg`, plot(data))
  const images = Object.entries(plots).map(
    ([name, { title, x, y }]) => `![${title}: ${y} over ${x}](plots/${name}.svg)`,
  )
  await intoDocs('plots', [caption, ...images].join('\n\n'))
}

log('Building the program.')
await run('npm', ['run', 'build'], { cwd: HOME })
const machine = await describeMachine()
const { rows, plots } = await measure()
const caption = `${new Date().toISOString().slice(0, 10)}: ${machine}.`
const page = `${caption}\n\n${table(rows)}`
process.stdout.write(`${page}\n`)
await writeFile(
  `${HOME}bench/results.json`,
  `${JSON.stringify({ at: new Date(), about: machine, rows, plots }, null, 2)}\n`,
)
if (flags.docs && Object.keys(plots).length > 0) await writePlots(plots, caption)
// The table is from one run, so it is only replaced if all rows ran.
if (flags.docs && Object.keys(PARTS).every(name => flags.only.includes(name))) await intoDocs('bench', page)
