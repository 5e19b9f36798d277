/**
 * Measures the program as it is built, on container hosts, beside what it is compared with, all in one run.
 *
 *     npm run bench                    all rows
 *     npm run bench -- --quick         without what is large
 *     npm run bench -- --only bytes    some of: round-trips bytes deploy promote start-up throughput growth
 *     npm run bench -- --docs          also writes docs/performance.md: the plots, and when all rows were run the table
 */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { Row } from './figures.ts'
import { type Ground, openGround } from './ground.ts'
import { type Plot, plot } from './plot.ts'
import { openRivals, type Rivals } from './rivals.ts'
import { bytes } from './rows/bytes.ts'
import { growth } from './rows/growth.ts'
import { roundTrips } from './rows/round-trips.ts'
import { startUp } from './rows/start-up.ts'
import { throughput } from './rows/throughput.ts'
import { deployTime, promoteTime } from './rows/times.ts'
import { table } from './table.ts'

const run = promisify(execFile)
const HOME = fileURLToPath(new URL('..', import.meta.url))

interface Found {
  readonly rows: readonly Row[]
  readonly plots?: Readonly<Record<string, Plot>>
}

const PARTS: Readonly<Record<string, (ground: Ground, rivals: () => Promise<Rivals>) => Promise<Found>>> = {
  'round-trips': async (ground, rivals) => ({ rows: await roundTrips(ground, await rivals()) }),
  bytes: async (ground, rivals) => ({ rows: await bytes(ground, await rivals()) }),
  deploy: async ground => ({ rows: await deployTime(ground) }),
  promote: async ground => ({ rows: await promoteTime(ground) }),
  'start-up': async ground => ({ rows: await startUp(ground) }),
  throughput: async ground => ({ rows: await throughput(ground) }),
  growth,
}

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(PARTS) },
    repeats: { type: 'string', default: '3' },
  },
})

const say = (line: string) => void process.stderr.write(`${line}\n`)

async function machine(): Promise<string> {
  const first = async (program: string, ...words: string[]) => {
    const { stdout, stderr } = await run(program, words).catch(() => ({ stdout: '', stderr: '' }))
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
    `load ${loadavg()[0]?.toFixed(1)} when the run began`,
  ]
    .filter(Boolean)
    .join(', ')
}

async function measure(): Promise<Required<Found>> {
  const rows: Row[] = []
  const plots: Record<string, Plot> = {}
  await using ground = await openGround({ quick: flags.quick, repeats: Number(flags.repeats), say })
  let rivals: Promise<Rivals> | undefined
  try {
    for (const name of flags.only) {
      const part = PARTS[name]
      if (part === undefined) throw new Error(`There is no row ${name}: ${Object.keys(PARTS).join(' ')}`)
      const found = await part(ground, () => {
        rivals ??= openRivals(ground)
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

/** Between the two marks of that name, and nothing else. */
async function intoDocs(mark: string, text: string): Promise<void> {
  const page = `${HOME}docs/performance.md`
  const before = await readFile(page, 'utf8')
  const between = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*?(<!-- /${mark} -->)`)
  if (!between.test(before)) throw new Error(`${page} has no place for ${mark}`)
  await writeFile(
    page,
    before.replace(between, (_, begin, end) => `${begin}${text}\n${end}`),
  )
}

async function drawn(plots: Readonly<Record<string, Plot>>, caption: string): Promise<void> {
  await mkdir(`${HOME}docs/plots`, { recursive: true })
  for (const [name, one] of Object.entries(plots)) await writeFile(`${HOME}docs/plots/${name}.svg`, plot(one))
  const images = Object.entries(plots).map(
    ([name, { title, x, y }]) => `![${title}: ${y} over ${x}](plots/${name}.svg)`,
  )
  await intoDocs('plots', [caption, ...images].join('\n\n'))
}

say('The program is being built.')
await run('npm', ['run', 'build'], { cwd: HOME })
const about = await machine()
const { rows, plots } = await measure()
const caption = `${new Date().toISOString().slice(0, 10)}: ${about}.`
const page = `${caption}\n\n${table(rows)}`
process.stdout.write(`${page}\n`)
await writeFile(`${HOME}bench/results.json`, `${JSON.stringify({ at: new Date(), about, rows, plots }, null, 2)}\n`)
if (flags.docs && Object.keys(plots).length > 0) await drawn(plots, caption)
// The table is of one run: some rows of another day are not put in its place.
if (flags.docs && Object.keys(PARTS).every(name => flags.only.includes(name))) await intoDocs('bench', page)
