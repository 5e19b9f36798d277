/** The preview of the idle slot behind nginx. */

import { posix } from 'node:path'
import {
  cryptHash,
  either,
  fields,
  type HostFile,
  idleSlot,
  type Preview,
  type PreviewUser,
  path,
  type Rule,
  type Slot,
  userRule,
} from '../shared.ts'
import type { Paths } from './site.ts'
import { applicationLocation, indented, render, shipped } from './templates.ts'

/** A file of users and hashes on the host, as `htpasswd` makes it. The workers of nginx read it. */
export interface PasswordFile {
  /** Absolute path on the host. */
  readonly file: string
}

export type NginxPreviewAuth = PreviewUser | PasswordFile

const fileRule = fields<PasswordFile>({ file: path }, '`{ file }`')
const usersRule = userRule(cryptHash)

export const previewAuthRule: Rule<NginxPreviewAuth> = either(
  { ...fileRule, check: value => (isUser(value) ? { path: [] } : fileRule.check(value)) },
  { ...usersRule, check: value => (isUser(value) ? usersRule.check(value) : fileRule.check(value)) },
  '`{ user, hash }` or `{ file }`',
)

const isUser = (value: unknown): value is PreviewUser =>
  typeof value === 'object' && value !== null && ('user' in value || 'hash' in value)

/** No slot has a dash in its name. */
const usersFile = ({ folder }: Paths, app: string) => posix.join(folder, `${app}.preview-users`)

interface Of {
  readonly app: string
  readonly paths: Paths
  readonly slots: readonly Pick<Slot, 'name' | 'port' | 'address'>[]
}

/** The file of `{ user, hash }`. */
export const previewFiles = (preview: Preview<NginxPreviewAuth>, { app, paths }: Of): readonly HostFile[] =>
  preview.auth && 'user' in preview.auth
    ? [{ path: usersFile(paths, app), text: `${preview.auth.user}:${preview.auth.hash}\n`, mode: 0o644 }]
    : []

/** The lines that find out whether a request is for the preview, in front of all others that decide about it. */
export function previewLines(preview: Preview<unknown>, idle: string): string {
  const variable =
    'host' in preview ? 'host' : 'header' in preview ? headerVariable(preview.header) : `cookie_${preview.cookie}`
  const value = 'host' in preview ? preview.host.toLowerCase() : preview.value
  return render(shipped('preview'), { idle, when: `if ($${variable} = ${value}) { set $switchyard_preview on; }` }, [])
}

const headerVariable = (name: string) => `http_${name.toLowerCase().replaceAll('-', '_')}`

/** Sets the idle slot from the live one, which nginx looks up on each request. */
export const idleByLink = (slots: Of['slots']): string => {
  const set = (slot = idleSlot(slots)) => `set $switchyard_idle ${slot?.name}; set $switchyard_idle_port ${slot?.port};`
  const [first] = slots
  return `${set()}\nif ($switchyard_slot = ${first?.name}) { ${set(idleSlot(slots, first?.name))} }`
}

/** Sets the idle slot in the file for one live slot, or for none. */
export const idleOf = (slots: Of['slots'], live: string | undefined): string => {
  const slot = idleSlot(slots, live)
  return `set $switchyard_idle ${slot?.name};\nset $switchyard_idle_port ${slot?.port};`
}

/** Sends the requests of the preview to the idle slot, in the same way as others to the live one. */
export function previewLocation(
  { auth }: Preview<NginxPreviewAuth>,
  { app, paths, slots }: Of,
  canary = false,
): string {
  const file = auth && ('file' in auth ? auth.file : usersFile(paths, app))
  return render(
    shipped('preview-location'),
    {
      // The canary has drawn a number for this request too.
      nocanary: canary ? 'set $switchyard_canary ""; set $switchyard_visitor ""; ' : '',
      app,
      proxy: indented(render(proxyLines(), { app }, slots), '    '),
      auth: file === undefined ? '' : `auth_basic "Preview";\n    auth_basic_user_file ${file};`,
    },
    slots,
  )
}

/** The settings of the location for the application, without the slot. */
const proxyLines = () =>
  (applicationLocation().match(/^ *proxy_(?!pass).*$/gm) ?? []).map(line => line.trim()).join('\n')
