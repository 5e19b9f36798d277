/** The page that clients get during a maintenance: the user's own, or a plain one. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { SiteMaintenance } from '../../slots/contracts.ts'
import { routerFaults } from './faults.ts'

/** Where a page shows the message. */
const PLACE = /\{\{ *message *\}\}/g

/** The option as `task config` shows it. */
export const pageSetting = (own: string | undefined): string => own ?? 'the page of switchyard'

/** The text of the page, with its places for the message. @throws MAINTENANCE_PAGE_UNREADABLE */
export function pageText(folder: string, own: string | undefined): string {
  if (own === undefined) return PAGE
  const path = resolve(folder, own)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw routerFaults.MAINTENANCE_PAGE_UNREADABLE({ path, why: code === 'ENOENT' ? 'it does not exist' : message })
  }
}

export const withMessage = (page: string, message: string): string => page.replace(PLACE, () => message)

/** The page of one maintenance. @throws MAINTENANCE_PAGE_UNREADABLE */
export const filledPage = (
  folder: string,
  own: string | undefined,
  { message }: Pick<SiteMaintenance, 'message'>,
): string => withMessage(pageText(folder, own), escapeHtml(message))

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, sign => ENTITIES[sign] ?? sign)

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex">
  <title>Maintenance</title>
  <style>
    :root { color-scheme: light dark; }
    body { display: grid; min-height: 100vh; margin: 0; place-items: center; font: 1.125rem/1.5 system-ui, sans-serif; }
    main { max-width: 36rem; padding: 2rem; }
    h1 { margin: 0 0 1rem; font-size: 1.75rem; line-height: 1.2; }
    p { margin: 0; overflow-wrap: anywhere; }
  </style>
</head>
<body>
  <main>
    <h1>We will be back soon</h1>
    <p>{{ message }}</p>
  </main>
</body>
</html>
`
