/** The documentation site in Chromium: every page is in the menu, every link leads somewhere, and a phone needs no horizontal scrolling. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOME, pages } from '../../docs/.vitepress/pages.ts'
import { findChromium } from '../support/chromium.ts'
import { type Served, serveSite } from './served.ts'

const installed = await findChromium()
const addresses = Object.values(pages()).map(page => `/${page.replace(/\.md$/, '.html').replace(/^index\.html$/, '')}`)

/** The fields of a link in a browser. */
interface Link {
  readonly origin: string
  readonly pathname: string
  readonly hash: string
}

/** The value of an expression in the browser. It is a text, because the types of a browser are not those of Node. */
const inBrowser = <T>(page: Page, expression: string): Promise<T> => page.evaluate(expression) as Promise<T>

/** A page as the browser shows it. */
interface Seen {
  readonly address: string
  readonly headings: number
  readonly ids: readonly string[]
  readonly links: readonly Link[]
}

const SEEN = `({
  headings: document.querySelectorAll('.vp-doc h1').length,
  ids: [...document.querySelectorAll('[id]')].map(({ id }) => id),
  links: [...document.querySelectorAll('.vp-doc a')].map(({ origin, pathname, hash }) => ({ origin, pathname, hash })),
})`
/** Milliseconds for a page on a busy machine. */
const PATIENCE = 120_000

const WIDTH = 'document.documentElement.scrollWidth'

describe.skipIf('missing' in installed)(
  `the site${'missing' in installed ? ` (skipped: ${installed.missing})` : ''}`,
  () => {
    let folder: string | undefined
    let site: Served
    let browser: Browser
    let page: Page
    /** What a page asked for and did not get, and what its program threw. */
    const wrong: string[] = []
    let menu: readonly string[] = []
    const seen: Seen[] = []

    beforeAll(async () => {
      // Into a folder of its own: somebody may build the site meanwhile.
      folder = await mkdtemp(join(tmpdir(), 'switchyard-docs-'))
      await promisify(execFile)('npm', ['run', 'docs:build', '--', '--outDir', folder], { cwd: HOME })
      site = await serveSite(folder)
      if (!('program' in installed)) return
      browser = await chromium.launch({ executablePath: installed.program, args: ['--no-sandbox'] })
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
      page.setDefaultTimeout(PATIENCE)
      page.on('pageerror', error => wrong.push(`${page.url()}: ${error.message}`))
      page.on('request', request => {
        if (!request.url().startsWith(site.url) && !request.url().startsWith('data:'))
          wrong.push(`asked ${request.url()}`)
      })
      page.on('response', response => {
        if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`)
      })
      for (const address of addresses) {
        await open(address)
        seen.push({ address, ...(await inBrowser<Omit<Seen, 'address'>>(page, SEEN)) })
      }
      menu = await inBrowser(page, "[...document.querySelectorAll('.VPSidebar a')].map(link => link.pathname)")
    })
    afterAll(async () => {
      await browser?.close()
      await site?.[Symbol.asyncDispose]()
      if (folder) await rm(folder, { recursive: true })
    })

    const open = async (address: string, on = page) => {
      await on.goto(`${site.url}${address}`)
      // The program of the site has taken over the page.
      await on.waitForFunction("'__vue_app__' in (document.querySelector('#app') ?? {})")
    }

    it('has every page in its menu, asks nobody else for anything, and throws nothing', () => {
      expect(addresses.filter(address => !menu.includes(address))).toEqual([])
      for (const { address, headings } of seen) expect(headings, address).toBe(1)
      expect(wrong).toEqual([])
    })

    it('has no link to a page or a heading that does not exist', () => {
      const ids = new Map(seen.map(({ address, ids }) => [address, new Set(ids)]))
      const links = seen.flatMap(({ address, links }) => links.map(link => ({ ...link, from: address })))
      const own = links.filter(({ origin }) => origin === site.url)
      expect(own.length).toBeGreaterThan(100)
      const broken = own.filter(({ pathname, hash }) => {
        const known = ids.get(pathname)
        return !known || (hash !== '' && !known.has(decodeURIComponent(hash.slice(1))))
      })
      expect([...new Set(broken.map(({ from, pathname, hash }) => `${from} -> ${pathname}${hash}`))]).toEqual([])
    })

    it('draws the pictures, follows a click, and finds an error by its code', async () => {
      await open('/architecture.html')
      expect(await page.locator('.picture svg').count()).toBeGreaterThan(0)
      await page.locator('.VPSidebar').getByRole('link', { name: 'Commands', exact: true }).click()
      await page.waitForURL('**/commands.html')
      await page.locator('.vp-doc h1', { hasText: 'Commands' }).waitFor()
      await page.keyboard.press('Control+k')
      await page.locator('.VPLocalSearchBox input').fill('LOCK_TAKEN')
      await page.locator('.VPLocalSearchBox .result', { hasText: 'LOCK_TAKEN' }).first().click()
      await page.waitForURL('**/errors.html#lock_taken')
      expect(wrong).toEqual([])
    })

    it('has a dark mode in which its own colours change', async () => {
      const colours = async (colorScheme: 'light' | 'dark') => {
        const context = await browser.newContext({ colorScheme })
        const other = await context.newPage()
        await open('/architecture.html', other)
        const found = await inBrowser<string>(
          other,
          "getComputedStyle(document.querySelector('.picture svg text')).fill",
        )
        const background = await inBrowser<string>(other, 'getComputedStyle(document.body).backgroundColor')
        await context.close()
        return [found, background]
      }
      const [light, dark] = [await colours('light'), await colours('dark')]
      expect(light[0]).not.toBe(dark[0])
      expect(light[1]).not.toBe(dark[1])
    })

    it('needs no horizontal scrolling on a phone', async () => {
      const context = await browser.newContext({
        viewport: { width: 390, height: 844 },
        hasTouch: true,
        isMobile: true,
      })
      const phone = await context.newPage()
      const wide: string[] = []
      for (const address of addresses) {
        await open(address, phone)
        const width = await inBrowser<number>(phone, WIDTH)
        if (width > 390) wide.push(`${address}: ${width}`)
      }
      expect(wide).toEqual([])
      // A control: a page that is too wide is noticed.
      await phone.evaluate("document.querySelector('.vp-doc h1').setAttribute('style', 'width: 800px')")
      expect(await inBrowser<number>(phone, WIDTH)).toBeGreaterThan(390)
      // The menu is behind a button there.
      await phone.locator('.VPLocalNav .menu').click()
      await phone.locator('.VPSidebar a', { hasText: 'Troubleshooting' }).click()
      await phone.waitForURL('**/troubleshooting.html')
      await context.close()
    })
  },
)
