/** The maintenance of a site: what is sent, and what happens if it cannot be verified. The router is one that keeps its state in a variable. */
import { describe, expect, it } from 'vitest'
import { capture, perform } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'
import type { Router, SiteMaintenance } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { begin, describeMaintenance, end, maintaining, parseSiteMaintenance } from '../../../slots/maintenance/site.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const WANTED: SiteMaintenance = {
  by: 'anna',
  since: '2026-11-26T09:15:00.123Z',
  message: 'New disks.',
  allow: ['10.0.0.0/8', '2001:db8::/32'],
  retryAfter: 120,
}

/** `works`: whether a client from outside notices the change. */
function site(before: SiteMaintenance | undefined, works = true, dryRun = false) {
  const sent: string[] = []
  const state = { now: before }
  const host = fakeHost(({ text }) => {
    sent.push(text.split('\n').find(Boolean)?.split(' ')[0] ?? '')
    if (text === 'off') state.now = undefined
    if (text.startsWith('on ')) state.now = JSON.parse(text.slice(3))
    return text === 'state' && state.now ? JSON.stringify(state.now) : ''
  })
  const router = {
    maintenance: () => capture(sh.read`state`, text => (text === '' ? undefined : JSON.parse(text))),
    beginMaintenance: (wanted: SiteMaintenance) => perform({ writes: true, text: `on ${JSON.stringify(wanted)}` }),
    endMaintenance: () => perform(sh.write`off`),
    outside: () =>
      capture(sh.read`ask`, () => {
        const maintenance = works ? state.now !== undefined : before !== undefined
        return { status: maintenance ? 503 : 200, maintenance }
      }),
  } as Partial<Router> as Router
  const deploy = { id: 'd1', by: 'anna', where: 'desk', began: 0 }
  const deps = { host, layout: layout('/srv/life'), deploy, health: { path: '/' }, dryRun } as never
  return { deps, router: maintaining(router), sent, state }
}

describe('the maintenance of a site', () => {
  it('begins, is verified, and is in the journal', async () => {
    const { deps, router, sent, state } = site(undefined)
    expect(await begin(deps, router, WANTED)).toBeUndefined()
    expect(state.now).toEqual(WANTED)
    expect(sent).toEqual(['if', 'state', 'on', 'ask', 'IFS='])
  })

  it('replaces the one that is on, and says which that was', async () => {
    const earlier = { ...WANTED, by: 'bob' }
    const { deps, router, state } = site(earlier)
    expect(await begin(deps, router, WANTED)).toEqual(earlier)
    expect(state.now).toEqual(WANTED)
  })

  it('that clients from outside do not notice is taken back', async () => {
    const { deps, router, sent, state } = site(undefined, false)
    expect(await faultOf(begin(deps, router, WANTED))).toMatchObject({
      code: 'MAINTENANCE_UNVERIFIED',
      exitCode: 1,
      message: expect.stringContaining('gets status 200 instead of the page'),
    })
    expect(state.now).toBeUndefined()
    expect(sent).toEqual(['if', 'state', 'on', 'ask', 'off', 'IFS='])
  })

  it('ends, and is not in the journal if there was none', async () => {
    const on = site(WANTED)
    expect(await end(on.deps, on.router)).toEqual(WANTED)
    expect(on.sent).toEqual(['if', 'state', 'off', 'ask', 'IFS='])
    const off = site(undefined)
    expect(await end(off.deps, off.router)).toBeUndefined()
    expect(off.sent).toEqual(['if', 'state', 'off', 'ask'])
  })

  it('that was ended stays ended, even if clients from outside still get the page', async () => {
    const { deps, router, state } = site(WANTED, false)
    expect(await faultOf(end(deps, router))).toMatchObject({ code: 'MAINTENANCE_UNVERIFIED', exitCode: 1 })
    expect(state.now).toBeUndefined()
  })

  it('is not verified in a dry run', async () => {
    const { deps, router } = site(undefined, false, true)
    await expect(begin(deps, router, WANTED)).resolves.toBeUndefined()
  })

  it('is refused for a router without the methods for it', () => {
    expect(() => maintaining({} as Router)).toThrow(expect.objectContaining({ code: 'ROUTER_CANNOT', exitCode: 2 }))
  })

  it('is described with its begin, its networks and what clients get', () => {
    expect(describeMaintenance(WANTED)).toBe(
      'The site has been in maintenance since 2026-11-26T09:15:00.123Z, by anna: New disks. ' +
        'Clients get 503, and are asked to come back after 120 s, except those of 10.0.0.0/8, 2001:db8::/32.',
    )
    expect(describeMaintenance({ ...WANTED, allow: [] })).not.toContain('except')
  })

  it('that somebody began by hand has a description as well', () => {
    for (const text of ['', 'nonsense', '{}'])
      expect(describeMaintenance(parseSiteMaintenance(text))).toContain('somebody')
    expect(parseSiteMaintenance(JSON.stringify(WANTED))).toEqual(WANTED)
  })
})
