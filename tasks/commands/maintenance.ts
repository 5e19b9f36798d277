import { arg } from '../../runner/cli/args.ts'
import type { Arg } from '../../runner/task.ts'
import { slotFaults } from '../../slots/faults.ts'
import { parseNetworks } from '../../slots/maintenance/networks.ts'
import { begin, describeMaintenance, end, maintaining } from '../../slots/maintenance/site.ts'
import { assertSetUp } from '../../slots/setup/owner.ts'
import type { TaskDeps } from '../context.ts'

const MESSAGE = 'We are working on this site. Please come back in a few minutes.'
const RETRY_AFTER = 120
const DAY = 86_400

const choice = arg.choice(['on', 'off'], 'Begin or end the maintenance; without it, its state is shown').optional()
const state: typeof choice = { ...choice, positional: true, optional: () => state }

const line = arg.text(`The text on the page (default: "${MESSAGE}")`)
const message: Arg<string | undefined> = {
  ...line.optional(),
  parse: raw =>
    raw === undefined
      ? undefined
      : line.parse(
          String(raw)
            .replace(/[\s\p{Cc}]+/gu, ' ')
            .trim(),
        ),
  optional: () => message,
}

const networks = arg.text('The networks whose clients reach the site, such as 10.0.0.0/8,2001:db8::/32', {
  placeholder: 'networks',
})
const allow: Arg<readonly string[]> = {
  ...networks.optional(),
  parse: raw => (raw === undefined ? [] : parseNetworks(networks.parse(raw))),
  optional: () => allow,
}

const seconds = arg.integer(`Seconds after which clients should ask again (default ${RETRY_AFTER})`)
const retryAfter: Arg<number | undefined> = {
  ...seconds.optional(),
  parse(raw) {
    const value = raw === undefined ? undefined : seconds.parse(raw)
    if (value !== undefined && (value < 1 || value > DAY)) throw new Error(`it must be from 1 to ${DAY} seconds`)
    return value
  },
  optional: () => retryAfter,
}

export const maintenance = <S extends string>({ task, pooled }: TaskDeps<S>) =>
  task('Show, begin or end the maintenance of the site', {
    once: pooled,
    description:
      'While it is on, the public gets status 503 with Retry-After and a page. Clients of the allowed networks reach the live slot. Deploys and\n' +
      'promotes work as always, because their requests come from the host itself. It needs no reload, no root and no lock, and survives a restart.\n' +
      'To keep others from deploying, use `lock`.',
    examples: [
      'maintenance on --message "Back at 10:00 UTC."',
      'maintenance on --allow 10.0.0.0/8,2001:db8::/32 --retry-after 600',
      'maintenance',
      'maintenance off',
    ],
    args: { state, message, allow, retryAfter },
    changes: ({ state }) => state !== undefined,
    async run({ state, message, allow, retryAfter, dryRun, note, show, ...rest }) {
      if (rest.runtime.serves === false) return
      const context = { ...rest, dryRun }
      const router = maintaining(context.router)
      const given = { message: message !== undefined, allow: allow.length > 0, 'retry-after': retryAfter !== undefined }
      const stray = state === 'on' ? undefined : Object.entries(given).find(([, is]) => is)?.[0]
      if (stray !== undefined) throw slotFaults.MAINTENANCE_FLAGS({ flag: `--${stray}` })
      if (state === undefined) {
        const { host, layout } = context
        const [, found] = await host.all([assertSetUp(layout), router.maintenance()])
        note(found ? 'on' : 'off')
        return show(found ? describeMaintenance(found) : 'The site is not in maintenance.', {
          maintenance: found ?? null,
        })
      }
      if (state === 'off') {
        const before = await end(context, router)
        if (!before) return note('it was off')
        return note(`${before.by} began it at ${before.since}${dryRun ? '; not ended in a dry run' : ''}`)
      }
      const wanted = {
        by: context.deploy.by,
        since: new Date().toISOString(),
        message: message ?? MESSAGE,
        allow,
        retryAfter: retryAfter ?? RETRY_AFTER,
      }
      const before = await begin(context, router, wanted)
      if (dryRun) return note('not begun in a dry run')
      note(before ? `replaces the one of ${before.by}, since ${before.since}` : 'the public gets 503, verified')
      show(describeMaintenance(wanted), { maintenance: wanted })
    },
  })
