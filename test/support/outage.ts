/** A live slot that stops serving, in several ways, and a host on which that happens. */
import { expect } from 'vitest'
import { type Site, type SiteOptions, startSite } from '../../dev/site.ts'
import { dotenv, succeeds } from './invariant.ts'

/** How a live slot fails. A killed one restarts by itself; a crashing one is killed again and again. */
export const ILLS = ['stopped', 'killed', 'crashing', 'frozen', 'answering 500'] as const
export type Ill = (typeof ILLS)[number]

export const other = (slot: string): string => (slot === 'blue' ? 'green' : 'blue')
export const portOf = (slot: string): number => (slot === 'blue' ? 4000 : 5000)

/**
 * Sets up a host with green live and blue warm, both on 0.1.0. HEALTH in the environment changes the path of the health check, but not that of
 * the probes, so a release can pass the health check and still fail.
 */
export async function outageSite({ more = '', tasks = '', ...options }: SiteOptions = {}): Promise<Site> {
  const site = await startSite({
    runtime: 'beam({ stopLimit: 3 })',
    router: "aroundTheSwitch(nginx({ site: 'life.example' }))",
    ...options,
    tasks: `
import { arg } from 'switchyard-deploy'
export const { retire, repair, history } = tasks
export const sicken = task('Make a running slot ill', {
  args: { slot, fault: arg.text('As LIFE_FAULT') },
  async run({ host, runtime, slot, fault }) { await host.query(runtime.rpc(slot, \`Application.put_env(:life, :fault, "\${fault}")\`)) },
})
/** Adds commands to the switch: those in BEFORE run on the host right before it, those in BEHIND right after it. */
function aroundTheSwitch(plugin) {
  const create = kit => {
    const router = plugin.create(kit)
    if (!env.BEFORE && !env.BEHIND) return router
    const promote = (slot, generation) => {
      const { script, read } = router.promote(slot, generation)
      return { script: { writes: true, text: [env.BEFORE ?? ':', script.text, env.BEHIND ?? ':'].join('\\n') }, read }
    }
    return { ...router, promote }
  }
  return { ...plugin, create }
}
${tasks}`,
    more: `env: '.env',
  health: { path: env.HEALTH ?? '/health', version: env.HEALTH ? false : 'version', patience: 10_000, within: 300_000 },
  probe: { paths: ['/health'] },
  ${more}`,
  })
  try {
    await dotenv(site)
    // Both have been live, so a rollback is possible.
    for (const args of [['setup'], ['deploy', '--promote'], ['deploy', '--promote']]) await succeeds(site, ...args)
    return site
  } catch (error) {
    await site[Symbol.asyncDispose]()
    throw error
  }
}

/** Makes a slot fail, and waits until it does. */
export async function sicken(site: Site, slot: string, ill: Ill): Promise<void> {
  const unit = `life@${slot}.service`
  if (ill === 'answering 500') await succeeds(site, 'sicken', slot, 'health_500')
  if (ill === 'stopped') await site.host.exec(`systemctl stop ${unit}`)
  if (ill === 'killed') await site.host.exec(`systemctl kill --signal=KILL --kill-whom=all ${unit}`)
  if (ill === 'frozen') await site.host.exec(`systemctl kill --signal=STOP --kill-whom=all ${unit}`)
  if (ill === 'crashing')
    await site.host.exec(
      `systemd-run --quiet --unit=crash-${slot} bash -c 'while :; do systemctl kill --signal=KILL --kill-whom=all ${unit}; sleep 0.05; done'`,
    )
  // A killed slot may be up again by now.
  if (ill !== 'killed') await expect.poll(() => statusOf(site, slot)).not.toBe('200')
}

/** Restarts a slot, whatever was done to it. */
export async function mend(site: Site, slot: string): Promise<void> {
  const unit = `life@${slot}.service`
  await site.host.exec(`
systemctl stop crash-${slot}.service 2>/dev/null
systemctl kill --signal=CONT --kill-whom=all ${unit} 2>/dev/null
systemctl kill --signal=KILL --kill-whom=all ${unit} 2>/dev/null
systemctl reset-failed ${unit} 2>/dev/null
systemctl restart ${unit}`)
  // A slot whose environment makes it fail responds too.
  await expect.poll(() => statusOf(site, slot)).not.toBe('000')
}

/** The status of the health path of a slot, without the router; 000 without a response within a second. */
export const statusOf = async (site: Site, slot: string): Promise<string> =>
  (
    await site.host.exec(
      `curl -s -o /dev/null --max-time 1 -w '%{http_code}' http://127.0.0.1:${portOf(slot)}/health || printf ''`,
    )
  ).stdout.trim()

/** The slot that the live link names. */
export const liveSlot = async (site: Site): Promise<string> => {
  const { stdout } = await site.host.exec('readlink /srv/life/router/live')
  return stdout.split('.')[0] ?? ''
}

export const pidOf = async (site: Site, slot: string): Promise<string> =>
  (await site.host.exec(`systemctl show -p MainPID --value life@${slot}.service`)).stdout.trim()

/** The last lines of the journal, the newest last. */
export const journal = async (site: Site, lines = 50): Promise<readonly Record<string, unknown>[]> =>
  (await site.host.exec(`tail -n ${lines} /srv/life/journal.jsonl`)).stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
