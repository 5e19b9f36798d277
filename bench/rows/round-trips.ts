/**
 * Sequential round trips, measured in two ways: as the slope of time over latency, and counted by the proxy at the highest latency. The slope cancels out
 * what does not depend on the network, such as the application's stop and boot, but is off by some round trips on a busy machine. The count is exact, but
 * includes round trips that nothing waits for, such as opening a shell in advance. The proxy cannot delay the first packets of TCP, so each connection costs
 * one more round trip, with every tool.
 */

import type { Link } from '../../dev/links.ts'
import type { BenchContext } from '../context.ts'
import { type Measured, type Row, slope } from '../figures.ts'
import { NOT_INSTALLED, type Rivals } from '../rivals.ts'

/** Round trip time in milliseconds. High enough that packets which do not wait for each other do not coincide by chance. */
const FAR = 200

/** Round trip times in milliseconds. */
const ROUND_TRIPS = [0, 100, FAR]

export async function roundTrips(bench: BenchContext, rivals: Rivals): Promise<Row[]> {
  const { log, repeats } = bench
  const { alias } = bench.host
  const slopes: Measured[] = []
  let oursBySlope: Measured | undefined
  const figure = async (who: string, opened: Pick<BenchContext, 'link'>, work: (link: Link) => Promise<number>) => {
    const counted: number[] = []
    const slopeOf: number[] = []
    for (let i = 0; i < repeats; i += 1) {
      const points = []
      for (const roundTrip of ROUND_TRIPS) {
        const link = await opened.link(roundTrip)
        const before = link.proxy.turns()
        points.push({ x: roundTrip, y: await work(link) })
        if (roundTrip === FAR) counted.push(link.proxy.turns() - before)
      }
      slopeOf.push(slope(points))
      const times = points.map(({ y }) => Math.round(y)).join(', ')
      log(`round trips, ${who}: ${counted.at(-1)} counted, ${slopeOf.at(-1)?.toFixed(1)} by slope from ${times} ms`)
    }
    const bySlope = { who, unit: 'round trips', samples: slopeOf } satisfies Measured
    slopes.push(bySlope)
    oursBySlope ??= bySlope
    return { who, unit: 'round trips', samples: counted } satisfies Measured
  }
  const { rsync, capistrano } = rivals

  const ours = await figure('`task deploy --promote`', bench, async link => {
    return (await bench.task(['deploy', '--promote'], { link, artifact: await bench.fresh() })).ms
  })
  const separate = await figure('`task deploy`, then `task promote`', bench, async link => {
    const artifact = await bench.fresh()
    const idle = (await bench.live()) === 'blue' ? 'green' : 'blue'
    const deploy = await bench.task(['deploy'], { link, artifact })
    return deploy.ms + (await bench.task(['promote', idle], { link, artifact })).ms
  })
  const plain = await figure('`ssh host true`, once', bench, async link => {
    return (await bench.ssh(['-F', link.sshConfigFile, alias, 'true'])).ms
  })
  const script = await figure('the script', rivals, async link => {
    return (await rivals.script(link, await bench.fresh())).ms
  })
  const others = [
    capistrano === undefined
      ? { who: 'Capistrano', why: NOT_INSTALLED }
      : await figure('Capistrano, without stop, start, switch', rivals, async link => {
          return (await capistrano(link, await bench.fresh())).ms
        }),
    rsync === undefined
      ? { who: 'rsync', why: NOT_INSTALLED }
      : await figure('`rsync --link-dest -z`, upload alone', rivals, async link => {
          return (await rsync(link, await bench.fresh())).ms
        }),
  ]
  return [
    {
      work: 'sequential round trips of deploy + promote, as the slope of time over latency',
      figures: slopes,
      ...(oursBySlope && { goal: { of: oursBySlope, limit: 13 } }),
    },
    {
      work: 'the same, counted at 100 ms each way, including those that nothing waits for',
      figures: [ours, separate, plain, script, ...others],
    },
  ]
}
