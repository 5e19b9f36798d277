/** Hosts of another role than `web`: which processes they run, in which order a switch moves them, and how the slot that is live is known there. */
import { describe, expect, it } from 'vitest'
import type { Transport } from '../../../host/host.ts'
import type { Query } from '../../../host/query.ts'
import { service } from '../../../plugins/runtime/service/service.ts'
import type { BuildSource, Plugin, Router, Runtime, Slot } from '../../../slots/contracts.ts'
import { roleRoute } from '../../../slots/fleet/role-route.ts'
import { assertHealthy } from '../../../slots/health/health.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { layout } from '../../../slots/layout.ts'
import { agree } from '../../../slots/state/readings.ts'
import { project } from '../../../tasks/project.ts'
import { fakeHost } from '../../support/fake-host.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const blue: Slot = { name: 'blue', port: 4000, env: {} }
const green: Slot = { name: 'green', port: 5000, env: {} }
const release = { name: '1.0-abc', version: '1.0', sha256: '', dir: '/srv/life/releases/1.0-abc' }
const facts = { user: 'deploy', group: 'www' }
const plugin = service({
  start: 'bin/server',
  processes: {
    mailer: 'bin/mailer',
    jobs: { start: 'bin/jobs', role: 'worker' },
    clock: { start: 'bin/clock', when: 'live', role: 'worker' },
  },
})
const on = (role?: string) => plugin.create(pluginKit({ role }))
const units = (role?: string) =>
  on(role)
    .provision(facts)
    .files.map(({ path }) => path.replace(/.*\/(.*)@.*/, '$1'))
const textOf = (query: Query<unknown> | undefined) => query?.script.text ?? ''

describe('the processes of a host', () => {
  it('are all without roles, else those of its role', () => {
    expect(plugin.roles).toEqual(['worker'])
    expect(units()).toEqual(['life', 'life-mailer', 'life-jobs', 'life-clock'])
    expect(units('web')).toEqual(['life', 'life-mailer'])
    expect(units('worker')).toEqual(['life-jobs', 'life-clock'])
    expect(on('web').serves).toBeUndefined()
    expect(on('worker').serves).toBe(false)
  })

  it('of a worker run only in the live slot, also after a reboot', () => {
    for (const { text } of on('worker').provision(facts).files)
      expect(text).toContain('ConditionPathExists=/srv/life/live/%i')
  })

  it('of a worker need neither the unit nor the program that serves requests', () => {
    const started = textOf(on('worker').start(release, green))
    expect(started).not.toContain('life@')
    expect(started).not.toContain('bin/server')
    expect(started).toContain('life-jobs@green.service')
    expect(on('worker').provision(facts).sudo.flat().join(' ')).not.toContain(' life@')
  })

  it('stop before the others start if they must not run twice, and after them otherwise', () => {
    const { demoted, promoted } = on('worker')
    const before = textOf(demoted?.(blue, green))
    expect(before).toContain('life-clock@blue.service')
    expect(before).not.toContain('life-jobs@blue.service')
    const after = textOf(promoted?.(green))
    expect(after.indexOf('life-jobs@green.service')).toBeLessThan(after.indexOf('life-jobs@blue.service'))
    expect(after).toContain('life-jobs@blue.service')
    expect(after).not.toContain('life-clock@blue.service')
  })

  it('all stop if no slot becomes live', () => {
    const text = textOf(on('worker').demoted?.(blue, undefined))
    for (const name of ['life-jobs', 'life-clock']) expect(text).toContain(`${name}@blue.service`)
  })

  it('are fit without a request to a port', async () => {
    const sent: string[] = []
    const host = fakeHost(({ text }) => {
      sent.push(text)
      return ''
    })
    await assertHealthy(
      { host, layout: layout('/srv/life'), runtime: on('worker'), health: healthOf({}) },
      green,
      release,
    )
    expect(sent).toHaveLength(1)
    expect(sent[0]).not.toContain('curl')
  })
})

describe('the route of a host without a router', () => {
  const router = roleRoute(layout('/srv/life'))
  const read = <T>({ read }: Query<T>, stdout: string) =>
    Promise.resolve(read({ code: 0, stdout, stderr: '' } as never, { name: 'jobs-1', query: async () => '' as never }))
  const written = router.promote(green, 'g1').input as string

  it('is what the last switch wrote, and agrees with itself', async () => {
    const route = await read(router.live(), written)
    expect(route).toEqual({ slot: 'green', generation: 'g1' })
    const answer = await read(router.answer(), written)
    const promoted = { generation: 'g1', at: '2026-01-01', by: 'ada' }
    expect(agree({ router: route, answer, records: [{ slot: 'green', promoted } as never] })).toBe(true)
    expect(await read(router.live(), '')).toEqual({ slot: undefined, generation: undefined })
  })

  it('is verified by its slot and its generation, and never guessed', async () => {
    const verify = (generation: string) =>
      read(router.verify({ slot: 'green', generation }, { answers: 5, within: 1 }), written)
    expect((await verify('g1')).verified).toBe(true)
    expect((await verify('g2')).verified).toBe(false)
    await expect(Promise.resolve().then(() => read(router.live(), '{"slot"'))).rejects.toMatchObject({
      code: 'RECORD_UNREADABLE',
    })
  })
})

describe('hosts by role in a project', () => {
  const host = (name: string): Transport => ({ name, open: () => expect.fail('contacted') })
  const none = <T>(): Plugin<T> => ({ name: 'none', create: () => expect.fail('not made here') })
  const made = (hosts: Parameters<typeof project>[0]['hosts'], runtime: Plugin<Runtime> = plugin) =>
    project({
      app: 'life',
      hosts,
      build: none<BuildSource>(),
      runtime,
      router: none<Router>(),
      slots: { blue: { port: 4000 }, green: { port: 5000 } },
    } as never)

  it('are the hosts of the web, then the others, and can be chosen', () => {
    const { tasks } = made({ worker: [host('jobs-1')], web: [host('web-1'), host('web-2')] } as never)
    const { scope } = tasks.deploy.needs[1] as never as { scope: { hosts: string[]; roles: object } }
    expect(scope.hosts).toEqual(['web-1', 'web-2', 'jobs-1'])
    expect(scope.roles).toEqual({ web: ['web-1', 'web-2'], worker: ['jobs-1'] })
  })

  it.each([
    [
      'a role that no process has',
      { web: [host('web-1')], worker: [host('a')], mail: [host('b')] },
      /hosts\.mail.*role that no process/,
    ],
    ['a process without a host', { web: [host('web-1')] }, /hosts\.worker.*missing/],
    ['no hosts of the web', { worker: [host('a')] }, /hosts\.web.*missing/],
    ['one machine in two roles', { web: [host('a')], worker: [host('a')] }, /a twice/],
    ['an empty role', { web: [host('a')], worker: [] }, /hosts\.worker.*empty/],
  ])('are refused with %s', (_, hosts, message) => {
    expect(() => made(hosts as never)).toThrow(message)
  })

  it('are refused for a runtime without processes', () => {
    const runtime: Plugin<Runtime> = { name: 'beam', create: () => expect.fail('not made here') }
    expect(() => made({ web: [host('a')], worker: [host('b')] } as never, runtime)).toThrow(/no process of `beam\(\)`/)
  })
})
