/** Wall times on a line of no length: of a deploy beyond what the application itself takes, and of a promote. */
import { type Measured, type Row, ratios } from '../figures.ts'
import type { Ground } from '../ground.ts'

/** What the application itself takes to stop and to boot until it answers, in milliseconds, seen from its own host. */
async function ownTime({ host }: Ground, slot: string): Promise<number> {
  const port = slot === 'blue' ? 4000 : 5000
  const { code, stdout, stderr } = await host.exec(`set -e
    begin=$(date +%s%N)
    systemctl stop life@${slot}
    systemctl start life@${slot}
    until curl -fs -o /dev/null http://127.0.0.1:${port}/health; do :; done
    echo $(( ($(date +%s%N) - begin) / 1000 ))`)
  if (code !== 0) throw new Error(`the application in ${slot} could not be restarted: ${stderr}`)
  return Number(stdout) / 1000
}

export async function deployTime(ground: Ground): Promise<Row[]> {
  const samples: number[] = []
  const own: number[] = []
  for (let i = 0; i < ground.repeats; i += 1) {
    const idle = (await ground.live()) === 'blue' ? 'green' : 'blue'
    own.push(await ownTime(ground, idle))
    const { ms } = await ground.task(['deploy', '--promote'], { artifact: await ground.fresh() })
    samples.push(ms - (own.at(-1) ?? 0))
    ground.say(`deploy: ${Math.round(ms)} ms, the application ${Math.round(own.at(-1) ?? 0)} ms of it`)
  }
  const ours: Measured = { who: '`task deploy --promote`, beyond that', unit: 'ms', samples }
  return [
    {
      work: "wall time at 0 ms beyond the application's own stop and boot-to-healthy",
      figures: [ours, { who: 'the application itself', unit: 'ms', samples: own }],
      goal: { of: ours, limit: 1000 },
    },
  ]
}

export async function promoteTime(ground: Ground): Promise<Row[]> {
  const promotes: number[] = []
  const plain: number[] = []
  const bare: number[] = []
  for (let i = 0; i < ground.repeats * 3; i += 1) {
    plain.push((await ground.ssh(['-F', ground.host.sshConfigFile, ground.host.alias, 'true'])).ms)
    const idle = (await ground.live()) === 'blue' ? 'green' : 'blue'
    const other = idle === 'blue' ? 'green' : 'blue'
    promotes.push((await ground.task(['promote', idle])).ms)
    bare.push((await ground.task(['promote', other, '--no-probe'])).ms)
  }
  const ratio: Measured = { who: '`task promote` over `ssh host true`', unit: 'x', samples: ratios(promotes, plain) }
  const unwatched: Measured = {
    who: '`task promote --no-probe` over `ssh host true`',
    unit: 'x',
    samples: ratios(bare, plain),
  }
  ground.say(`promote: ${promotes.map(Math.round).join(', ')} ms; ssh: ${plain.map(Math.round).join(', ')} ms`)
  return [
    {
      work: '`task promote`, proven, whole process',
      figures: [
        ratio,
        unwatched,
        { who: '`task promote`', unit: 'ms', samples: promotes },
        { who: '`task promote --no-probe`', unit: 'ms', samples: bare },
        { who: '`ssh host true`', unit: 'ms', samples: plain },
      ],
      goal: { of: ratio, limit: 2 },
    },
  ]
}
