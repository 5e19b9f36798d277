/** The log of a slot that its release's own script started: the files of run_erl(1), whose lines have no times. Pure. */
import { program } from '../../../host/program.ts'
import { type Script, sh } from '../../../host/script.ts'
import type { LogFilter, LogPage, LogStream } from '../../../slots/contracts.ts'
import { untilStdinEnds } from '../scripts.ts'

/** run_erl's default number of files (`RUN_ERL_LOG_GENERATIONS`). */
const FILES = 5

/** Lines of run_erl itself, such as `===== ALIVE Thu Nov 26`, and the empty lines before them. */
const OWN = sh.read`grep -av -e ^===== -e ${'^\r*$'}`

export const runErlPage = (log: string, { lines, contains }: LogFilter): Script =>
  program(new URL('./daemon-page.sh', import.meta.url), {
    parameters: {
      log,
      matching: piped([
        OWN,
        ...(contains === undefined ? [] : [sh.read`LC_ALL=C grep -aF -e ${contains}`]),
        lines === undefined ? sh.read`cat` : sh.read`tail -n ${lines}`,
      ]),
    },
  })

export function parsePage(text: string): LogPage {
  const [end = '', ...lines] = text.split('\n')
  return { lines: linesOf(lines), end: end.trim() }
}

/** @param end of the page that it follows: the sizes of the files, `1:5320 2:100`. A start of the application replaces all of them. */
export function runErlFollow(log: string, { contains }: LogFilter, end: string): LogStream {
  const sizes = new Map(end.split(' ').map(file => file.split(':') as [string, string]))
  const numbers = new Set([...Array.from({ length: FILES }, (_, i) => String(i + 1)), ...sizes.keys()].filter(Boolean))
  const tails = [...numbers].map(number => {
    const from = `+${Number(sizes.get(number) ?? 0) + 1}`
    return sh.read`tail -q -c ${from} -F ${`${log}/erlang.log.${number}`} &`
  })
  const all = sh.read`{ ${sh.lines(...tails)}
wait; }`
  const filters = contains === undefined ? [] : [sh.read`LC_ALL=C grep -aF --line-buffered -e ${contains}`]
  return {
    script: untilStdinEnds(piped([all, ...filters])),
    parse: output => linesOf([output]),
  }
}

const piped = (scripts: readonly Script[]): Script => ({
  writes: false,
  text: scripts.map(({ text }) => text).join(' | '),
})

const linesOf = (lines: readonly string[]) =>
  lines
    .map(line => line.replaceAll('\r', ''))
    .filter(line => line !== '' && !line.startsWith('====='))
    .map(text => ({ text }))
