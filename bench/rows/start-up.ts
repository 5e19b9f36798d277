/** Start-up time: how long a user waits for the help text. Measures whole processes, alternately. */
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { TASK } from '../../dev/paths.ts'
import type { BenchContext } from '../context.ts'
import { type Measured, type Row, ratios } from '../figures.ts'
import { timed } from '../process.ts'

export async function startUp(bench: BenchContext): Promise<Row[]> {
  const empty = join(bench.folder, 'empty.mjs')
  await writeFile(empty, '')
  const zx = join(dirname(createRequire(import.meta.url).resolve('zx/package.json')), 'build', 'cli.js')
  const programs = {
    bare: ['-e', '0'],
    module: [empty],
    help: [TASK, '--help'],
    list: [TASK],
    zx: [zx, empty],
  }
  const samples: Record<keyof typeof programs, number[]> = { bare: [], module: [], help: [], list: [], zx: [] }
  const run = async (args: string[]) => (await timed(process.execPath, args, { cwd: bench.folder })).ms
  // Warm-up: the first run compiles the Taskfile.
  await run(programs.list)
  for (let i = 0; i < bench.repeats * 7; i += 1)
    for (const name of Object.keys(programs) as (keyof typeof programs)[]) samples[name].push(await run(programs[name]))
  const over = (who: string, which: number[]): Measured => ({ who, unit: 'x', samples: ratios(which, samples.bare) })
  const [help, list] = [over('`task --help` over bare node', samples.help), over('`task` over bare node', samples.list)]
  bench.log(
    `start-up: ${Object.entries(samples)
      .map(([name, all]) => `${name} ${all.map(Math.round).join(' ')}`)
      .join('; ')}`,
  )
  return [
    {
      work: '`task --help`, whole process',
      figures: [help, { who: '`task --help`', unit: 'ms', samples: samples.help }],
      goal: { of: help, limit: 1.5 },
    },
    {
      work: '`task` (list), whole process',
      figures: [
        list,
        { who: '`task`', unit: 'ms', samples: samples.list },
        { who: 'bare node (`node -e 0`)', unit: 'ms', samples: samples.bare },
        { who: 'node with an empty module', unit: 'ms', samples: samples.module },
        { who: 'zx with an empty script', unit: 'ms', samples: samples.zx },
      ],
      goal: { of: list, limit: 1.5 },
    },
  ]
}
