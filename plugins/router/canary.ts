/**
 * A canary, for a router that looks for a file on each request. While `router/live/canary` points to a folder, the requests whose number begins with the name
 * of a file in `share/` go to the slot that is not live. The folder is in that of the route, so the rename that moves the traffic ends the canary too.
 */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { capture, commandFailed, perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { type Fields, flag, optional } from '../../runner/taskfile/shape.ts'
import { numbersOf, numberText } from '../../slots/canary/share.ts'
import type { Canary, PluginContext, Route, Router } from '../../slots/contracts.ts'
import { routerFaults } from './faults.ts'
import { linkPath, targetOf } from './live-link.ts'

export interface CanaryOption {
  /**
   * Makes the site able to send a share of its requests to the slot that is not live: `npx task promote green --percent 5`. It costs a request one look at a
   * file or a map, so it is off unless it is wanted. Run `setup` after a change.
   *
   * @default false
   */
  readonly canary?: boolean
}

export const canaryRule: Fields<CanaryOption> = { canary: optional(flag) }

const { outdated: OUTDATED, stale: STALE } = EXIT.router

/** The files of the site on the host, and a text that each contains if the router knows of a canary. */
interface Site {
  readonly installed: readonly string[]
  readonly needle: string
}

export type CanaryMethods = Required<Pick<Router, 'canary' | 'beginCanary' | 'endCanary'>>

export function canaryByFiles({ layout }: Pick<PluginContext, 'layout'>, site: Site): CanaryMethods {
  const { router } = layout
  return {
    canary: () => capture(readCanary(router), parseCanary),
    beginCanary: (canary, route) =>
      beginCanaryQuery(beginCanary(router, canary, route, site), `${JSON.stringify(canary)}\n`),
    endCanary: () => perform(endCanary(router)),
  }
}

/** @throws CANARY_NOT_SET_UP, CANARY_ROUTE_MOVED if the script ends with `outdated` or `stale` */
export const beginCanaryQuery = (script: Script, input?: string): Query<void> => ({
  script,
  ...(input !== undefined && { input }),
  read(output, host) {
    const said = output.stdout.trim()
    if (output.code === OUTDATED) throw routerFaults.CANARY_NOT_SET_UP({ host: host.name, path: said })
    if (output.code === STALE) throw routerFaults.CANARY_ROUTE_MOVED({ host: host.name, route: said })
    if (output.code !== 0) throw commandFailed(host, script, output)
  },
})

const folderOf = (router: string) => posix.join(linkPath(router), 'canary')

/** A text that is in a site's file if it knows of a canary. */
export const canaryMarker = (router: string): string => `${folderOf(router)}/on`

/** Prints `on` and the record in the next line, or nothing. */
export const readCanary = (router: string): Script => {
  const at = (name: string) => posix.join(folderOf(router), name)
  return sh.read`if [ -e ${at('on')} ]; then echo on; cat ${at('record.json')} 2> /dev/null || :; fi`
}

/** Parses the output of `readCanary`. Accepts any record, because somebody may have made it by hand. */
export function parseCanary(printed: string): Canary | undefined {
  if (!printed.startsWith('on')) return undefined
  const unknown = { slot: 'the idle slot', percent: 0, sticky: false, by: 'somebody', since: 'an unknown time' }
  try {
    return { ...unknown, ...(JSON.parse(printed.slice('on'.length)) as Partial<Canary>) }
  } catch {
    return unknown
  }
}

export const beginCanary = (
  router: string,
  { percent, sticky, since }: Pick<Canary, 'percent' | 'sticky' | 'since'>,
  { slot = '', generation = '' }: Route,
  { installed, needle }: Site,
): Script =>
  program(new URL('./begin-canary.sh', import.meta.url), {
    writes: true,
    parameters: {
      router,
      target: targetOf(slot, generation),
      name: `canary-${percent}-${since.replace(/\D/g, '')}`,
      ranges: ranges(numbersOf(percent)),
      sticky: sticky ? 'sticky' : 'fresh',
      installed,
      needle,
      outdated: OUTDATED,
      stale: STALE,
    },
  })

/** A request that was about to go to the canary finds the folder gone, and goes to the live slot. */
export const endCanary = (router: string): Script =>
  sh.write`if cd ${linkPath(router)} 2> /dev/null; then rm -f canary; rm -rf canary-*/; fi`

/** The beginnings of all numbers below this one: of one, two or three digits. No number has two of them. */
export function ranges(below: number): readonly string[] {
  const digits = numberText(below)
  return [...digits].flatMap((digit, i) =>
    Array.from({ length: Number.parseInt(digit, 16) }, (_, next) => `${digits.slice(0, i)}${next.toString(16)}`),
  )
}
