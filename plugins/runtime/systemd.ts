/** Runs a slot as an instance of a systemd template unit, such as `life@blue.service`. systemd restarts it after a crash and after a reboot. */
import { posix } from 'node:path'
import { EXIT } from '../../host/exit-codes.ts'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot, readAsRoot } from '../../host/sudo.ts'
import type { HostFacts, Provision, Slot, SlotProcess } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'
import { followCommand, journalFollow, journalPage, pageCommand, parsePage, textOf } from './journal.ts'
import { ALREADY, MISSING, type Supervisor } from './supervisor.ts'

const SYSTEMCTL = '/usr/bin/systemctl'
const UNITS = '/etc/systemd/system'
/** Number of journal lines to fetch. Fixed, because it is part of the allowed sudo command line. */
const JOURNAL_LINES = 1000

interface SystemdOptions {
  readonly app: string
  readonly layout: Layout
  readonly slots: readonly Slot[]
  /** Prints an explanation and exits with a non-zero code if the unit could not start the release in a slot. */
  startable(slot: Slot): Script
  /** The text of the template unit. */
  unitFile(facts: HostFacts): string
  /** Wraps the command that stops the unit and waits, for processes that may ignore a single signal. `pid` prints the process id while the process runs. */
  wrapStop?(pid: Script, stop: Script): Script
}

export function systemd(options: SystemdOptions): Supervisor {
  const { app, layout, slots, startable, unitFile, wrapStop = (_, stop) => stop } = options
  const unit = (slot: Slot) => `${app}@${slot.name}.service`
  /** Records when we last started the slot; systemd's own timestamps change with each restart after a crash. */
  const startedFile = (slot: Slot) => posix.join(layout.slot(slot.name).dir, 'started')
  const template = `${UNITS}/${app}@.service`
  const control = (verb: (typeof VERBS)[number], slot: Slot) => [SYSTEMCTL, verb, unit(slot)]
  const journal = (slot: Slot) => [
    '/usr/bin/journalctl',
    ...['--quiet', '--no-pager', '--output=json', `--lines=${JOURNAL_LINES}`, `--unit=${unit(slot)}`],
  ]
  return {
    unit,
    start: slot => sh.write`
[ -f ${template} ] || exit ${MISSING}
case "$(${show(slot, 'ActiveState')} --value)" in inactive|failed) ;; *) exit ${ALREADY} ;; esac
date +%s%6N > ${startedFile(slot)}
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
          stop: wrapStop(sh.read`"$(show MainPID | sed s/^0$//)"`, asRoot(control('stop', slot))),
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
if [ -s ${startedFile(slot)} ]; then cat ${startedFile(slot)}; else echo 0; fi
${readAsRoot(journal(slot))}`,
    parseLog,
    page: (slot, filter) => journalPage(unit(slot), filter),
    parsePage,
    follow: (slot, filter, end) => journalFollow(unit(slot), filter, end),
    reads: slot => pageCommand(unit(slot)),
    timed: true,
    provision: (facts): Provision => ({
      tools: { systemctl: 'systemd', journalctl: 'systemd', ps: 'procps' },
      files: [{ path: template, text: unitFile(facts), mode: 0o644 }],
      folders: [],
      // A system unit of the same name, such as getty@, or a hand-made unit for one slot: systemd would use one in place of the other.
      rivals: [
        ...['/usr/lib', '/lib', '/run'].map(folder => `${folder}/systemd/system/${app}@.service`),
        ...slots.map(slot => `${UNITS}/${unit(slot)}`),
      ],
      restarts: Object.fromEntries(slots.map(slot => [slot.name, startable(slot)])),
      sudo: slots.flatMap(slot => [
        ...VERBS.map(verb => control(verb, slot)),
        journal(slot),
        pageCommand(unit(slot)),
        followCommand(unit(slot)),
      ]),
      apply: [asRoot([SYSTEMCTL, 'daemon-reload'])],
    }),
  }

  function show(slot: Slot, properties: string): Script {
    return sh.read`systemctl show --property=${properties} ${unit(slot)}`
  }
}

const VERBS = ['start', 'stop', 'enable', 'disable', 'reset-failed'] as const

/** Parses `systemctl show`. A unit between two start attempts (`auto-restart`, `start-pre`) has no process: it counts as failed. */
export function parseProcess(text: string): SlotProcess {
  const value = (name: string) => new RegExp(`^${name}=\\s*(.*)$`, 'm').exec(text)?.[1] ?? ''
  const pid = Number(value('MainPID'))
  const active = value('ActiveState')
  if (active === 'failed' || /^(?:auto-restart|start-pre)/.test(value('SubState'))) return { state: 'failed' }
  if (active === 'inactive' || active === '' || !(pid > 0)) return { state: 'stopped' }
  const uptime = value('Uptime')
  return { state: 'running', pid, ...(uptime === '' ? {} : { uptime: Number(uptime) }) }
}

/** Messages of systemd itself that explain why a process is not running. */
const RELEVANT_MESSAGE = /: (?:Main process exited|Failed |Start request repeated)/

/** Parses the start time (microseconds since 1970) on the first line, then the journal as one JSON entry per line; systemd.journal-fields(7). */
export function parseLog(text: string, lines: number): string {
  const [since = '', ...entries] = text.split('\n')
  return entries
    .filter(Boolean)
    .map(entry => JSON.parse(entry) as Record<string, unknown>)
    .filter(entry => Number(entry.__REALTIME_TIMESTAMP) >= Number(since))
    .map(entry => ({ own: entry._PID !== '1', message: textOf(entry.MESSAGE) }))
    .filter(({ own, message }) => own || RELEVANT_MESSAGE.test(message))
    .slice(-lines)
    .map(({ message }) => message)
    .join('\n')
}
