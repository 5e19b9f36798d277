/** How time and bytes grow with the size of a release, with the number of its files, and with the length of the line. */
import { rm } from 'node:fs/promises'
import { type Shape, synthetic } from '../artifacts.ts'
import type { Measured, Point, Row } from '../figures.ts'
import type { Ground } from '../ground.ts'
import type { Plot } from '../plot.ts'

export interface Growth {
  readonly rows: readonly Row[]
  /** By the name of their file. */
  readonly plots: Readonly<Record<string, Plot>>
}

interface Sent {
  readonly seconds: number
  readonly megabytes: number
}

export async function growth(ground: Ground): Promise<Growth> {
  const { quick, say } = ground
  const sizes = await grown(
    ground,
    (quick ? [10, 50] : [10, 100, 500]).map(size => ({ bytes: size * 1e6, files: 2_000 })),
    shape => shape.bytes / 1e6,
  )
  const counts = await grown(
    ground,
    (quick ? [100, 2_000] : [100, 2_000, 20_000]).map(files => ({ bytes: 20e6, files })),
    shape => shape.files,
  )
  const far: Point[] = []
  for (const roundTrip of quick ? [0, 100] : [0, 100, 200, 400]) {
    const line = await ground.line(roundTrip)
    const { ms } = await ground.task(['deploy', '--promote'], { line, artifact: await ground.fresh() })
    far.push({ x: roundTrip / 2, y: ms / 1000 })
    say(`growth, ${roundTrip / 2} ms each way: ${(ms / 1000).toFixed(1)} s`)
  }
  return {
    rows: [await memory(ground)],
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

async function grown(ground: Ground, shapes: readonly Shape[], x: (shape: Shape) => number) {
  const whole: (Sent & { x: number })[] = []
  const bump: (Sent & { x: number })[] = []
  for (const shape of shapes) {
    const { first, bumped } = await synthetic(ground.folder, shape)
    whole.push({ x: x(shape), ...(await sent(ground, first)) })
    bump.push({ x: x(shape), ...(await sent(ground, bumped)) })
    ground.say(
      `growth, ${shape.bytes / 1e6} MB in ${shape.files} files: ${words(whole.at(-1))}, one file changed ${words(bump.at(-1))}`,
    )
    await clear(ground, first, bumped)
  }
  const lines = (y: (of: Sent) => number) => [
    { name: 'first upload', points: whole.map(of => ({ x: of.x, y: y(of) })) },
    { name: 'one file changed', points: bump.map(of => ({ x: of.x, y: y(of) })) },
  ]
  return { time: lines(of => of.seconds), bytes: lines(of => of.megabytes) }
}

const words = (of: Sent | undefined) => `${of?.seconds.toFixed(1)} s, ${of?.megabytes.toFixed(2)} MB`

/** `task upload`: it compares only names and contents, and does not mind that this is no application. */
async function sent(ground: Ground, path: string): Promise<Sent> {
  const line = await ground.line(0)
  const before = { ...line.proxy.bytes }
  const { ms } = await ground.task(['upload'], { line, artifact: { path, version: '9.9.9' } })
  const { up, down } = line.proxy.bytes
  return { seconds: ms / 1000, megabytes: (up - before.up + down - before.down) / 1e6 }
}

async function clear({ host }: Ground, ...files: readonly string[]): Promise<void> {
  for (const file of files) await rm(file)
  await host.exec('rm -rf /srv/life/releases/9.9.9-*')
}

async function memory(ground: Ground): Promise<Row> {
  const shape = ground.quick ? { bytes: 50e6, files: 2_000 } : { bytes: 500e6, files: 20_000 }
  const { first, bumped } = await synthetic(ground.folder, shape)
  const samples: number[] = []
  for (const path of [first, bumped])
    samples.push((await ground.taskPeak(['upload'], { artifact: { path, version: '9.9.9' } })) / 1e6)
  await clear(ground, first, bumped)
  ground.say(`memory: ${samples.map(Math.round).join(', ')} MB`)
  const ours: Measured = { who: '`task upload`, first and one file changed', unit: 'MB', samples }
  return {
    work: `peak memory of the client, ${shape.bytes / 1e6} MB in ${shape.files} files`,
    figures: [ours],
    goal: { of: ours, limit: 200 },
  }
}
