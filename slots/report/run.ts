/** The report of a deploy, or of a switch on several hosts: its steps, and what the switch of each host measured. */
import type { EndedStep } from '../../runner/task.ts'
import { duration } from '../../runner/units.ts'
import type { Notification } from '../notify/notifier.ts'
import type { PromoteReport } from '../promote/report/data.ts'
import { switchPart } from '../promote/report/page.ts'
import { barsOf, cardsOf, count, documentOf, esc, factsOf, isColour, utc } from './document.ts'

/** What notifications say of a run; also of one that nobody is told about. */
export interface Ending extends Omit<Notification, 'event'> {
  /** The command: `deploy`, also under another name in the Taskfile. */
  readonly event: string
}

export interface RunReport extends Ending {
  /** ISO 8601, UTC: when the report was created. */
  readonly at: string
  readonly steps: readonly EndedStep[]
  /** One for each host whose traffic was switched; empty if there was no switch. */
  readonly switches: readonly PromoteReport[]
}

export function runPage(report: RunReport): string {
  const { app, event, host, destination, slot, version, release, revision, deploy, by, at, result, error } = report
  const heading = {
    app,
    title: titleOf(report),
    outcome: [outcomeOf(report), error && `${error.message} [${error.code}]`].filter(Boolean).join(' '),
    mood: result === 'done' ? 'good' : 'bad',
  } as const
  const facts = factsOf(
    Object.entries({ destination, host, release, revision, run: deploy, by, at: utc(at) }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  )
  const title = [`${app}: ${event}`, version, slot && `to ${slot}`].filter(Boolean).join(' ')
  return documentOf(title, heading, [cards(report), steps(report), ...switchesOf(report), facts].join('\n'))
}

function titleOf({ event, slot, version }: RunReport): string {
  const colour = isColour(slot) ? slot : 'new'
  const what = version === undefined ? '' : ` <small>${esc(version)}</small>`
  const where = slot === undefined ? '' : `<span class="slot ${colour}">${esc(slot)}</span>`
  return `<span>${esc(`${event.charAt(0).toUpperCase()}${event.slice(1)}`)}${what}</span>${where && `<span class="arrow">&rarr;</span>${where}`}`
}

function outcomeOf({ event, result, live, slot }: RunReport): string {
  if (result === 'done' && live) return `Done: ${slot} is live.`
  if (result === 'done') return event === 'deploy' ? `Done: the release runs in ${slot}, which is not live.` : 'Done.'
  return result === 'undone' ? 'Failed, and what it had changed was undone.' : 'Failed.'
}

function cards({ ms, steps, switches }: RunReport): string {
  const slowest = steps.toSorted((a, b) => b.ms - a.ms)[0]
  const measured = switches.flatMap(({ measured }) => measured ?? [])
  const sum = (of: 'sent' | 'failures') => measured.reduce((total, each) => total + each[of], 0)
  const failed = sum('failures')
  return cardsOf([
    { figure: duration(ms), title: 'in all', note: `${steps.length} steps` },
    ...(slowest ? [{ figure: duration(slowest.ms), title: 'longest step', note: slowest.title }] : []),
    ...(measured.length > 0
      ? [
          { figure: count(sum('sent')), title: 'requests sent', note: 'around the switch, without retries' },
          {
            figure: count(failed),
            title: 'failed',
            note: 'after the switch',
            mood: failed > 0 ? 'bad' : 'good',
          } as const,
        ]
      : []),
  ])
}

/** Steps run one after the other. */
function steps({ steps }: RunReport): string {
  let at = 0
  const bars = steps.map(({ title, note, ok, ms }) => {
    const bar = { title, note: ok ? note : ['failed', note].filter(Boolean).join(': '), at, took: ms, bad: !ok }
    at += ms
    return bar
  })
  return `<h2>Steps</h2>\n${barsOf(bars, duration)}`
}

const switchesOf = ({ switches }: RunReport): readonly string[] =>
  switches.map(each => {
    const moved = each.from ? `from ${each.from.slot} to ${each.to.slot}` : `to ${each.to.slot}`
    return `<h2>The switch ${esc(moved)}${switches.length > 1 ? ` on ${esc(each.host)}` : ''}</h2>\n${switchPart(each)}`
  })
