/** The server blocks of a static site, one for each slot. Pure. */
import type { Slot } from '../../../slots/contracts.ts'
import { render, shipped } from '../../router/nginx/templates.ts'

/** The options of a site, of which nginx and Caddy understand each as it is. */
export interface StaticSite {
  /** The root in a release: begins with a slash, or is empty for the release itself. */
  readonly folder: string
  readonly fallback: string | undefined
  readonly immutable: string | undefined
}

/** Our own files are at the top of a release. */
export const PRIVATE_FILES = ['release.json', '.manifest', '.prepared'] as const

export const PRIVATE = `location ~ "^/(?:${PRIVATE_FILES.map(file => file.replace('.', '\\.')).join('|')})$" { return 404; }`

/** A missing file of this kind never gets the page of `fallback`, which browsers would keep for a year in its place. */
const immutableBlock = (prefix: string): string =>
  `if ($uri ~ "^${prefix}") { set $switchyard_cache "public, max-age=31536000, immutable"; }
    location ^~ ${prefix} { try_files $uri =404; }`

/** @param links the folder of the links */
export const configOf = (links: string, slots: readonly Slot[], { folder, fallback, immutable }: StaticSite): string =>
  slots
    .map(slot =>
      render(
        shipped('files'),
        {
          links,
          folder,
          fallback: fallback === undefined ? '=404' : `${fallback} =404`,
          immutable: immutable === undefined ? '' : immutableBlock(immutable),
          private: folder === '' ? PRIVATE : '',
        },
        [slot],
      ),
    )
    .join('\n')
