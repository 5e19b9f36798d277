/** Wall times without added latency: of a deploy, minus what the application itself takes, and of a promote. */
import type { BenchContext } from '../context.ts'
import { type Measured, type Row, ratios } from '../figures.ts'

/** The time that the application itself takes to stop and to boot until it is healthy, in milliseconds, measured on its host. */
async function restartTime({ host }: BenchContext, slot: string): Promise<number> {
  const port = slot === 'blue' ? 4000 : 5000
  const { code, stdout, stderr } = await host.exec(`set -e
    begin=$(date +%s%N)
    systemctl stop life@${slot}
    systemctl start life@${slot}
    until curl -fs -o /dev/null http://127.0.0.1:${port}/health; do :; done
    echo $(( ($(date +%s%N) - begin) / 1000 ))`)
  if (code !== 0) throw new Error(`The application in ${slot} could not be restarted: ${stderr}`)
  return Number(stdout) / 1000
}

export async function deployTime(bench: BenchContext): Promise<Row[]> {
  const samples: number[] = []
  const own: number[] = []
  for (let i = 0; i < bench.repeats; i += 1) {
    const idle = (await bench.live()) === 'blue' ? 'green' : 'blue'
    own.push(await restartTime(bench, idle))
    const { ms } = await bench.task(['deploy', '--promote'], { artifact: await bench.fresh() })
    samples.push(ms - (own.at(-1) ?? 0))
    bench.log(`deploy: ${Math.round(ms)} ms, the application ${Math.round(own.at(-1) ?? 0)} ms of it`)
  }
  const ours: Measured = { who: '`task deploy --promote`, without that', unit: 'ms', samples }
  return [
    {
      work: "wall time at 0 ms latency, without the application's own stop and boot-to-healthy",
      figures: [ours, { who: 'the application itself', unit: 'ms', samples: own }],
      goal: { of: ours, limit: 1000 },
    },
  ]
}

export async function promoteTime(bench: BenchContext): Promise<Row[]> {
  const promotes: number[] = []
  const plain: number[] = []
  const bare: number[] = []
  for (let i = 0; i < bench.repeats * 3; i += 1) {
    plain.push((await bench.ssh(['-F', bench.host.sshConfigFile, bench.host.alias, 'true'])).ms)
    const idle = (await bench.live()) === 'blue' ? 'green' : 'blue'
    const other = idle === 'blue' ? 'green' : 'blue'
    promotes.push((await bench.task(['promote', idle])).ms)
    bare.push((await bench.task(['promote', other, '--no-probe'])).ms)
  }
  const ratio: Measured = { who: '`task promote` over `ssh host true`', unit: 'x', samples: ratios(promotes, plain) }
  const withoutProbe: Measured = {
    who: '`task promote --no-probe` over `ssh host true`',
    unit: 'x',
    samples: ratios(bare, plain),
  }
  bench.log(`promote: ${promotes.map(Math.round).join(', ')} ms; ssh: ${plain.map(Math.round).join(', ')} ms`)
  return [
    {
      work: '`task promote`, verified, whole process',
      figures: [
        ratio,
        withoutProbe,
        { who: '`task promote`', unit: 'ms', samples: promotes },
        { who: '`task promote --no-probe`', unit: 'ms', samples: bare },
        { who: '`ssh host true`', unit: 'ms', samples: plain },
      ],
      goal: { of: ratio, limit: 2 },
    },
  ]
}
