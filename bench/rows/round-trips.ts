/**
 * Sequential round trips: the slope of time over the length of the line. What does not depend on the network, such as the
 * application's stop and boot, is the same on each line and falls out. The proxy cannot hold back the first packets of
 * TCP, so one more comes on top for each connection, here and in all others.
 */
import { type Measured, type Row, slope } from '../figures.ts'
import type { Ground } from '../ground.ts'
import type { Line } from '../lines.ts'
import { NOT_INSTALLED, type Rivals } from '../rivals.ts'

/** Milliseconds, there and back. */
const LINES = [0, 100, 200]

export async function roundTrips(ground: Ground, rivals: Rivals): Promise<Row[]> {
  const { say, repeats } = ground
  const { alias } = ground.host
  const figure = async (who: string, opened: Pick<Ground, 'line'>, work: (line: Line) => Promise<number>) => {
    const samples: number[] = []
    for (let i = 0; i < repeats; i += 1) {
      const points = []
      for (const roundTrip of LINES) points.push({ x: roundTrip, y: await work(await opened.line(roundTrip)) })
      samples.push(slope(points))
      say(
        `round trips, ${who}: ${samples.at(-1)?.toFixed(1)} from ${points.map(({ y }) => Math.round(y)).join(', ')} ms`,
      )
    }
    return { who, unit: 'round trips', samples } satisfies Measured
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
      work: 'sequential round trips of deploy + promote',
      figures: [ours, apart, plain, script, ...others],
      goal: { of: ours, limit: 13 },
    },
  ]
}
