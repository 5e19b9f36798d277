/** The rows of the router suite for options that a router may have: proxies in front of it, the size of bodies, and a preview of the idle slot. */
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Host } from '../../host/host.ts'
import type { HostFacts, Plugin, PluginContext, Provision, Route, Router, Slot } from '../../slots/contracts.ts'
import { maintaining } from '../../slots/maintenance/site.ts'
import { type Bound, bound } from '../support/bound.ts'
import { PATIENCE } from './patience.ts'

/** Options that a router may have. */
export interface ConfiguredRouter {
  /** The proxies whose `X-Forwarded-*` counts. */
  readonly trustedProxies?: readonly string[]
  /** The largest body of a request, such as `8k`. */
  readonly bodySize?: string
  /** A host name, a header or a cookie for the idle slot. */
  readonly preview?:
    | string
    | { readonly host: string; readonly auth: { readonly user: string; readonly hash: string } }
    | { readonly header: string; readonly value: string }
    | { readonly cookie: string; readonly value: string }
}

export interface OutsiderAnswer {
  readonly status: number
  /** The names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What these rows need of the router under test; described there. */
interface Subject {
  readonly slots: readonly [Slot, Slot]
  readonly generations: boolean
  readonly host: Host
  readonly facts: HostFacts
  kit(): PluginContext
  install(provision: Provision): Promise<void>
  stopApplication(slot: Slot): Promise<void>
  startApplication(slot: Slot): Promise<void>
  outsider?(path: string, method?: string, headers?: Readonly<Record<string, string>>): Promise<OutsiderAnswer>
  outsiderAddress?(): Promise<string>
  configured?(options: ConfiguredRouter): Plugin<Router>
}

interface Suite {
  subject(): Subject
  router(): Bound<Router>
  /** Switches the traffic, and waits until the switch is verified. */
  promoted(slot: Slot): Promise<Route>
}

/** The hash of `secret`, by bcrypt with the least work. */
const HASH = '$2y$04$Y0BIlVLn6uvJY9x9pw0uBOCBNTZnQuBkw6BrvBX5TTiqtfK2XTmdC'
const LOGIN = `Basic ${Buffer.from('anna:secret').toString('base64')}`

export function routerOptions({ subject, router, promoted }: Suite): void {
  describe('an option for its clients', () => {
    let changed = false
    beforeEach(({ skip }) => {
      if (!subject().configured) skip('the suite was not given the router with these options')
    })
    afterAll(async () => {
      if (changed) await subject().install(router().provision(subject().facts))
    })
    const slots = () => subject().slots
    const install = async (options: ConfiguredRouter): Promise<Router> => {
      const plugin = subject().configured?.(options) ?? expect.fail('`configured` is missing.')
      const configured = plugin.create(subject().kit())
      changed = true
      await subject().install(configured.provision(subject().facts))
      return configured
    }
    /** A router may reload in the background: its old processes answer for a moment. */
    const inForce = (check: () => Promise<void>) =>
      vi.waitFor(
        async () => {
          for (let i = 0; i < 5; i++) await check()
        },
        { ...PATIENCE, interval: 100 },
      )
    const previewIs = (slot: Slot, headers: Readonly<Record<string, string>> = NEXT) =>
      inForce(async () =>
        expect(await ask('/where', headers)).toMatchObject({ status: 200, body: `${slot.name} /where\n` }),
      )
    const inMaintenance = async (configured: Router, allow: readonly string[], work: () => Promise<void>) => {
      const site = bound(subject().host, maintaining(configured))
      const since = new Date().toISOString()
      await site.beginMaintenance({ by: 'anna', since, message: 'Soon.', allow, retryAfter: 60 })
      await work().finally(() => site.endMaintenance())
    }
    const ask = (
      path: string,
      headers: Readonly<Record<string, string>> = {},
      method = 'GET',
    ): Promise<OutsiderAnswer> =>
      subject().outsider?.(path, method, headers) ?? expect.fail('`configured` needs `outsider`.')
    const seen = async (headers: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> => {
      const { body } = await ask('/headers', headers)
      return Object.fromEntries(body.split(';').flatMap(pair => (pair === '' ? [] : [pair.split('=', 2)])))
    }
    const CLAIMS = {
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'public.example',
      'X-Forwarded-Port': '4711',
      Forwarded: 'for=203.0.113.9',
    }
    const NEXT = { Host: 'next.life.example' }

    test('F82 believes nothing that a stranger says of a client, and of a trusted proxy who it is and how it asked', async () => {
      const [blue] = slots()
      await install({ trustedProxies: ['192.0.2.0/24', '2001:db8::/32'] })
      await promoted(blue)
      const { x_real_ip: own = '' } = await seen({})
      expect(own).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      expect(await seen(CLAIMS)).toMatchObject({
        x_real_ip: own,
        x_forwarded_for: own,
        x_forwarded_proto: 'http',
        x_forwarded_host: 'life.example',
        x_forwarded_port: '',
        forwarded: '',
      })
      await install({ trustedProxies: [`${own}/32`, '2001:db8::/32'] })
      await inForce(async () =>
        expect(await seen(CLAIMS)).toMatchObject({
          host: 'life.example',
          x_real_ip: '203.0.113.9',
          x_forwarded_for: '203.0.113.9',
          x_forwarded_proto: 'https',
          x_forwarded_host: 'public.example',
          x_forwarded_port: '',
          forwarded: '',
        }),
      )
      // The client of the proxy has claimed something itself, and the proxy has added what it saw.
      const forged = await seen({ ...CLAIMS, 'X-Forwarded-For': '198.51.100.1, 203.0.113.9' })
      expect(forged).toMatchObject({ x_real_ip: '203.0.113.9', x_forwarded_for: '203.0.113.9' })
      // What the proxy itself asks, such as a health check of a load balancer.
      expect(await seen({})).toMatchObject({ x_real_ip: own, x_forwarded_for: own, x_forwarded_proto: 'http' })
      expect(await router().check('/')).toEqual([])
    })

    test('F82 compares the client behind a trusted proxy with the networks of a maintenance', async ({ skip }) => {
      if (!router().maintenance) skip('the router has no maintenance')
      const [blue] = slots()
      const own = (await subject().outsiderAddress?.()) ?? ''
      const configured = await install({ trustedProxies: [own] })
      await promoted(blue)
      await inForce(async () => expect((await seen(CLAIMS)).x_real_ip).toBe('203.0.113.9'))
      await inMaintenance(configured, ['203.0.113.0/24'], async () => {
        expect((await ask('/where', { 'X-Forwarded-For': '203.0.113.9' })).status).toBe(200)
        expect((await ask('/where', { 'X-Forwarded-For': '198.51.100.1' })).status).toBe(503)
        expect((await ask('/where', { 'X-Forwarded-For': '203.0.113.9, 198.51.100.1' })).status).toBe(503)
      })
    })

    test('limits the body of a request, and says the limit', async () => {
      const [blue] = slots()
      await install({ bodySize: '8k' })
      await promoted(blue)
      const post = (size: number) => ask('/where', { 'Content-Length': String(size) }, 'POST')
      expect(await post(8_192)).toMatchObject({ status: 200, body: 'blue /where\n' })
      await inForce(async () => expect((await post(8_193)).status).toBe(413))
      const refused = await post(8_193)
      expect(refused).toMatchObject({ status: 413, headers: { 'content-type': expect.stringContaining('text/plain') } })
      expect(refused.body).toContain('larger than 8k')
      expect((await ask('/where')).status).toBe(200)
    })

    test('shows the idle slot under another host name before and after a switch, and the first one while none is live', async () => {
      const [blue, green] = slots()
      const configured = await install({ preview: 'next.life.example' })
      expect(configured.preview).toMatch(/^http:\/\/next\.life\.example(?::\d+)?$/)
      const none = { slot: undefined, generation: undefined }
      await router().restore(none)
      expect(await router().verify(none, { answers: 5, within: 20_000 })).toMatchObject({ verified: true })
      await previewIs(blue)
      expect((await ask('/where')).status).toBe(503)
      for (const [live, idle] of [
        [blue, green],
        [green, blue],
        [blue, green],
      ] as const) {
        await promoted(live)
        expect(await ask('/a%20b?x=1', NEXT)).toMatchObject({ status: 200, body: `${idle.name} /a%20b?x=1\n` })
        expect(await ask('/a%20b?x=1')).toMatchObject({ status: 200, body: `${live.name} /a%20b?x=1\n` })
        expect((await ask('/missing', NEXT)).status).toBe(404)
        expect(await ask('/deployment_id', NEXT)).toMatchObject({ status: 200, body: `${live.name}\n` })
      }
      expect((await seen(NEXT)).x_forwarded_host).toBe('next.life.example')
      const here = bound(subject().host, configured)
      expect(await here.check('/')).toEqual([])
      expect(await here.conflicts?.()).toEqual([])
    })

    test('answers 503 with the name of the idle slot while nothing runs there, and the live slot goes on', async () => {
      const [blue, green] = slots()
      await install({ preview: 'next.life.example' })
      await promoted(blue)
      await previewIs(green)
      await subject().stopApplication(green)
      try {
        const answer = await ask('/where', NEXT)
        expect(answer.status).toBe(503)
        expect(answer.body).toContain('green')
        expect(await ask('/where')).toMatchObject({ status: 200, body: 'blue /where\n' })
      } finally {
        await subject().startApplication(green)
      }
      expect(await ask('/where', NEXT)).toMatchObject({ status: 200, body: 'green /where\n' })
    })

    test('goes on showing the idle slot during a maintenance', async ({ skip }) => {
      if (!router().maintenance) skip('the router has no maintenance')
      const [blue, green] = slots()
      const configured = await install({ preview: 'next.life.example' })
      await promoted(blue)
      await previewIs(green)
      await inMaintenance(configured, [], async () => {
        expect((await ask('/where')).status).toBe(503)
        expect(await ask('/where', NEXT)).toMatchObject({ status: 200, body: 'green /where\n' })
      })
    })

    test('mixes no slots under load: each request outside of a switch gets the slot that is idle, and none fails', async ({
      skip,
    }) => {
      if (!subject().generations) skip('a reload lets requests of open connections finish with the old route')
      const [blue, green] = slots()
      await install({ preview: 'next.life.example' })
      await promoted(blue)
      await previewIs(green)
      const answers: { from: number; to: number; status: number; body: string; preview: boolean }[] = []
      let over = false
      const asking = [true, true, false].map(async preview => {
        while (!over) {
          const from = performance.now()
          const { status, body } = await ask('/where', preview ? NEXT : {})
          answers.push({ from, to: performance.now(), status, body: body.trim(), preview })
        }
      })
      const quiet: { from: number; to: number; live: Slot; idle: Slot }[] = []
      try {
        for (let i = 0; i < 6; i++) {
          const [live, idle] = i % 2 ? [blue, green] : [green, blue]
          await promoted(live)
          const from = performance.now()
          await new Promise(resolve => setTimeout(resolve, 300))
          quiet.push({ from, to: performance.now(), live, idle })
        }
      } finally {
        over = true
        await Promise.all(asking)
      }
      expect(answers.filter(({ status }) => status !== 200)).toEqual([])
      let judged = 0
      for (const { from, to, live, idle } of quiet)
        for (const answer of answers.filter(each => each.from >= from && each.to <= to)) {
          judged++
          expect(answer.body).toBe(`${(answer.preview ? idle : live).name} /where`)
        }
      expect(judged).toBeGreaterThan(50)
      expect(new Set(answers.filter(({ preview }) => preview).map(({ body }) => body))).toEqual(
        new Set(['blue /where', 'green /where']),
      )
    })

    test('asks for a password where the preview has one, and nowhere else', async () => {
      const [blue] = slots()
      await install({ preview: { host: 'next.life.example', auth: { user: 'anna', hash: HASH } } })
      await promoted(blue)
      await inForce(async () => expect((await ask('/where', NEXT)).status).toBe(401))
      expect(
        (await ask('/where', { ...NEXT, Authorization: `Basic ${Buffer.from('anna:wrong').toString('base64')}` }))
          .status,
      ).toBe(401)
      expect(await ask('/where', { ...NEXT, Authorization: LOGIN })).toMatchObject({
        status: 200,
        body: 'green /where\n',
      })
      expect(await ask('/where')).toMatchObject({ status: 200, body: 'blue /where\n' })
    })

    test.each([
      ['a header', { header: 'X-Preview', value: 'yes-1' }, { 'X-Preview': 'yes-1' }, { 'X-Preview': 'yes' }],
      [
        'a cookie',
        { cookie: 'preview', value: 'yes.1' },
        { Cookie: 'a=b; preview=yes.1; c=d' },
        { Cookie: 'preview=yes' },
      ],
    ])('shows the idle slot to whoever sends %s', async (_, preview, right, wrong) => {
      const [blue, green] = slots()
      await install({ preview })
      await promoted(blue)
      await previewIs(green, right)
      for (const [live, idle] of [
        [green, blue],
        [blue, green],
      ] as const) {
        await promoted(live)
        expect(await ask('/where', right)).toMatchObject({ status: 200, body: `${idle.name} /where\n` })
        expect(await ask('/where', wrong)).toMatchObject({ status: 200, body: `${live.name} /where\n` })
      }
    })
  })
}
