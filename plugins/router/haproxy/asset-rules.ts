/**
 * The rules of HAProxy's backend for assets that the live release lacks. A 404 for one is asked again: a retry that is redispatched goes to another server than
 * the first one, which of two slots is the other one. `use-server` counts for the first try alone.
 */

import type { AssetPath } from '../shared.ts'
import { lines } from './lines.ts'
import { type Previewing, SLOT_DOWN } from './preview.ts'

const ASSET = 'txn.switchyard_asset'
const IS_ASSET = `{ var(${ASSET}) -m bool }`

/** How a request that fails is tried again; not at all without the option. A connection that fails never is. */
export const retries = (assets: AssetPath | undefined): string =>
  assets === undefined
    ? lines([
        '# One request per connection to a slot, and no retries, so that only the live slot answers.',
        'option http-server-close',
        'http-reuse never',
        'retries 0',
        'no option redispatch',
      ])
    : lines([
        '# One request per connection to a slot. Pages of the previous release still ask for assets that the new one lacks: a 404 for one is asked again, of',
        '# the other slot. Nothing else is, so that only the live slot answers.',
        'option http-server-close',
        'http-reuse never',
        'retries 1',
        'retry-on 404',
        'option redispatch 1',
      ])

/** Once the slot of the request is known. */
export const assetRules = (assets: AssetPath | undefined, previewing: Previewing): string =>
  assets === undefined
    ? ''
    : lines([
        `http-request set-var(${ASSET}) bool(true) if { path_beg ${assets.path} } { method GET HEAD } !{ var(txn.switchyard_preview) -m bool }`,
        `http-request disable-l7-retry unless ${IS_ASSET}`,
        '# The other slot may be down.',
        ...(previewing === 'none' ? [SLOT_DOWN] : []),
        `http-after-response set-status 404 reason "Not Found" if ${IS_ASSET} { status ge 500 } !{ srv_name,strcmp(txn.switchyard_target) eq 0 }`,
      ])
