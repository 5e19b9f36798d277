/** How time and bytes grow with the size of a release, the number of its files, and the latency. */
import { rm } from 'node:fs/promises'
import { type Shape, synthetic } from '../artifacts.ts'
import type { BenchContext } from '../context.ts'
import type { Measured, Point, Row } from '../figures.ts'
import type { Plot } from '../plot.ts'

export interface Growth {
  readonly rows: readonly Row[]
  /** By file name. */
  readonly plots: Readonly<Record<string, Plot>>
}

interface Sent {
  readonly seconds: number
  readonly megabytes: number
}

export async function growth(bench: BenchContext): Promise<Growth> {
  const { quick, log } = bench
  const sizes = await measureUploads(
    bench,
    (quick ? [10, 50] : [10, 100, 500]).map(size => ({ bytes: size * 1e6, files: 2_000 })),
    shape => shape.bytes / 1e6,
  )
  const counts = await measureUploads(
    bench,
    (quick ? [100, 2_000] : [100, 2_000, 20_000]).map(files => ({ bytes: 20e6, files })),
    shape => shape.files,
  )
  const far: Point[] = []
  for (const roundTrip of quick ? [0, 100] : [0, 100, 200, 400]) {
    const link = await bench.link(roundTrip)
    const { ms } = await bench.task(['deploy', '--promote'], { link, artifact: await bench.fresh() })
    far.push({ x: roundTrip / 2, y: ms / 1000 })
    log(`growth, ${roundTrip / 2} ms each way: ${(ms / 1000).toFixed(1)} s`)
  }
  return {
    rows: [await memory(bench)],
    plots: {
      'size-time': { title: 'Upload of a release of 2,000 files', x: 'MB, unpacked', y: 'seconds', lines: sizes.time },
      'size-bytes': {
        title: 'Upload of a release of 2,000 files',
        x: 'MB, unpacked',
        y: 'MB on the wire',
        lines: sizes.bytes,
      },
      'files-time': { title: 'Upload of a release of 20 MB', x: 'files', y: 'seconds', lines: counts.time },
      'files-bytes': { title: 'Upload of a release of 20 MB', x: 'files', y: 'MB on the wire', lines: counts.bytes },
      'latency-time': {
        title: 'Deploy and promote of the sample application',
        x: 'ms each way',
        y: 'seconds',
        lines: [{ name: 'deploy --promote', points: far }],
      },
    },
  }
}

async function measureUploads(bench: BenchContext, shapes: readonly Shape[], x: (shape: Shape) => number) {
  const whole: (Sent & { x: number })[] = []
  const bump: (Sent & { x: number })[] = []
  for (const shape of shapes) {
    const { first, bumped } = await synthetic(bench.folder, shape)
    whole.push({ x: x(shape), ...(await upload(bench, first)) })
    bump.push({ x: x(shape), ...(await upload(bench, bumped)) })
    bench.log(
      `growth, ${shape.bytes / 1e6} MB in ${shape.files} files: ${summary(whole.at(-1))}, one file changed ${summary(bump.at(-1))}`,
    )
    await clear(bench, first, bumped)
  }
  const lines = (y: (of: Sent) => number) => [
    { name: 'first upload', points: whole.map(of => ({ x: of.x, y: y(of) })) },
    { name: 'one file changed', points: bump.map(of => ({ x: of.x, y: y(of) })) },
  ]
  return { time: lines(of => of.seconds), bytes: lines(of => of.megabytes) }
}

const summary = (of: Sent | undefined) => `${of?.seconds.toFixed(1)} s, ${of?.megabytes.toFixed(2)} MB`

/** Runs `task upload`, which needs no application: it only compares file names and contents. */
async function upload(bench: BenchContext, path: string): Promise<Sent> {
  const link = await bench.link(0)
  const before = { ...link.proxy.bytes }
  const { ms } = await bench.task(['upload'], { link, artifact: { path, version: '9.9.9' } })
  const { up, down } = link.proxy.bytes
  return { seconds: ms / 1000, megabytes: (up - before.up + down - before.down) / 1e6 }
}

async function clear({ host }: BenchContext, ...files: readonly string[]): Promise<void> {
  for (const file of files) await rm(file)
  await host.exec('rm -rf /srv/life/releases/9.9.9-*')
}

async function memory(bench: BenchContext): Promise<Row> {
  const shape = bench.quick ? { bytes: 50e6, files: 2_000 } : { bytes: 500e6, files: 20_000 }
  const { first, bumped } = await synthetic(bench.folder, shape)
  const samples: number[] = []
  for (const path of [first, bumped])
    samples.push((await bench.taskPeak(['upload'], { artifact: { path, version: '9.9.9' } })) / 1e6)
  await clear(bench, first, bumped)
  bench.log(`memory: ${samples.map(Math.round).join(', ')} MB`)
  const ours: Measured = { who: '`task upload`, first and one file changed', unit: 'MB', samples }
  return {
    work: `peak memory of the client, ${shape.bytes / 1e6} MB in ${shape.files} files`,
    figures: [ours],
    goal: { of: ours, limit: 200 },
  }
}
