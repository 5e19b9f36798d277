/** The arguments of commands that move the traffic, of hosts and of a swarm. */
import { arg } from '../../runner/cli/args.ts'
import type { Probing } from './probe-setting.ts'

/** For a deploy. */
export const promoting = arg.flag('Send the traffic to the new release when it is healthy')
export const migrating = arg.flag('Run the migrations of the new release when it is healthy, before the traffic moves')

export const probeArguments = {
  noProbe: arg.flag('Do not probe the site during the switch'),
  watch: arg.duration('How long to probe the site after the switch, such as 10s').optional(),
}

/** The probes of a run with these arguments; undefined if it does without. */
export const probingWith = (
  probe: Probing | undefined,
  { noProbe, watch }: { readonly noProbe: boolean; readonly watch: number | undefined },
): Probing | undefined => (noProbe || !probe ? undefined : { ...probe, ...(watch !== undefined && { watch }) })
