/** The part of Caddy's routes for assets that the live release lacks: the releases that were live before, then the other slot. */
import { type AssetOptions, keptFolder, keptLinks, type Slot } from '../shared.ts'
import { indented } from './indent.ts'
import { addressesOf } from './proxy.ts'

/**
 * Behind the answer which slot is live, in front of what chooses the slot of a request; nothing without the option. `proxy` sends the request to these addresses,
 * with more lines for its block.
 */
export function assetRoutes(
  router: string,
  slots: readonly Pick<Slot, 'name' | 'port' | 'address' | 'pool'>[],
  proxy: (upstream: string, lines: string) => string,
  assets: AssetOptions | undefined,
): string {
  if (assets === undefined) return ''
  const asked = slots.map(slot => {
    const others = slots.filter(({ name }) => name !== slot.name).flatMap(addressesOf)
    // The answer of the live slot comes last: a 404, once again. A slot that is down is not asked for a second.
    const other = proxy([...others, ...addressesOf(slot)].join(' '), `${OTHERS}${failed}`)
    const missing = `@switchyard_missing status 404
handle_response @switchyard_missing {
${indented(`${kept(router, assets)}${other}`, 1)}}
`
    return `@switchyard_asset_${slot.name} {
	vars {switchyard_slot} ${slot.name}
	path ${assets.path}*
	method GET HEAD
}
route @switchyard_asset_${slot.name} {
${indented(proxy(addressesOf(slot).join(' '), missing), 1)}}
`
  })
  return indented(`# Pages of the previous release still ask for assets that the new one lacks.\n${asked.join('')}`, 2)
}

const OTHERS = `lb_policy first
lb_retries 1
lb_try_interval 1ms
fail_duration 1s
`

const failed = `@switchyard_failed status 5xx
handle_response @switchyard_failed {
	respond 404
}
`

/** The releases that were live, newest first. */
function kept(router: string, assets: AssetOptions): string {
  const names = keptLinks(assets)
  if (names.length === 0) return ''
  const folder = keptFolder(router)
  return `@switchyard_kept file {
	root ${folder}
	try_files ${names.map(name => `/${name}{path}`).join(' ')}
}
route @switchyard_kept {
	root * ${folder}
	rewrite * {http.matchers.file.relative}
	file_server
}
`
}
