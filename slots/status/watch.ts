/** The lines of `watch`: what changed since the last look. */
import { age } from '../../runner/units.ts'
import type { SlotStatus, Status } from './status.ts'

export interface WatchLine {
  /** The slot that it is about; undefined for the site. */
  readonly slot: string | undefined
  readonly text: string
  readonly data: object
}

/** All slots in the first look; later those that changed in more than their uptime. Then whether it is certain which slot is live. */
export function watchLines(now: Status, before: Status | undefined, at: Date): readonly WatchLine[] {
  const time = at.toISOString().slice(11, 19)
  const slots = now.slots.flatMap(slot => {
    const last = before?.slots.find(other => other.slot === slot.slot)
    if (last && signature(last) === signature(slot)) return []
    return [{ slot: slot.slot, text: `${time}  ${slotText(slot)}`, data: { at: at.toISOString(), ...slot } }]
  })
  const site = siteText(now)
  if (site === (before ? siteText(before) : '')) return slots
  const { agreed, live, readings } = now
  const data = { at: at.toISOString(), agreed, live, readings, maintenance: now.maintenance ?? null }
  return [...slots, { slot: undefined, text: `${time}  ${site || 'all readings agree, and the site is open'}`, data }]
}

/** Without the uptime: a restart has another pid. */
const signature = ({ uptime: _, ...rest }: SlotStatus): string => JSON.stringify(rest)

const slotText = ({
  live,
  canary,
  release,
  state,
  failed = [],
  pid,
  uptime,
  health,
  connections,
}: SlotStatus): string =>
  [
    live ? 'live' : canary === undefined ? 'idle' : `${canary} %`,
    release ?? 'no release',
    [state, ...failed.map(name => `${name} failed`)].join(', '),
    health,
    `${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    ...(pid === null ? [] : [`process ${pid}${uptime === null ? '' : `, up ${age(uptime)}`}`]),
  ].join('  ')

/** What is unusual about the site; '' if nothing is. */
const siteText = ({ agreed, readings, maintenance, closed }: Status): string =>
  [
    ...(agreed
      ? []
      : [
          `not certain which slot is live: ${Object.entries(readings)
            .map(pair => pair.join(' '))
            .join(', ')}`,
        ]),
    ...(maintenance ? ['in maintenance'] : []),
    ...(closed ? ['closed for deploys'] : []),
  ].join('; ')
