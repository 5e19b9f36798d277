/** Hooks of an application: a command that runs in the release of a slot after a switch, with the slot's environment. */
import { limited } from '../../host/limited.ts'
import type { Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { lastLines } from '../../runner/units.ts'
import type { Hooks, PluginContext, Runtime, Slot } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'
import { runtimeFaults as faults } from './faults.ts'
import { inSlot, withEnvironment } from './scripts.ts'

interface HookScript {
  readonly layout: Layout
  readonly slot: Slot
  /** Prints the pid of the slot's process; without one there is nobody to tell. */
  readonly pid: Script
  /** Runs before the command, for example to set further environment variables. */
  readonly before?: Script
  /** One simple command. */
  readonly command: Script
  /** Seconds. */
  readonly limit: number
}

const LATE = 124

/** Exits with the code of the command, or with that of `timeout` if its limit ended it. Does nothing if the slot is down. */
export const hookScript = ({ layout, slot, pid, before = sh.read`:`, command, limit }: HookScript): Script => {
  const run = (first: Script) => sh.write`cd ${layout.slot(slot.name).current}
${limited(command, limit, first)}
if [ "$code" = late ]; then exit ${LATE}; fi
exit "$code"`
  return sh.write`if [ -z "$(${pid})" ]; then exit 0; fi
${layout.user === undefined ? run(sh.lines(withEnvironment(layout, slot), before)) : inSlot(layout, slot, run(before))}`
}

interface HookCommands extends Pick<HookScript, 'before' | 'limit'> {
  pid(slot: Slot): Script
  /** The command of each hook for a slot; undefined if there is none. */
  readonly commands: Readonly<Record<keyof Hooks, ((slot: Slot) => Script) | undefined>>
}

/** The hooks of a runtime that has commands for them. */
export function hooksOf(context: PluginContext, { commands, pid, ...options }: HookCommands): Pick<Runtime, 'hooks'> {
  const { layout } = context
  const { promoted, demoted } = commands
  const query = (hook: keyof Hooks, command: (slot: Slot) => Script) => (slot: Slot) =>
    hookQuery(
      context,
      slot,
      hook,
      options.limit,
      hookScript({ ...options, layout, slot, pid: pid(slot), command: command(slot) }),
    )
  if (!promoted && !demoted) return {}
  return {
    hooks: {
      ...(promoted && { promoted: query('promoted', promoted) }),
      ...(demoted && { demoted: query('demoted', demoted) }),
    },
  }
}

const hookQuery = (
  { log }: PluginContext,
  slot: Slot,
  hook: keyof Hooks,
  limit: number,
  script: Script,
): Query<void> => ({
  script: { ...script, label: `the hook ${hook} of ${slot.name}` },
  onLine: log,
  read({ code, stdout, stderr }) {
    const details = { slot: slot.name, hook, output: lastLines(stdout || stderr) }
    if (code === LATE) throw faults.HOOK_TIMED_OUT({ ...details, limit })
    if (code !== 0) throw faults.HOOK_FAILED({ ...details, code })
  },
})
