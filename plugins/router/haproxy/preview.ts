/** The rules of HAProxy's backends for the preview of the idle slot. */

import { idleSlot, type Preview, type Slot } from '../shared.ts'
/**
 * - `none`: the backend has no preview.
 * - `some`: the requests with a header or a cookie are for it.
 * - `all`: it is the backend of the preview's own host name.
 */
export type Previewing = 'none' | 'some' | 'all'

/** For a backend that asks more than the live slot. */
export const SLOT_DOWN =
  'http-error status 503 content-type text/plain lf-string "The slot %[srv_name] does not answer.\\n"'

const IS_PREVIEW = '{ var(txn.switchyard_preview) -m bool }'
const users = (app: string) => `switchyard-preview-${app}`

/** The users who may see it; no section without a password. */
export const previewUsers = (app: string, { auth }: Preview): string =>
  auth === undefined ? '' : `userlist ${users(app)}\n    user ${auth.user} password ${auth.hash}\n\n`

/** In front of the rules for a maintenance, which does not close it. */
export function previewRules(app: string, preview: Preview | undefined, previewing: Previewing): string {
  if (preview === undefined || previewing === 'none') return ''
  const open = '!{ path /deployment_id } !{ path_beg /.well-known/acme-challenge/ }'
  const lines = [
    '# The preview: these requests go to the slot that is not live, also during a maintenance.',
    `http-request set-var(txn.switchyard_preview) bool(true) if ${[matching(preview), open].filter(Boolean).join(' ')}`,
    ...(preview.auth ? [`http-request auth realm Preview if ${IS_PREVIEW} !{ http_auth(${users(app)}) }`] : []),
    SLOT_DOWN,
  ]
  return `${lines.map(line => `    ${line}\n`).join('')}\n`
}

/** A condition; empty for all requests. */
function matching(preview: Preview): string {
  if ('host' in preview) return ''
  return 'header' in preview
    ? `{ req.hdr(${preview.header}) -m str ${preview.value} }`
    : `{ req.cook(${preview.cookie}) -m str ${preview.value} }`
}

/** Sets the slot that gets the request, once the live one is known. `canary`: the rules that may choose the other one. */
export function targetRules(
  slots: readonly Pick<Slot, 'name'>[],
  previewing: Previewing,
  canary: readonly string[],
): string {
  const target = 'http-request set-var(txn.switchyard_target)'
  const [first] = slots
  const lines = [
    `${target} var(txn.switchyard_slot)`,
    ...canary,
    ...(previewing === 'none'
      ? []
      : [
          `${target} str(${idleSlot(slots)?.name}) if ${IS_PREVIEW}`,
          `${target} str(${idleSlot(slots, first?.name)?.name}) if ${IS_PREVIEW} { var(txn.switchyard_slot) -m str ${first?.name} }`,
        ]),
  ]
  return lines.map(line => `    ${line}\n`).join('')
}
