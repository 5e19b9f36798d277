/** What no file says: the host, the site and the ports. From flags, else from a Taskfile that exists, else from the person, else as proposed. */
import { isFault } from '../runner/fault.ts'
import { TASKFILES } from '../runner/taskfile/load.ts'
import { validateName } from '../slots/names.ts'
import { initFaults as faults } from './faults.ts'
import type { Folder } from './folder.ts'
import { ROUTERS, type RouterName, type Stack } from './stack.ts'

export interface Answers {
  readonly app: string
  /** As for ssh: `deploy@web-1`. */
  readonly host: string
  readonly site: string
  /** Of the first and of the second slot. */
  readonly ports: readonly [number, number]
  readonly router: RouterName
}

/** The values of the flags. */
export interface Flags {
  readonly app: string | undefined
  readonly host: string | undefined
  readonly site: string | undefined
  readonly ports: string | undefined
  readonly router: RouterName | undefined
  readonly yes: boolean
}

/**
 * @param ask resolves to undefined if nobody can be asked
 * @throws INIT_UNANSWERED, INIT_ANSWER_INVALID, INIT_ROUTER_UNFIT, NAME_INVALID
 */
export async function answersFor(
  folder: Folder,
  stack: Stack,
  flags: Flags,
  ask: (question: string) => Promise<string | undefined>,
): Promise<Answers> {
  const existing = TASKFILES.find(name => folder.has(name))
  const known = existing === undefined ? {} : answersIn(folder.text(existing))
  const app = validateName('app', flags.app ?? known.app ?? appName(stack.nameIn?.(folder) ?? folder.name))
  // A Taskfile that exists has been written by somebody who knew the answers.
  const silent = flags.yes || existing !== undefined
  const answer = async <T>(what: What<T>, given: string | undefined, proposed: string): Promise<T> => {
    if (given !== undefined || silent) return what.parse(given ?? proposed)
    const answered = async (text: string): Promise<T> => {
      const question = `${text} [${proposed}]`
      const typed = await ask(question)
      if (typed === undefined) throw faults.INIT_UNANSWERED({ question })
      try {
        return what.parse(typed.trim() || proposed)
      } catch (error) {
        // A slip must not cost the answers before it.
        if (!isFault(error)) throw error
        return answered(`${error.message} ${error.hint}`)
      }
    }
    return answered(what.question)
  }
  return {
    app,
    host: await answer(HOST, flags.host, known.host ?? 'deploy@web-1'),
    site: await answer(SITE, flags.site, known.site ?? `${app.replaceAll('_', '-')}.example`),
    ports: await answer(PORTS, flags.ports, known.ports ?? '4000,5000'),
    router: routerFor(stack, folder, flags.router ?? known.router),
  }
}

function routerFor(stack: Stack, folder: Folder, wanted: string = ROUTERS[0]): RouterName {
  const { title } = stack
  const routers = stack.routers?.(folder) ?? ROUTERS
  const router = routers.find(name => name === wanted)
  if (router === undefined) throw faults.INIT_ROUTER_UNFIT({ router: wanted, title, routers })
  return router
}

/** What `--yes` has made up, and somebody has to correct in the Taskfile: one sentence, if any. */
export function madeUp(
  folder: Folder,
  flags: Flags,
  { host, site }: Pick<Answers, 'host' | 'site'>,
): readonly string[] {
  if (!flags.yes || TASKFILES.some(name => folder.has(name))) return []
  const values = [...(flags.host === undefined ? [host] : []), ...(flags.site === undefined ? [site] : [])]
  return values.length === 0
    ? []
    : [
        `Write your own host and site in the Taskfile: ${values.join(' and ')} ${values.length > 1 ? 'are' : 'is'} made up.`,
      ]
}

/** A valid name of an application from any text: `My Shop` is `my_shop`. */
export function appName(text: string): string {
  const name = text
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 31)
    .replace(/_+$/, '')
  return name === '' ? 'app' : name
}

/** What a Taskfile says itself, as far as it is written literally. */
function answersIn(text: string): Partial<Record<'app' | 'host' | 'site' | 'ports' | 'router', string>> {
  const source = text.replace(/^\s*\/\/.*$/gm, '')
  const literal = (before: string) => new RegExp(`${before}\\s*(['"\`])([^'"\`$]+)\\1`).exec(source)?.[2]
  const ports = [...source.matchAll(/\bport:\s*(\d+)/g)].map(([, port]) => port)
  const found = {
    app: literal('\\bapp:'),
    host: literal('\\bssh\\('),
    site: literal('\\bsite:'),
    router: new RegExp(`\\brouter:\\s*(${ROUTERS.join('|')})\\(`).exec(source)?.[1],
    ports: ports.length >= 2 ? ports.slice(0, 2).join() : undefined,
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

interface What<T> {
  readonly question: string
  /** @throws INIT_ANSWER_INVALID */
  parse(value: string): T
}

/** An answer of one word. */
const word = (question: string, what: string, pattern: RegExp, rule: string): What<string> => ({
  question,
  parse(value) {
    if (!pattern.test(value)) throw faults.INIT_ANSWER_INVALID({ what, value, rule })
    return value
  },
})

const HOST = word(
  'Which host is it deployed to, as for ssh?',
  'The host',
  // Without `ssh://`, ssh takes `web-1:2222` for a name.
  /^(?:ssh:\/\/(?:[\w.-]+@)?|(?:[\w.-]+@)?(?![^:[]+:\d+$))[A-Za-z0-9[][\w.:[\]%-]*$/,
  'a target for ssh, such as deploy@203.0.113.7, or with a port ssh://deploy@203.0.113.7:2222',
)
const SITE = word(
  'Which host name does the site have?',
  'The site',
  /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/,
  'a host name, such as shop.example.com',
)
const PORTS: What<readonly [number, number]> = {
  question: "Which two ports of the host do the application's slots listen on?",
  parse(value) {
    const [first = 0, second = 0, ...more] = value.split(/[\s,]+/).map(Number)
    const valid = [first, second].every(port => Number.isInteger(port) && port >= 1024 && port <= 65_535)
    if (!valid || first === second || more.length > 0)
      throw faults.INIT_ANSWER_INVALID({
        what: 'The ports',
        value,
        rule: 'two different numbers from 1024 to 65535, such as 4000,5000',
      })
    return [first, second]
  },
}
