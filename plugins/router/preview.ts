/** The option `preview` of the routers: how people reach the idle slot. */

import { either, fields, hostName, optional, type Rule, thing, type Wrong } from '../../runner/taskfile/shape.ts'
import type { Slot } from '../../slots/contracts.ts'

/** A name and the hash of its password, for HTTP basic authentication. */
export interface PreviewUser {
  readonly user: string
  /** The hash of the password, such as the part behind the colon of what `htpasswd -nB anna` prints; bcrypt for Caddy. Take it from the environment. */
  readonly hash: string
}

interface Guarded<Auth> {
  /**
   * Who may see it.
   *
   * @default everybody
   */
  readonly auth?: Auth
}

/** A host name of its own; or requests to the site with a header or a cookie of this value. */
type PreviewOf<Auth> = Guarded<Auth> &
  (
    | { readonly host: string }
    | { readonly header: string; readonly value: string }
    | { readonly cookie: string; readonly value: string }
  )

export interface PreviewOption<Auth = PreviewUser> {
  /**
   * Sends some requests to the idle slot, so that a release can be looked at before its promote: those to another host name, which has to lead to this host;
   * or those to the site with a header or a cookie. It follows each switch, and goes on during a maintenance. 503 says that the slot does not answer.
   *
   * @example 'next.life.example'
   * @example { cookie: 'preview', value: 'yes', auth: { user: 'anna', hash: env.PREVIEW_HASH } }
   * @default none
   */
  readonly preview?: string | PreviewOf<Auth>
}

/** The option with its short form resolved. */
export type Preview<Auth = PreviewUser> = PreviewOf<Auth>

export const previewOf = <Auth>(option: PreviewOption<Auth>['preview']): Preview<Auth> | undefined =>
  typeof option === 'string' ? { host: option } : option

/** What identifies a preview in the files of a router. */
const word = (what: string): Rule<string> =>
  thing(
    `${what}: letters, digits, dots, dashes and underscores`,
    value => typeof value === 'string' && /^[\w.-]+$/.test(value),
  )
const headerName = thing<string>(
  'the name of a header, such as "X-Preview"',
  value => typeof value === 'string' && /^[A-Za-z][A-Za-z0-9-]*$/.test(value),
)
/** nginx has a variable for a cookie, whose name a dash would end. */
const cookieName = thing<string>(
  'the name of a cookie, such as "preview": letters, digits and underscores',
  value => typeof value === 'string' && /^\w+$/.test(value),
)

/** A message never contains the value, which may be the password itself. */
const hashRule = (pattern: RegExp, expected: string): Rule<string> => ({
  expected,
  check: value =>
    typeof value === 'string' && pattern.test(value)
      ? undefined
      : { path: [], got: typeof value === 'string' ? 'a text' : String(value), expected },
})

/**
 * As crypt(3) of the host knows them, and only those that take milliseconds: nginx and HAProxy serve nobody else while they compute one, and whoever guesses
 * passwords makes them do so.
 */
export const cryptHash = hashRule(
  /^\$(?:[56]\$[\w./]{1,16}\$[\w./]{43,86}|2[aby]\$0[4-8]\$[\w./]{53})$/,
  'the hash of a password that is computed quickly, as `htpasswd -nB` and `openssl passwd -6` print it',
)
/** Caddy knows bcrypt alone. */
export const bcryptHash = hashRule(
  /^\$2[aby]\$\d\d\$[\w./]{53}$/,
  'the hash of a password by bcrypt, such as "$2y$..."',
)

export const userRule = (hash: Rule<string>): Rule<PreviewUser> =>
  fields<PreviewUser>({ user: word('a name'), hash }, '`{ user, hash }`')

/** A rule for the option; `auth` is that for who may see it. */
export function previewRule<Auth>(auth: Rule<Auth>): Rule<NonNullable<PreviewOption<Auth>['preview']>> {
  const guard = { auth: optional(auth) }
  const rules: Readonly<Record<string, { check(value: unknown): Wrong | undefined }>> = {
    host: fields({ host: hostName, ...guard } as never),
    header: fields({ header: headerName, value: word('a value'), ...guard } as never),
    cookie: fields({ cookie: cookieName, value: word('a value'), ...guard } as never),
  }
  const expected = '`{ host }`, `{ header, value }` or `{ cookie, value }`'
  const long: Rule<PreviewOf<Auth>> = {
    expected,
    check(value) {
      const kind = Object.keys(rules).find(name => typeof value === 'object' && value !== null && name in value)
      return kind === undefined ? { path: [], got: 'something else', expected } : rules[kind]?.check(value)
    },
  }
  return either(hostName, long, `a host name such as "next.life.example", or ${expected}`)
}

/** The option as `task config` shows it. */
export const previewSetting = (preview: Preview<unknown> | undefined): unknown => {
  if (preview === undefined) return 'none'
  const { auth, ...how } = preview
  return { ...how, ...(auth !== undefined && { auth: 'a password' }) }
}

/** How a person gets there, for messages. */
export function previewAddress(
  preview: Preview<unknown>,
  site: { readonly host: string; readonly https: boolean },
): string {
  const scheme = site.https ? 'https' : 'http'
  if ('host' in preview) return `${scheme}://${preview.host}${/:\d+$/.exec(site.host)?.[0] ?? ''}`
  return 'header' in preview
    ? `${scheme}://${site.host} with the header ${preview.header}`
    : `${scheme}://${site.host} with the cookie ${preview.cookie}`
}

/** The slot that is idle while this one is live; while none is, the first one, to which the first deploy goes. */
export function idleSlot<S extends Pick<Slot, 'name'>>(slots: readonly S[], live?: string): S | undefined {
  const [first, second] = slots
  return live !== undefined && first?.name === live ? second : first
}

/** The host names of a site: its own, and that of the preview. */
export const siteNames = (site: string, preview: Preview<unknown> | undefined): readonly string[] =>
  preview && 'host' in preview ? [site, preview.host] : [site]

/** For `Plugin.shown`: the names of a site, and the parts of its URL. */
export const shownOf = (names: readonly string[], url: URL): readonly string[] => [
  ...names,
  url.origin,
  url.host,
  url.hostname,
]

/** What no output may contain. */
export const hashesOf = (preview: Preview<unknown> | undefined): readonly string[] => {
  const auth = preview?.auth as Partial<PreviewUser> | undefined
  return auth?.hash === undefined ? [] : [auth.hash]
}
