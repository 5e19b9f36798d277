/**
 * Bash programs in files. Bash that is too long for a template is in a `.sh` file beside the TypeScript that uses it. Comments, blank lines and
 * indentation are removed before it is sent: so no line inside a string of a program may start with a `#` or depend on its indentation.
 */
import { readFileSync } from 'node:fs'
import { quote, type Script, sh } from './script.ts'

interface Use {
  /**
   * Whether it changes something. A program with a parameter that writes also writes.
   *
   * @default false
   */
  readonly writes?: boolean
  /**
   * What the program gets: a value as a variable, a list as an array, a script as a function. `healthPath` is `health_path` in the program. Scripts that
   * follow in the same shell can rely only on parameters that the program does not use.
   */
  readonly parameters?: Readonly<Record<string, Parameter>>
}

type Parameter = string | number | readonly (string | number)[] | Script

const isScript = (value: Parameter): value is Script => typeof value === 'object' && 'text' in value

const shellName = (name: string) => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** Where a parameter's value can replace its name: `"$word"`, `"${list[@]}"`, a function alone on a line. */
const PLACE = /"\$\w+"|"\$\{\w+\[@\]\}"|^\w+$/gm

/** How a parameter is named in such a place, the text that can replace it, and the definition that is put before the program otherwise. */
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
 * The script of a program. Its file is read on the first use of `text`. A parameter is defined before the program, or inserted in its places if that is
 * shorter, as for an exit code or a name that is used once.
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
        const name = shellName(key)
        const { place, text, before } = forms(name, value)
        const count = places.filter(match => match === place).length
        const named = body.split(new RegExp(`\\b${name}\\b`)).length - 1
        // An exit code of the group that this program does not use.
        if (named === 0 && typeof value === 'number') return []
        if (count === 0 || named !== count || count * (text.length - place.length) > before.length + 1) return [before]
        inPlace.set(place, text)
        return []
      })
      return [...head, body.replace(PLACE, place => inPlace.get(place) ?? place)].join('\n')
    },
  }
}
