/** A slot as an instance of a systemd unit: `life@blue.service`. It comes back after a crash and after a reboot. */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot, readAsRoot } from '../../host/sudo.ts'
import type { HostFacts, Provision, Slot, SlotProcess } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'
import { ALREADY, MISSING, type Supervisor } from './supervisor.ts'

const SYSTEMCTL = '/usr/bin/systemctl'
const UNITS = '/etc/systemd/system'
/** How many lines of the journal are fetched; a part of the sudo line, so one number for all. */
const FETCH = 1000

interface SystemdOptions {
  readonly app: string
  readonly layout: Layout
  readonly slots: readonly Slot[]
  /** Exits with another code than 0, and prints why, when the unit could not start what is in a slot. */
  startable(slot: Slot): Script
  /** The text of the template unit. */
  unitFile(facts: HostFacts): string
  /** What runs in the place of the command that stops the unit and waits for its end, for processes that one signal may not end. `pid` prints the process, while there is one. */
  stopping?(pid: Script, stop: Script): Script
}

export function systemd(options: SystemdOptions): Supervisor {
  const { app, layout, slots, startable, unitFile, stopping = (_, stop) => stop } = options
  const unit = (slot: Slot) => `${app}@${slot.name}.service`
  /** When we last started it: systemd's own times change with each restart after a crash. */
  const started = (slot: Slot) => posix.join(layout.slot(slot.name).dir, 'started')
  const template = `${UNITS}/${app}@.service`
  const control = (verb: (typeof VERBS)[number], slot: Slot) => [SYSTEMCTL, verb, unit(slot)]
  const journal = (slot: Slot) => [
    '/usr/bin/journalctl',
    ...['--quiet', '--no-pager', '--output=json', `--lines=${FETCH}`, `--unit=${unit(slot)}`],
  ]
  return {
    unit,
    start: slot => sh.write`
[ -f ${template} ] || exit ${MISSING}
case "$(${show(slot, 'ActiveState')} --value)" in inactive|failed) ;; *) exit ${ALREADY} ;; esac
date +%s%6N > ${started(slot)}
${asRoot(control('reset-failed', slot))} 2>/dev/null || true
${asRoot(control('start', slot))}
${asRoot(control('enable', slot))}`,
    stop: slot =>
      program(new URL('./stop-unit.sh', import.meta.url), {
        writes: true,
        parameters: {
          template,
          unit: unit(slot),
          disable: asRoot(control('disable', slot)),
          resetFailed: asRoot(control('reset-failed', slot)),
          stop: stopping(sh.read`"$(show MainPID | sed s/^0$//)"`, asRoot(control('stop', slot))),
          ...EXIT.process,
        },
      }),
    process: slot => sh.read`
${show(slot, 'ActiveState,SubState,MainPID')}
pid=$(${show(slot, 'MainPID')} --value)
if [ "\${pid:-0}" != 0 ]; then printf 'Uptime=%s\\n' "$(ps -o etimes= -p "$pid" || true)"; fi`,
    parseProcess,
    pid: slot => sh.read`${show(slot, 'MainPID')} --value | sed /^0$/d`,
    log: slot => sh.read`
if [ -s ${started(slot)} ]; then cat ${started(slot)}; else echo 0; fi
${readAsRoot(journal(slot))}`,
    parseLog,
    provision: (facts): Provision => ({
      tools: { systemctl: 'systemd', journalctl: 'systemd', ps: 'procps' },
      files: [{ path: template, text: unitFile(facts), mode: 0o644 }],
      folders: [],
      // A unit of the system's own, such as getty@, and one of a slot alone that somebody made: systemd would take one for the other.
      rivals: [
        ...['/usr/lib', '/lib', '/run'].map(folder => `${folder}/systemd/system/${app}@.service`),
        ...slots.map(slot => `${UNITS}/${unit(slot)}`),
      ],
      restarts: Object.fromEntries(slots.map(slot => [slot.name, startable(slot)])),
      sudo: slots.flatMap(slot => [...VERBS.map(verb => control(verb, slot)), journal(slot)]),
      apply: [asRoot([SYSTEMCTL, 'daemon-reload'])],
    }),
  }

  function show(slot: Slot, properties: string): Script {
    return sh.read`systemctl show --property=${properties} ${unit(slot)}`
  }
}

const VERBS = ['start', 'stop', 'enable', 'disable', 'reset-failed'] as const

/** Reads `systemctl show`. A unit between two tries (`auto-restart`, and then `start-pre`) has no process: that is failed, not running. */
export function parseProcess(text: string): SlotProcess {
  const value = (name: string) => new RegExp(`^${name}=\\s*(.*)$`, 'm').exec(text)?.[1] ?? ''
  const pid = Number(value('MainPID'))
  const active = value('ActiveState')
  if (active === 'failed' || /^(?:auto-restart|start-pre)/.test(value('SubState'))) return { state: 'failed' }
  if (active === 'inactive' || active === '' || !(pid > 0)) return { state: 'stopped' }
  const uptime = value('Uptime')
  return { state: 'running', pid, ...(uptime === '' ? {} : { uptime: Number(uptime) }) }
}

/** What systemd itself says that helps to understand why a process is not there. */
const TELLING = /: (?:Main process exited|Failed |Start request repeated)/

/** Reads a start's time, in microseconds since 1970, and the journal as JSON, one entry a line; systemd.journal-fields(7). */
export function parseLog(text: string, lines: number): string {
  const [since = '', ...entries] = text.split('\n')
  return entries
    .filter(Boolean)
    .map(entry => JSON.parse(entry) as Record<string, unknown>)
    .filter(entry => Number(entry.__REALTIME_TIMESTAMP) >= Number(since))
    .map(entry => ({ own: entry._PID !== '1', message: message(entry.MESSAGE) }))
    .filter(({ own, message }) => own || TELLING.test(message))
    .slice(-lines)
    .map(({ message }) => message)
    .join('\n')
}

/** The journal's JSON has bytes where a message is not plain text, and null where it is too long. */
const message = (value: unknown): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? Buffer.from(value as number[]).toString('utf8') : '...'
