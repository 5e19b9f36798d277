/**
 * Sequential round trips, in two ways: as the slope of time over the length of the line, and counted by the proxy on the longest
 * line. In the slope, what does not depend on the network, such as the application's stop and boot, falls out; on a
 * busy machine it is some round trips off, which the count is not. The count also has what nobody waits for, such as opening a shell for later. The proxy cannot hold back the first packets of
 * TCP, so one more comes on top for each connection, here and in all others.
 */
import { type Measured, type Row, slope } from '../figures.ts'
import type { Ground } from '../ground.ts'
import type { Line } from '../lines.ts'
import { NOT_INSTALLED, type Rivals } from '../rivals.ts'

/** Milliseconds, there and back: long enough that nothing meets by chance what it did not wait for. */
const FAR = 200

/** Milliseconds, there and back. */
const LINES = [0, 100, FAR]

export async function roundTrips(ground: Ground, rivals: Rivals): Promise<Row[]> {
  const { say, repeats } = ground
  const { alias } = ground.host
  const slopes: Measured[] = []
  let oursBySlope: Measured | undefined
  const figure = async (who: string, opened: Pick<Ground, 'line'>, work: (line: Line) => Promise<number>) => {
    const counted: number[] = []
    const slopeOf: number[] = []
    for (let i = 0; i < repeats; i += 1) {
      const points = []
      for (const roundTrip of LINES) {
        const line = await opened.line(roundTrip)
        const before = line.proxy.turns()
        points.push({ x: roundTrip, y: await work(line) })
        if (roundTrip === FAR) counted.push(line.proxy.turns() - before)
      }
      slopeOf.push(slope(points))
      const times = points.map(({ y }) => Math.round(y)).join(', ')
      say(`round trips, ${who}: ${counted.at(-1)} counted, ${slopeOf.at(-1)?.toFixed(1)} by slope from ${times} ms`)
    }
    const bySlope = { who, unit: 'round trips', samples: slopeOf } satisfies Measured
    slopes.push(bySlope)
    oursBySlope ??= bySlope
    return { who, unit: 'round trips', samples: counted } satisfies Measured
  }
  const { rsync, capistrano } = rivals

  const ours = await figure('`task deploy --promote`', ground, async line => {
    return (await ground.task(['deploy', '--promote'], { line, artifact: await ground.fresh() })).ms
  })
  const apart = await figure('`task deploy`, then `task promote`', ground, async line => {
    const artifact = await ground.fresh()
    const idle = (await ground.live()) === 'blue' ? 'green' : 'blue'
    const deploy = await ground.task(['deploy'], { line, artifact })
    return deploy.ms + (await ground.task(['promote', idle], { line, artifact })).ms
  })
  const plain = await figure('`ssh host true`, once', ground, async line => {
    return (await ground.ssh(['-F', line.sshConfigFile, alias, 'true'])).ms
  })
  const script = await figure('the script', rivals, async line => {
    return (await rivals.script(line, await ground.fresh())).ms
  })
  const others = [
    capistrano === undefined
      ? { who: 'Capistrano', why: NOT_INSTALLED }
      : await figure('Capistrano, without stop, start, switch', rivals, async line => {
          return (await capistrano(line, await ground.fresh())).ms
        }),
    rsync === undefined
      ? { who: 'rsync', why: NOT_INSTALLED }
      : await figure('`rsync --link-dest -z`, upload alone', rivals, async line => {
          return (await rsync(line, await ground.fresh())).ms
        }),
  ]
  return [
    {
      work: 'sequential round trips of deploy + promote, as the slope of time over latency',
      figures: slopes,
      ...(oursBySlope && { goal: { of: oursBySlope, limit: 13 } }),
    },
    {
      work: 'the same counted on a line of 100 ms each way, with what nobody waits for',
      figures: [ours, apart, plain, script, ...others],
    },
  ]
}
