/** Bytes on the wire in both directions, counted by a proxy, for a real version bump: a new build of the sample application. */
import { lifeTarball } from '../../dev/life.ts'
import type { Link } from '../../dev/links.ts'
import type { Artifact, BenchContext } from '../context.ts'
import type { Measured, Row } from '../figures.ts'
import { NOT_INSTALLED, type Rivals } from '../rivals.ts'

export async function bytes(bench: BenchContext, rivals: Rivals): Promise<Row[]> {
  const bumps: Artifact[] = []
  for (let i = 0; i <= bench.repeats; i += 1) {
    const version = `0.1.${i}`
    bumps.push({ path: await lifeTarball(version), version })
  }
  const figure = async (who: string, link: Link, work: (artifact: Artifact) => Promise<unknown>) => {
    const samples: number[] = []
    for (const artifact of bumps) {
      const before = { ...link.proxy.bytes }
      await work(artifact)
      samples.push((link.proxy.bytes.up - before.up + link.proxy.bytes.down - before.down) / 1000)
    }
    // The first upload is only the base of the next one.
    samples.shift()
    bench.log(`bytes, ${who}: ${samples.map(Math.round).join(', ')} KB`)
    return { who, unit: 'KB', samples } satisfies Measured
  }
  const [near, far] = [await bench.link(0), await rivals.link(0)]
  const { rsync } = rivals
  const ours = await figure('`task deploy --promote`', near, artifact =>
    bench.task(['deploy', '--promote'], { link: near, artifact }),
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
