/**
 * A rolling switch moves the hosts in batches. A batch begins once each host of the one before has proven and recorded its switch. If one fails, the hosts of
 * all batches go back.
 */
import type { Fleet, Gathered } from '../../runner/task.ts'
import type { Deps } from '../deps.ts'

/** Hosts of a batch without `--limit`. */
const SIZE = 1

/**
 * The batches of the hosts that switch, in order. Those that serve requests come first: processes of other roles follow the traffic.
 *
 * @param switching each with whether it serves requests
 * @param size hosts of a batch
 * @default size 1
 */
export function batchesOf(
  switching: readonly Gathered<boolean>[],
  size: number = SIZE,
): readonly (readonly string[])[] {
  const chunks = (serves: boolean) => {
    const names = switching.filter(({ value }) => value === serves).map(({ host }) => host)
    return Array.from({ length: Math.ceil(names.length / size) }, (_, i) => names.slice(i * size, (i + 1) * size))
  }
  return [...chunks(true), ...chunks(false)]
}

/**
 * The shares of the traffic that go to the new slot before all of it does, in percent: behind a balancer each batch stands for the part of its hosts.
 *
 * @param hosts how many serve requests
 * @param size hosts of a batch
 * @default size 1
 */
export const sharesOf = (hosts: number, size: number = SIZE): readonly number[] =>
  Array.from({ length: Math.max(0, Math.ceil(hosts / size) - 1) }, (_, i) =>
    Math.min(99, Math.max(1, Math.round((100 * (i + 1) * size) / hosts))),
  )

/**
 * Waits until it is this host's turn. Resolves to the hosts that switch at one moment with it. Called on each host that switches, and on no other.
 *
 * @throws if the switch fails in a batch before
 */
export async function turnOf({ fleet, runtime, log }: Pick<Deps, 'fleet' | 'runtime' | 'log'>): Promise<Fleet> {
  const batches = batchesOf(await fleet.gather(runtime.serves !== false), fleet.limit)
  if (batches.length < 2) return fleet
  const batch = await fleet.batch(batches)
  const at = batches.findIndex(names => names.includes(fleet.host))
  if (batch.first) log(`Batch ${at + 1} of ${batches.length}: ${batch.hosts.join(', ')}`)
  return batch
}
