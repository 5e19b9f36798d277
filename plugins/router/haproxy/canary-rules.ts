/** The rules of HAProxy's backend for a canary, and the map that they look into. */

import { posix } from 'node:path'
import { NUMBER_COOKIE } from '../shared.ts'
import { lines } from './lines.ts'

/** `canary <slot>.<share>.<sticky or fresh>.<generation>`, or `canary none`; the share is how many of 4096 numbers it has. */
export const mapPath = (router: string): string => posix.join(router, 'canary.map')

const CANARY = 'txn.switchyard_canary'
const SHARE = 'txn.switchyard_share'
const NUMBER = 'txn.switchyard_number'
const TARGET = 'txn.switchyard_target'

const RUNS = `{ var(${SHARE}) -m found }`
const cookie = `req.cook(${NUMBER_COOKIE})`
const GIVEN = `{ ${cookie} -m reg ^[0-9a-f][0-9a-f][0-9a-f]$ }`

/** Once the live slot is known: whether a canary runs, and the number of the request. One lookup, unless one does. */
export const canaryRules = (router: string, wanted = false): string =>
  wanted
    ? lines([
        '# A canary is one of the live generation, so a promote ends it at once. Each request draws a number, unless it has one.',
        `http-request set-var(${CANARY}) str(canary),map(${mapPath(router)})`,
        `http-request set-var(${SHARE}) var(${CANARY}),field(2,.),add(0) if { var(${CANARY}),field(4,.,0),strcmp(txn.switchyard_generation) eq 0 }`,
        `http-request set-var(${NUMBER}) uuid(),bytes(0,3) if ${RUNS}`,
        `http-request set-var(${NUMBER}) ${cookie} if ${RUNS} ${GIVEN}`,
        `http-request set-var(txn.switchyard_visitor) bool(true) if ${RUNS} !${GIVEN} { var(${CANARY}),field(3,.) -m str sticky }`,
      ])
    : ''

/** Behind the rule that chooses the live slot. */
export const canaryTarget = (wanted = false): readonly string[] =>
  wanted
    ? [
        `http-request set-var(${TARGET}) var(${CANARY}),field(1,.) if ${RUNS} { var(${NUMBER}),hex2i,sub(${SHARE}) lt 0 }`,
      ]
    : []

/** What a response says about it; also one of HAProxy's own, for a slot that does not answer. */
export function canaryAnswer(wanted = false): string {
  if (!wanted) return ''
  const own = '!{ var(txn.switchyard_preview) -m bool }'
  const visitor = '{ var(txn.switchyard_visitor) -m bool }'
  const https = '{ var(txn.switchyard_scheme) -m str https }'
  const set = `http-after-response add-header Set-Cookie "${NUMBER_COOKIE}=%[var(${NUMBER})]; Path=/; HttpOnly; SameSite=Lax`
  return lines([
    `http-after-response set-header X-Deployment-Slot %[var(${TARGET})] if ${RUNS} ${own}`,
    `${set}" if ${visitor} ${own} !${https}`,
    `${set}; Secure" if ${visitor} ${own} ${https}`,
  ])
}
