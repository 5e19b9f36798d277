/** What the routers install and run for a canary. */
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../host/exit-codes.ts'
import type { Query } from '../../../host/query.ts'
import { caddy, haproxy, nginx } from '../../../index.ts'
import { canaryByFiles, parseCanary, ranges } from '../../../plugins/router/canary.ts'
import { parseMap, parseServed } from '../../../plugins/router/haproxy/canary.ts'
import { moveLink } from '../../../plugins/router/live-link.ts'
import { numberText } from '../../../slots/canary/share.ts'
import type { Plugin, Router } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const WANTED = { slot: 'green', percent: 5, sticky: true, by: 'anna', since: '2026-11-26T09:15:00.123Z' }
const ROUTE = { slot: 'blue', generation: 'g1' }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-canary-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
const run = ({ script, input = '' }: Query<unknown>) =>
  spawnSync('bash', ['-euo', 'pipefail', '-c', script.text], { input, encoding: 'utf8' })

describe('the ranges of a share', () => {
  it.each([
    [0x041, ['00', '01', '02', '03', '040']],
    [0x100, ['0']],
    [0x800, ['0', '1', '2', '3', '4', '5', '6', '7']],
    [1, ['000']],
  ])('of %i numbers', (below, names) => {
    expect(ranges(below)).toEqual(names)
  })

  it('contain each number below exactly once, and no other', () => {
    for (const below of [1, 41, 205, 819, 2048, 3277, 4055]) {
      const names = ranges(below)
      expect(names.length).toBeLessThanOrEqual(45)
      const hits = (number: number) => names.filter(name => numberText(number).startsWith(name)).length
      for (let number = 0; number < 4_096; number++)
        expect(hits(number), `${number} of ${below}`).toBe(number < below ? 1 : 0)
    }
  })
})

describe('a canary by files', () => {
  const router = () => join(folder, 'router')
  const installed = () => join(folder, 'site.conf')
  const methods = () =>
    canaryByFiles(pluginKit({ layout: layout(folder) }), { installed: [installed()], needle: 'canary/on' })
  const state = () => parseCanary(run(methods().canary()).stdout)
  const live = (target: string) => {
    mkdirSync(join(router(), target), { recursive: true })
    rmSync(join(router(), 'live'), { force: true })
    symlinkSync(target, join(router(), 'live'))
  }
  beforeEach(() => {
    writeFileSync(installed(), 'if (-f live/canary/on) {}')
    live('blue.g1')
  })

  it('is one rename of a link in the folder of the route, to a folder with all that the router needs', () => {
    expect(state()).toBeUndefined()
    expect(run(methods().beginCanary(WANTED, ROUTE))).toMatchObject({ status: 0, stderr: '' })
    expect(readlinkSync(join(router(), 'live/canary'))).toBe('canary-5-20261126091500123')
    expect(readdirSync(join(router(), 'live/canary')).sort()).toEqual(['on', 'record.json', 'share', 'sticky'])
    expect(readdirSync(join(router(), 'live/canary/share')).length).toBe(25)
    expect(state()).toEqual(WANTED)
    // Caddy takes a name with a dot for that of the route.
    expect(readdirSync(join(router(), 'live')).filter(name => name.includes('.'))).toEqual([])
  })

  it('that replaces another leaves only its own folder, and one that ends leaves none', () => {
    run(methods().beginCanary(WANTED, ROUTE))
    const next = { ...WANTED, percent: 50, sticky: false, since: '2026-11-26T10:00:00.000Z' }
    expect(run(methods().beginCanary(next, ROUTE))).toMatchObject({ status: 0, stderr: '' })
    expect(readdirSync(join(router(), 'live')).sort()).toEqual(['canary', 'canary-50-20261126100000000'])
    expect(readdirSync(join(router(), 'live/canary'))).toContain('fresh')
    for (let i = 0; i < 2; i++) {
      expect(run(methods().endCanary())).toMatchObject({ status: 0, stderr: '' })
      expect(readdirSync(join(router(), 'live'))).toEqual([])
      expect(state()).toBeUndefined()
    }
  })

  it('ends with the rename that moves the traffic, and does not come back with the route', () => {
    run(methods().beginCanary(WANTED, ROUTE))
    const move = (slot: string, generation: string) =>
      spawnSync('bash', ['-euo', 'pipefail', '-c', moveLink(router(), slot, generation).text], { encoding: 'utf8' })
    expect(move('green', 'g2')).toMatchObject({ status: 0, stderr: '' })
    expect(state()).toBeUndefined()
    expect(move('blue', 'g1')).toMatchObject({ status: 0, stderr: '' })
    expect(state()).toBeUndefined()
    expect(readdirSync(join(router(), 'live'))).toEqual(['blue', 'blue.g1'])
  })

  it('changes nothing if the site was installed without it, or if another route is live', () => {
    live('green.g2')
    const moved = run(methods().beginCanary(WANTED, ROUTE))
    expect([moved.status, moved.stdout]).toEqual([EXIT.router.stale, 'green.g2\n'])
    live('blue.g1')
    writeFileSync(installed(), 'location / {}')
    const { status, stdout } = run(methods().beginCanary(WANTED, ROUTE))
    expect([status, stdout]).toEqual([EXIT.router.outdated, `${installed()}\n`])
    expect(readdirSync(join(router(), 'live'))).toEqual([])
  })

  it('made by hand is one, whatever its record says', () => {
    expect(parseCanary('on\n')).toMatchObject({ by: 'somebody', percent: 0 })
    expect(parseCanary('on\n{"percent":7}')).toMatchObject({ percent: 7, slot: 'the idle slot' })
    expect(parseCanary('')).toBeUndefined()
  })
})

describe('a canary in a map', () => {
  const record = `record ${JSON.stringify(WANTED)}`
  it.each([
    [`live blue.g1\ncanary green.205.sticky.g1\n${record}`, WANTED],
    [`live blue.a.b-c\ncanary green.205.sticky.a.b-c\n${record}`, WANTED],
    [`live green.g2\ncanary green.205.sticky.g1\n${record}`, undefined],
    [`live none\ncanary green.205.sticky.g1\n${record}`, undefined],
    ['live blue.g1\ncanary none\nrecord ', undefined],
    ['', undefined],
  ])('%j', (text, canary) => {
    expect(parseMap(text)).toEqual(canary)
  })

  it("counts each slot's requests from the statistics, failed connections included", () => {
    const text = [
      '# pxname,svname,econ,eresp,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other',
      'switchyard-life.example,blue,0,0,3,950,20,30,0,0',
      'switchyard-life.example,green,4,1,0,40,0,0,5,0',
      'switchyard-life.example,BACKEND,4,1,3,990,20,30,5,0',
    ].join('\n')
    expect(parseServed(text, ['blue', 'green'])).toEqual({
      blue: { sent: 1_000, failed: 0 },
      green: { sent: 50, failed: 10 },
    })
    expect(parseServed('', ['blue'])).toEqual({ blue: { sent: 0, failed: 0 } })
  })
})

describe.each<[string, (options: object) => Plugin<Router>]>([
  ['nginx()', options => nginx({ site: 'life.example', ...options })],
  ['haproxy()', options => haproxy({ site: 'life.example', ...options })],
  ['caddy()', options => caddy({ site: 'life.example', ...options })],
])('%s', (_, make) => {
  const files = (plugin: Plugin<Router>) =>
    plugin.create(pluginKit()).provision({ user: 'deploy', group: 'deploy' }).files

  it('says whether it has a canary, and has the methods exactly then', () => {
    const able = make({ canary: true })
    expect(able.canary).toBe(true)
    expect(able.create(pluginKit())).toHaveProperty('beginCanary')
    for (const plugin of [make({}), make({ canary: false })]) {
      expect(plugin.canary).toBe(false)
      expect(plugin.create(pluginKit())).not.toHaveProperty('canary')
      expect(plugin.create(pluginKit())).not.toHaveProperty('beginCanary')
    }
  })

  it('installs without it what it installed before, and nothing about one', () => {
    const without = files(make({}))
    expect(JSON.stringify(without)).not.toMatch(/canary/i)
    const all = (list: typeof without) => list.map(({ text }) => text).join('')
    const own = all(files(make({ canary: true }))).split('\n')
    // Lines are added, and none is changed.
    let from = -1
    for (const line of all(without).split('\n')) {
      from = own.indexOf(line, from + 1)
      expect(from, line).toBeGreaterThanOrEqual(0)
    }
  })
})

it('a reload of nginx has no canary', () => {
  expect(() => nginx({ site: 'life.example', mode: 'reload', canary: true } as never)).toThrow(
    /`canary` of nginx\(\) cannot be used with/,
  )
})

it('the parts of nginx for a canary need few variables, of which a usual hash has room for no more', () => {
  const text = readFileSync(new URL('../../../nginx/canary.conf', import.meta.url), 'utf8')
  expect([...new Set(text.match(/(?<=set )\$\w+/g))]).toHaveLength(4)
})
