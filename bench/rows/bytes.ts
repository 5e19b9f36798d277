/** Bytes on the wire, both ways, counted by a proxy, for a real version bump: another version of the sample application, built anew. */
import { lifeTarball } from '../../dev/life.ts'
import type { Measured, Row } from '../figures.ts'
import type { Artifact, Ground } from '../ground.ts'
import type { Line } from '../lines.ts'
import { NOT_INSTALLED, type Rivals } from '../rivals.ts'

export async function bytes(ground: Ground, rivals: Rivals): Promise<Row[]> {
  const bumps: Artifact[] = []
  for (let i = 0; i <= ground.repeats; i += 1) {
    const version = `0.1.${i}`
    bumps.push({ path: await lifeTarball(version), version })
  }
  const figure = async (who: string, line: Line, work: (artifact: Artifact) => Promise<unknown>) => {
    const samples: number[] = []
    for (const artifact of bumps) {
      const before = { ...line.proxy.bytes }
      await work(artifact)
      samples.push((line.proxy.bytes.up - before.up + line.proxy.bytes.down - before.down) / 1000)
    }
    // The first one is there to be bumped.
    samples.shift()
    ground.say(`bytes, ${who}: ${samples.map(Math.round).join(', ')} KB`)
    return { who, unit: 'KB', samples } satisfies Measured
  }
  const [near, far] = [await ground.line(0), await rivals.line(0)]
  const { rsync } = rivals
  const ours = await figure('`task deploy --promote`', near, artifact =>
    ground.task(['deploy', '--promote'], { line: near, artifact }),
  )
  const script = await figure('the script', far, artifact => rivals.script(far, artifact))
  const other =
    rsync === undefined
      ? { who: 'rsync', why: NOT_INSTALLED }
      : await figure('`rsync --link-dest -z`, upload alone', far, artifact => rsync(far, artifact))
  return [
    {
      work: 'bytes on the wire, both ways, for a version bump with one changed module',
      figures: [ours, script, other],
      goal: { of: ours, limit: 100 },
    },
  ]
}
