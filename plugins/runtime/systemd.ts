/** Runs a slot as an instance of a systemd template unit, such as `life@blue.service`. systemd restarts it after a crash and after a reboot. */
import { posix } from 'node:path'
import { program } from '../../host/program.ts'
import { type Script, sh } from '../../host/script.ts'
import { asRoot, readAsRoot } from '../../host/sudo.ts'
import type { HostFacts, Provision, Slot, SlotProcess } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'
import { followCommand, journalFollow, journalPage, pageCommand, parsePage, processOf, textOf } from './journal.ts'
import {
  allOf,
  begun,
  failedOthers,
  forgetFailures,
  type OtherProcess,
  otherStates,
  othersOf,
  SYSTEMCTL,
  startOthers,
  stopUnits,
  systemctl,
  UNITS,
  unitName,
  unitsOf as unitsOfProcess,
} from './other-units.ts'
import { ALREADY, MISSING, type Supervisor } from './supervisor.ts'

/** Number of journal lines to fetch. Fixed, because it is part of the allowed sudo command line. */
const JOURNAL_LINES = 1000

interface SystemdOptions {
  readonly app: string
  readonly layout: Layout
  readonly slots: readonly Slot[]
  /** Prints an explanation and exits with a non-zero code if the unit could not start the release in a slot. */
  startable(slot: Slot): Script
  /** The text of the template unit. Missing on a host whose slots have no process that serves requests. */
  readonly unitFile?: ((facts: HostFacts) => string) | undefined
  /** Wraps the command that stops a unit and waits, for processes that may ignore a single signal. `pid` prints the process id while the process runs. */
  wrapStop?(pid: Script, stop: Script): Script
  /**
   * Prints the id of the process that serves requests, or nothing if there is none.
   *
   * @default the main process of the unit
   */
  mainPid?(slot: Slot): Script
  /**
   * The processes of a slot beside the one that serves requests.
   *
   * @default []
   */
  readonly processes?: readonly OtherProcess[]
}

/** The name of the process that serves requests, in messages. */
const WEB = 'web'

export function systemd(options: SystemdOptions): Supervisor {
  const { app, layout, slots, startable, unitFile, wrapStop = (_, stop) => stop, processes = [] } = options
  /** The unit that stands for the slot. */
  const [first] = processes.toSorted((a, b) => Number(a.timer !== undefined) - Number(b.timer !== undefined))
  const unit = (slot: Slot) =>
    unitFile || !first ? unitName(app, undefined, slot.name) : (unitsOfProcess(app, first, slot.name)[0] ?? '')
  const { mainPid = slot => sh.read`${show(slot, 'MainPID')} --value | sed /^0$/d` } = options
  /** Records when we last started the slot; systemd's own timestamps change with each restart after a crash. */
  const startedFile = (slot: Slot) => posix.join(layout.slot(slot.name).dir, 'started')
  const texts = (facts: HostFacts) => [
    ...(unitFile ? [unitFile(facts)] : []),
    ...processes.flatMap(({ timer, unitFile }) => [...(timer === undefined ? [] : [timer]), unitFile(facts)]),
  ]
  const templates = [
    ...(unitFile ? [unitName(app, undefined, '')] : []),
    ...processes.flatMap(process => unitsOfProcess(app, process, '')),
  ].map(name => `${UNITS}/${name}`)
  const unitsOf = (slot: Slot) => [
    ...(unitFile ? [{ name: WEB, unit: unit(slot) }] : []),
    ...processes.flatMap(process =>
      unitsOfProcess(app, process, slot.name).map(unit => ({ name: process.name, unit })),
    ),
  ]
  const names = (slot: Slot) => unitsOf(slot).map(({ unit }) => unit)
  /** A timer writes no log of the application. */
  const logged = (slot: Slot) => names(slot).filter(name => name.endsWith('.service'))
  const control = (verb: (typeof VERBS)[number], name: string) => [SYSTEMCTL, verb, name]
  const journal = (slot: Slot) => [
    '/usr/bin/journalctl',
    ...['--quiet', '--no-pager', '--output=json', `--lines=${JOURNAL_LINES}`],
    ...logged(slot).map(unit => `--unit=${unit}`),
  ]
  return {
    unit,
    start: slot => sh.write`
for template in ${templates}; do [ -f "$template" ] || exit ${MISSING}; done
for unit in ${names(slot)}; do
  case "$(systemctl show --property=ActiveState "$unit" --value)" in inactive|failed) ;; *) exit ${ALREADY} ;; esac
done
date +%s%6N > ${startedFile(slot)}
${unitFile ? startWeb(slot) : sh.read`:`}
${startOthers(options, processes, slot)}`,
    stop: slot =>
      stopUnits(unitsOf(slot), {
        disable: true,
        stop: wrapStop(sh.read`"$(show MainPID "$1" | sed s/^0$//)"`, systemctl('stop')),
      }),
    others: unitFile ? othersOf(app, layout, processes) : allOf(app, layout, slots, processes),
    process: slot => sh.read`
${show(slot, 'ActiveState,SubState')}
pid=$(${mainPid(slot)})
printf 'MainPID=%s\\n' "$pid"
if [ -n "$pid" ]; then printf 'Uptime=%s\\n' "$(ps -o etimes= -p "$pid" || true)"; fi
${otherStates(app, layout, processes, slot)}`,
    parseProcess,
    pid: mainPid,
    log: slot => sh.read`
if [ -s ${startedFile(slot)} ]; then cat ${startedFile(slot)}; else echo 0; fi
${readAsRoot(journal(slot))}`,
    parseLog,
    page: (slot, filter) => journalPage(logged(slot), filter),
    parsePage,
    follow: (slot, filter, end) => journalFollow(logged(slot), filter, end),
    reads: slot => pageCommand(logged(slot)),
    timed: true,
    provision: (facts): Provision => ({
      tools: { systemctl: 'systemd', journalctl: 'systemd', ps: 'procps' },
      files: texts(facts).map((text, i) => ({ path: templates[i] ?? '', text, mode: 0o644 })),
      folders: processes.some(({ live }) => live) ? [{ path: layout.live, mode: 0o755 }] : [],
      obsolete: {
        folder: UNITS,
        name: new RegExp(`^${app}-[a-z][a-z0-9_]*@\\.(?:service|timer)$`),
        links: [`${UNITS}/*.wants`],
        end: program(new URL('./drop-unit.sh', import.meta.url), { writes: true }),
      },
      // A system unit of the same name, such as getty@, or a hand-made unit for one slot: systemd would use one in place of the other.
      rivals: [
        ...templates.flatMap(path =>
          ['/usr/lib', '/lib', '/run'].map(folder => `${folder}/systemd/system/${posix.basename(path)}`),
        ),
        ...slots.flatMap(slot => unitsOf(slot).map(({ unit }) => `${UNITS}/${unit}`)),
      ],
      restarts: Object.fromEntries(slots.map(slot => [slot.name, startable(slot)])),
      sudo: slots.flatMap(slot => [
        ...unitsOf(slot).flatMap(({ unit }) => VERBS.map(verb => control(verb, unit))),
        journal(slot),
        pageCommand(logged(slot)),
        followCommand(logged(slot)),
      ]),
      apply: [
        ...processes.flatMap(({ timer }) => (timer === undefined ? [] : [assertCalendar(timer)])),
        asRoot([SYSTEMCTL, 'daemon-reload']),
      ],
    }),
  }

  function startWeb(slot: Slot): Script {
    return sh.write`
${forgetFailures(options, undefined, slot)}
${begun(sh.read`${unit(slot)}`)}
${asRoot(control('enable', unit(slot)))}`
  }

  function show(slot: Slot, properties: string): Script {
    return sh.read`systemctl show --property=${properties} ${unit(slot)}`
  }
}

/** Fails with systemd's message if it does not understand when a timer is due: it would ignore the line. */
const assertCalendar = (timer: string): Script =>
  sh.read`systemd-analyze calendar -- ${/^OnCalendar=(.*)$/m.exec(timer)?.[1] ?? ''} > /dev/null`

const VERBS = ['start', 'stop', 'enable', 'disable', 'reset-failed'] as const

/** Parses `systemctl show` and the states of other processes. A unit between two start attempts (`auto-restart`, `start-pre`) has no process: it counts as failed. */
export function parseProcess(text: string): SlotProcess {
  const failed = failedOthers(text)
  return { ...parseWeb(text), ...(failed.length > 0 && { failed }) }
}

function parseWeb(text: string): SlotProcess {
  const value = (name: string) => new RegExp(`^${name}=\\s*(.*)$`, 'm').exec(text)?.[1] ?? ''
  const pid = Number(value('MainPID'))
  const active = value('ActiveState')
  if (active === 'failed' || /^(?:auto-restart|start-pre)/.test(value('SubState'))) return { state: 'failed' }
  // A slot that has only timers.
  if (value('SubState') === 'waiting') return { state: 'running' }
  if (active === 'inactive' || active === '' || !(pid > 0)) return { state: 'stopped' }
  const uptime = value('Uptime')
  return { state: 'running', pid, ...(uptime === '' ? {} : { uptime: Number(uptime) }) }
}

/** Messages of systemd itself that explain why a process is not running. */
const RELEVANT_MESSAGE = /: (?:Main process exited|Failed |Start request repeated)/

/**
 * Parses the start time (microseconds since 1970) on the first line, then the journal as one JSON entry per line; systemd.journal-fields(7). Lines of
 * another process than the one that serves requests begin with its name.
 */
export function parseLog(text: string, lines: number): string {
  const [since = '', ...entries] = text.split('\n')
  return entries
    .filter(Boolean)
    .map(entry => JSON.parse(entry) as Record<string, unknown>)
    .filter(entry => Number(entry.__REALTIME_TIMESTAMP) >= Number(since))
    .map(entry => ({ own: entry._PID !== '1', process: processOf(entry), message: textOf(entry.MESSAGE) }))
    .filter(({ own, message }) => own || RELEVANT_MESSAGE.test(message))
    .slice(-lines)
    .map(({ own, process, message }) => (own && process ? `${process}: ${message}` : message))
    .join('\n')
}
