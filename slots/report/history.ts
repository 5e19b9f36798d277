/** The report of a history: what was done on the hosts of an application, on a time line and in a table. */

import { duration, milliseconds } from '../../runner/units.ts'
import { pluralize } from '../format.ts'
import { type FleetEntry, historyCells, isRollback } from '../journal/history.ts'
import type { Detached } from '../migration/detached.ts'
import type { Deploy, Figures, JournalEntry } from '../model.ts'
import { type Card, cardsOf, count, documentOf, esc, factsOf, utc } from './document.ts'
import { timeLine } from './time-line.ts'

type Entry = JournalEntry & Partial<FleetEntry>

export interface HistoryReport {
  readonly app: string
  /** Those that were asked. */
  readonly hosts: readonly string[]
  /** Missing for a Taskfile without destinations. */
  readonly destination?: string
  readonly by: string
  /** ISO 8601, UTC: when the report was created. */
  readonly at: string
  /** ISO 8601, UTC: no entry is older; null if only their number was limited. */
  readonly since: string | null
  readonly entries: readonly Entry[]
}

interface Told extends Pick<HistoryReport, 'hosts' | 'entries'> {
  readonly since: Date | undefined
}

interface Run {
  readonly app: string
  readonly deploy: Pick<Deploy, 'by' | 'destination'>
}

export const historyReport = (
  { app, deploy: { by, destination } }: Run,
  { hosts, since, entries }: Told,
  at = new Date(),
): HistoryReport => ({
  app,
  hosts,
  ...(destination !== undefined && { destination }),
  by,
  at: at.toISOString(),
  since: since?.toISOString() ?? null,
  entries,
})

/** @param migrations the newest one of each host */
export function historyPage(report: HistoryReport, migrations: readonly Detached[] = []): string {
  const { app, hosts, destination, by, at, since, entries } = report
  const counts = countsOf(entries)
  const failed = counts.deploysFailed + counts.promotesFailed
  const heading = {
    app,
    title: esc(since === null ? 'History' : `Since ${utc(since)}`),
    outcome: outcomeOf(counts),
    mood: failed > 0 ? 'bad' : 'good',
  } as const
  const facts = factsOf([
    ...(destination === undefined ? [] : [['destination', destination] as const]),
    [hosts.length > 1 ? 'hosts' : 'host', hosts.join(', ')],
    ['by', by],
    ['at', utc(at)],
  ])
  const shown =
    entries.length === 0 ? '<p class="none">Nothing was done.</p>' : `${timeLine(report)}\n${log(report, migrations)}`
  return documentOf(`${app}: what was done`, heading, `${cards(counts)}\n${shown}\n${facts}`)
}

interface Counts {
  readonly deploys: number
  readonly deploysFailed: number
  /** Milliseconds of each deploy that succeeded. */
  readonly took: readonly number[]
  readonly promotes: number
  readonly rollbacks: number
  readonly promotesFailed: number
  readonly probed: number
  readonly sent: number
  readonly failed: number
  readonly slowest: number
}

export function countsOf(entries: readonly Entry[]): Counts {
  const of = (event: Entry['event'], result: Entry['result']) =>
    entries.filter(entry => entry.event === event && entry.result === result)
  const deploys = of('deploy', 'done')
  const promotes = of('promote', 'done')
  const figures = entries.flatMap(({ figures }) => figures ?? [])
  return {
    deploys: deploys.length,
    deploysFailed: of('deploy', 'failed').length,
    took: deploys.map(({ ms }) => ms ?? 0),
    promotes: promotes.length,
    rollbacks: promotes.filter(isRollback).length,
    promotesFailed: of('promote', 'failed').length,
    probed: figures.length,
    sent: figures.reduce((sum, { sent }) => sum + sent, 0),
    failed: figures.reduce((sum, { failed }) => sum + failed, 0),
    slowest: Math.max(0, ...figures.map(({ slowest }) => slowest)),
  }
}

function outcomeOf({ deploys, deploysFailed, promotes, rollbacks, promotesFailed }: Counts): string {
  const back = rollbacks > 0 ? ` (${pluralize(rollbacks, 'rollback')})` : ''
  const failed = deploysFailed + promotesFailed
  return `${pluralize(deploys, 'deploy')} and ${pluralize(promotes, 'promote')}${back} done, ${failed === 0 ? 'none' : failed} failed.`
}

function cards({ deploys, deploysFailed, took, promotes, promotesFailed, probed, sent, failed, slowest }: Counts) {
  const middle = took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)]
  const ended = (title: string, n: number, failed: number): Card => ({
    figure: count(n),
    title: n === 1 ? title : `${title}s`,
    note: failed > 0 ? `${failed} failed` : 'none failed',
    mood: failed > 0 ? 'bad' : '',
  })
  return cardsOf([
    ended('deploy', deploys, deploysFailed),
    ended('promote', promotes, promotesFailed),
    { figure: count(sent), title: 'requests sent', note: `in ${pluralize(probed, 'probed promote')}` },
    {
      figure: count(failed),
      title: 'failed',
      note: 'after a switch',
      mood: failed > 0 ? 'bad' : sent > 0 ? 'good' : '',
    },
    { figure: probed > 0 ? milliseconds(slowest) : 'none', title: 'slowest answer', note: 'around a switch' },
    { figure: middle === undefined ? 'none' : duration(middle), title: 'until healthy', note: 'the median deploy' },
  ])
}

/** What a cell without a value shows. */
const NOTHING = '-'

/** All entries, the newest first, in the columns that have something. On a phone each is a block, with the names of the columns. */
function log({ entries, hosts }: HistoryReport, migrations: readonly Detached[]): string {
  const rows = historyCells(entries, { hosts, migrations }).map((cells, i) => {
    const entry = entries[i]
    const { took = '', who = '', where = '', ...before } = cells
    const shown = { ...before, requests: requestsText(entry?.figures), took, who, where }
    const bad = [entry?.result === 'failed' && 'result', entry?.figures?.failed && 'requests']
    return Object.entries(shown).map(([name, text]) => ({ name, text, bad: bad.includes(name) }))
  })
  const has = (name: string) => rows.some(cells => cells.some(cell => cell.name === name && cell.text !== NOTHING))
  const names = (rows[0] ?? []).map(({ name }) => name).filter(has)
  const heads = names.map(name => `<th scope="col">${esc(name)}</th>`)
  const lines = rows.map(cells => {
    const each = cells.flatMap(({ name, text, bad }) => {
      const mood = bad ? ' class="bad"' : text === NOTHING ? ' class="empty"' : ''
      return names.includes(name) ? [`<td data-name="${esc(name)}"${mood}><span>${esc(text)}</span></td>`] : []
    })
    return `<tr>${each.join('')}</tr>`
  })
  return `<table class="log"><thead><tr>${heads.join('')}</tr></thead><tbody>${lines.toReversed().join('')}</tbody></table>`
}

const requestsText = (figures: Figures | undefined): string =>
  figures
    ? `${count(figures.failed)} of ${count(figures.sent)} failed, slowest ${milliseconds(figures.slowest)}`
    : NOTHING
