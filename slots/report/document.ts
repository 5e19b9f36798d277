/** The frame of every report: one self-contained HTML page, without scripts and external resources, for light and dark mode, phones and print. */

export type Mood = '' | 'good' | 'bad'

/** A figure with its title and a note. */
export interface Card {
  readonly figure: string
  readonly title: string
  readonly note: string
  readonly mood?: Mood
}

interface Heading {
  readonly app: string
  /** HTML. */
  readonly title: string
  readonly outcome: string
  readonly mood: Mood
}

/**
 * @param title of the browser's tab
 * @param body HTML
 */
export const documentOf = (title: string, heading: Heading, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${esc(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<p class="app">${esc(heading.app)}</p>
<h1>${heading.title}</h1>
<p class="outcome ${heading.mood}">${esc(heading.outcome)}</p>
</header>
${body}
</main>
</body>
</html>
`

export const esc = (text: string): string =>
  text.replace(/[&<>"']/g, found => `&#${found.charCodeAt(0)};`).replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '\ufffd')

/** Whether slots of this name have that colour in every report; others have one by what they are in it. */
export const isColour = (slot: string | undefined): slot is 'blue' | 'green' => slot === 'blue' || slot === 'green'

export const count = (n: number): string => n.toLocaleString('en-US')

export const cardsOf = (cards: readonly Card[]): string =>
  `<ul class="cards">${cards
    .map(
      ({ figure, title, note, mood = '' }) =>
        `<li class="${mood}"><strong>${esc(figure)}</strong><span>${esc(title)}</span><small>${esc(note)}</small></li>`,
    )
    .join('')}</ul>`

export const factsOf = (facts: readonly (readonly [name: string, value: string])[]): string =>
  `<dl>${facts.map(([name, value]) => `<div><dt>${esc(name)}</dt><dd>${esc(value)}</dd></div>`).join('')}</dl>`

/** A step, with the time at which it began and its duration in the same unit. */
export interface Bar {
  readonly title: string
  readonly note?: string | undefined
  readonly at: number
  readonly took: number
  readonly bad?: boolean
}

/** The steps as bars below each other. */
export function barsOf(bars: readonly Bar[], shown: (took: number) => string): string {
  if (bars.length === 0) return ''
  const end = Math.max(1, ...bars.map(({ at, took }) => at + took))
  const rows = bars.map(({ title, note, at, took, bad }) => {
    const [left, width] = [(at / end) * 100, Math.max(0.4, (took / end) * 100)]
    const head = `<th scope="row">${esc(title)}${note === undefined ? '' : `<small class="note">${esc(note)}</small>`}</th>`
    const bar = `<td class="bar"><span style="margin-left:${left.toFixed(2)}%;width:${Math.min(width, 100 - left).toFixed(2)}%"></span></td>`
    return `<tr${bad ? ' class="bad"' : ''}>${head}${bar}<td class="took">${esc(shown(took))}</td></tr>`
  })
  return `<table><tbody>${rows.join('')}</tbody></table>`
}

/** @example `2026-11-26 10:00:00 UTC` */
export const utc = (at: string): string => at.replace('T', ' ').replace(/(?:\.\d+)?Z$/, ' UTC')

const STYLE = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#16191f;--soft:#5d6675;--line:#e3e6eb;--blue:#2563eb;--green:#16924a;--old:#8b5cf6;--new:#0e8f9c;--unknown:#8d96a5;--bad:#d92d20;--good:#16924a;--band:#f5c24255}
@media (prefers-color-scheme:dark){:root{--page:#0f1217;--card:#181c23;--ink:#e8ebf0;--soft:#98a2b3;--line:#2b313b;--blue:#6ea0ff;--green:#4ccb83;--old:#b79bff;--new:#4fd0dc;--unknown:#727c8c;--bad:#ff6f61;--good:#4ccb83;--band:#f5c24240}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 24px 56px}
.app{margin:0;color:var(--soft);font-size:13px;letter-spacing:.08em;text-transform:uppercase}
h1{margin:4px 0 6px;font-size:32px;line-height:1.2;font-weight:650;display:flex;flex-wrap:wrap;align-items:baseline;gap:14px}
h1 small{font-size:20px;font-weight:450;color:var(--soft)}
.arrow{color:var(--soft);font-weight:400}
.slot::before{content:"";display:inline-block;width:.42em;height:.42em;border-radius:50%;margin-right:.35em;vertical-align:.14em;background:currentColor}
.slot{color:var(--ink)}.slot.blue::before{background:var(--blue)}.slot.green::before{background:var(--green)}.slot.old::before{background:var(--old)}.slot.new::before{background:var(--new)}
.outcome{margin:0;font-weight:550}.outcome.good{color:var(--good)}.outcome.bad{color:var(--bad)}
.cards{list-style:none;margin:26px 0 0;padding:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(148px,1fr));gap:12px}
.cards li,figure,table,dl,.none{background:var(--card);border:1px solid var(--line);border-radius:12px}
.cards li{padding:14px 16px;display:flex;flex-direction:column}
.cards strong{font-size:25px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.cards .good strong{color:var(--good)}.cards .bad strong{color:var(--bad)}
.cards small{color:var(--soft);font-size:12.5px}
figure{margin:16px 0 0;padding:18px 12px 14px}
svg{display:block;width:100%;height:auto;font-size:12.5px}
svg text{fill:var(--soft);font-family:inherit}svg text.lane{fill:var(--ink)}svg text.switch{fill:var(--ink);font-weight:600}
.grid{stroke:var(--line)}.floor{stroke:var(--soft);stroke-opacity:.5}
.before{fill:var(--ink);fill-opacity:.028}.band{fill:var(--band)}line.switch{stroke:var(--ink);stroke-width:1.5}
.dot{fill-opacity:.72;stroke:var(--card);stroke-width:.8}
.blue{fill:var(--blue)}.green{fill:var(--green)}.old{fill:var(--old)}.new{fill:var(--new)}.unknown{fill:var(--unknown)}
.hollow{fill:var(--card)!important;stroke-width:2.4!important}.hollow.blue{stroke:var(--blue)}.hollow.green{stroke:var(--green)}.hollow.old{stroke:var(--old)}.hollow.new{stroke:var(--new)}.hollow.unknown{stroke:var(--unknown)}.key.old::before{background:var(--old)}.key.new::before{background:var(--new)}.live{fill-opacity:.3}
path.failed{stroke:var(--bad);stroke-width:2.4;stroke-linecap:round;fill:none}.tick.failed{fill:var(--bad)}
figcaption{display:flex;flex-wrap:wrap;gap:4px 20px;padding:12px 12px 0;color:var(--soft);font-size:13px}
.key::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:7px;background:var(--unknown)}
.key.blue::before{background:var(--blue)}.key.green::before{background:var(--green)}.key.old::before{background:var(--old)}.key.new::before{background:var(--new)}.key.failed::before{background:var(--bad)}
h2{margin:30px 0 0;font-size:19px;font-weight:620}
table{margin:16px 0 0;width:100%;border-spacing:0;padding:10px 16px}
th,td{padding:6px 0;text-align:left;font-weight:450}th{width:16em}.took{width:6em;text-align:right;color:var(--soft);font-variant-numeric:tabular-nums}
.bar span{display:block;height:9px;border-radius:5px;background:var(--soft);opacity:.55}.bad .bar span{background:var(--bad)}
.log .bad{color:var(--bad)}small.note{display:block;color:var(--soft);font-size:12.5px;overflow-wrap:anywhere}
.log{display:block;overflow-x:auto}.log th,.log td{width:auto;padding:6px 14px 6px 0;font-size:13.5px;vertical-align:top;font-variant-numeric:tabular-nums}.log td{min-width:5em}.log td[data-name=where]{overflow-wrap:anywhere;min-width:9em}.log td[data-name=took]{white-space:nowrap}.log thead th{color:var(--soft);font-size:12.5px}
dl{margin:16px 0 0;padding:12px 16px;display:flex;flex-wrap:wrap;gap:6px 34px}
dt{color:var(--soft);font-size:12.5px}dd{margin:0;overflow-wrap:anywhere;font-size:14px}
.none{margin:16px 0 0;padding:18px;color:var(--soft)}
@media (max-width:860px){.log thead{display:none}.log tr{display:block;padding:8px 0;border-bottom:1px solid var(--line)}.log td{display:flex;gap:12px;padding:2px 0;overflow-wrap:anywhere}.log td.empty{display:none}.log td::before{content:attr(data-name);flex:0 0 5.5em;color:var(--soft)}}
@media (max-width:640px){figure{overflow-x:auto}svg{min-width:680px}th{width:auto}.bar{display:none}main{padding:24px 14px}}
@media print{body{background:#fff}}
`
