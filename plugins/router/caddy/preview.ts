/** The part of Caddy's routes for the preview of the idle slot. */
import { idleSlot, type Preview, type Slot, slotAt } from '../shared.ts'
import type { Proxying } from './proxy.ts'

/** A matcher of the requests that are for the preview; its lines are those of a set. */
function matching(preview: Preview): string {
  if ('host' in preview) return `host ${preview.host}`
  return 'header' in preview
    ? `header ${preview.header} ${preview.value}`
    : `header_regexp Cookie (?:^|;\\s*)${preview.cookie}=${preview.value.replaceAll('.', '\\.')}(?:;|$)`
}

/** For the set of the maintenance, which does not close the preview. */
export const exceptPreview = (preview: Preview | undefined): string =>
  preview === undefined ? '' : `\t\tnot ${matching(preview)}\n`

export function previewRoutes(
  preview: Preview | undefined,
  slots: readonly Pick<Slot, 'name' | 'port' | 'address'>[],
  proxy: Proxying,
): string {
  if (preview === undefined) return ''
  const row = (input: string, live?: string) => {
    const idle = idleSlot(slots, live)
    return `\t\t${input} ${idle?.name} ${idle && slotAt(idle)}\n`
  }
  const { auth } = preview
  const guard =
    auth === undefined
      ? ''
      : `\t\tbasicauth {\n\t\t\t${auth.user} ${Buffer.from(auth.hash).toString('base64')}\n\t\t}\n`
  return `	# The preview: these requests go to the slot that is not live, also during a maintenance.
	map {switchyard_slot} {switchyard_idle} {switchyard_idle_upstream} {
${slots.map(({ name }) => row(name, name)).join('')}${row('default')}	}
	@switchyard_preview {
		${matching(preview)}
		not path /deployment_id /.well-known/acme-challenge/*
	}
	route @switchyard_preview {
${guard}${proxy('{switchyard_idle}', '{switchyard_idle_upstream}')}	}
`
}

/** The errors of the site: a slot of the preview that does not answer. Others are as without it. */
export const previewErrors = (preview: Preview | undefined): string =>
  preview === undefined
    ? ''
    : `handle_errors {
	@switchyard_idle_down {
		${matching(preview)}
		expression {http.error.status_code} in [502, 504]
	}
	header @switchyard_idle_down Cache-Control no-store
	respond @switchyard_idle_down "The idle slot, {switchyard_idle}, does not answer. A deploy starts a release in it.
" 503
}
`
