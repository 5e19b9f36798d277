/**
 * Programs in files. Bash that is too long for a template stands in a `.sh` file beside the TypeScript that uses it. The host gets it without
 * comments, blank lines and indentation, which are for readers alone and would travel on each run: so no line inside a string of a program
 * may begin with a `#`, or need its indentation.
 */
import { readFileSync } from 'node:fs'
import { quote, type Script, sh } from './script.ts'

interface Use {
  /** Whether it changes something; a program with a parameter that writes also writes. */
  readonly writes?: boolean
  /**
   * What the program gets: a value as a variable, a list as an array, a script as a function. `healthPath` here is `health_path` there. Other
   * parts of the same script can rely on those alone that the program itself does not name.
   */
  readonly parameters?: Readonly<Record<string, Parameter>>
}

type Parameter = string | number | readonly (string | number)[] | Script

const isScript = (value: Parameter): value is Script => typeof value === 'object' && 'text' in value

/** As a shell names its variables. */
const inShell = (name: string) => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** Where a program names a parameter so that it can stand there itself: `"$word"`, `"${list[@]}"`, a function alone on a line. */
const PLACE = /"\$\w+"|"\$\{\w+\[@\]\}"|^\w+$/gm

/** How a parameter is named in such a place, what can stand there instead, and what else is set before the program. */
function forms(name: string, value: Parameter): { place: string; text: string; before: string } {
  if (isScript(value)) {
    const text = value.text || ':'
    return { place: name, text, before: `${name}() {\n${text}\n}` }
  }
  if (typeof value === 'object') {
    const text = sh.read`${value}`.text
    return { place: `"\${${name}[@]}"`, text, before: `${name}=(${text})` }
  }
  const text = quote(String(value))
  return { place: `"$${name}"`, text, before: `${name}=${text}` }
}

const loaded = new Map<string, string>()

function load(file: URL): string {
  const text =
    loaded.get(file.href) ??
    readFileSync(file, 'utf8')
      .replace(/^[ \t]*(?:#.*)?\n|^[ \t]+/gm, '')
      .trimEnd()
  loaded.set(file.href, text)
  return text
}

/**
 * The script of a program. Its file is read when its text is first asked for, so that a run which needs none reads none. A parameter is set
 * before it, or stands in its places where that is shorter: an exit code, or what is named once.
 */
export function program(file: URL, { writes = false, parameters = {} }: Use = {}): Script {
  const given = Object.entries(parameters)
  return {
    writes: writes || given.some(([, value]) => isScript(value) && value.writes),
    get text() {
      const body = load(file)
      const places = body.match(PLACE) ?? []
      const inPlace = new Map<string, string>()
      const head = given.flatMap(([key, value]) => {
        const name = inShell(key)
        const { place, text, before } = forms(name, value)
        const count = places.filter(it => it === place).length
        const named = body.split(new RegExp(`\\b${name}\\b`)).length - 1
        // One of a group of exit codes that this program does not end with.
        if (named === 0 && typeof value === 'number') return []
        if (count === 0 || named !== count || count * (text.length - place.length) > before.length + 1) return [before]
        inPlace.set(place, text)
        return []
      })
      return [...head, body.replace(PLACE, place => inPlace.get(place) ?? place)].join('\n')
    },
  }
}
