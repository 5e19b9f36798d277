/** The option `assets` of HAProxy and Caddy, and what a router cannot do with it; that of nginx is in `nginx-assets.program.test.ts`. */
import { describe, expect, it } from 'vitest'
import { ssh } from '../../../host/ssh/transport.ts'
import type { AssetOptions } from '../../../plugins/router/assets.ts'
import { type CaddyOptions, caddy } from '../../../plugins/router/caddy/caddy.ts'
import { type HaproxyOptions, haproxy } from '../../../plugins/router/haproxy/haproxy.ts'
import type { Plugin, Router } from '../../../slots/contracts.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const site = 'life.example'
const on = { on: ssh('deploy@lb-1'), upstream: '10.0.0.5' }
const slots = ['blue', 'green'].map((name, i) => ({ name, port: 4000 + 1000 * i, env: {} }))
const textOf = (plugin: Plugin<Router>) =>
  plugin
    .create(pluginKit({ slots: slots.map(slot => ({ ...slot, ...(plugin.on && { address: plugin.on.upstream }) })) }))
    .provision({ user: 'deploy', group: 'deploy' })
    .files.map(({ text }) => text)
    .join('\n')
const onHaproxy = (options: Partial<HaproxyOptions> = {}) => textOf(haproxy({ site, ...options }))
const onCaddy = (options: Partial<CaddyOptions> = {}) => textOf(caddy({ site, ...options }))
const path = '/assets/'

describe('the assets of HAProxy', () => {
  it('retry a 404 alone, for a GET below the path alone, and nothing without the option', () => {
    const text = onHaproxy({ assets: { path } })
    expect(text).toMatch(/\n {4}retries 1\n {4}retry-on 404\n {4}option redispatch 1\n/)
    expect(text).toMatch(
      /bool\(true\) if \{ path_beg \/assets\/ \} \{ method GET HEAD \} !\{ var\(txn\.switchyard_preview\)/,
    )
    expect(text).toContain('http-request disable-l7-retry unless { var(txn.switchyard_asset) -m bool }')
    expect(onHaproxy()).not.toMatch(/switchyard_asset|retry-on|option redispatch 1/)
  })

  it("are not for the preview's own host name, whose backend retries nothing", () => {
    const [live = '', preview = ''] = onHaproxy({ assets: { path }, preview: 'next.life.example' }).split(
      'backend switchyard-next.life.example',
    )
    expect(live).toContain('retries 1')
    expect(preview).toContain('retries 0')
    expect(preview).not.toContain('switchyard_asset')
  })

  it('are the same on a host of its own', () => {
    expect(onHaproxy({ assets: { path }, ...on })).toContain('retry-on 404')
  })
})

describe('the assets of Caddy', () => {
  it('are looked for in the releases that were live, then in the other slot, then once more in the live one', () => {
    const text = onCaddy({ assets: { path, folder: 'public', keep: 1 } })
    expect(text).toContain('try_files /1{path} /2{path}\n')
    expect(text.match(/reverse_proxy (?!\{)[^{]*/g)).toEqual([
      'reverse_proxy 127.0.0.1:4000 ',
      'reverse_proxy 127.0.0.1:5000 127.0.0.1:4000 ',
      'reverse_proxy 127.0.0.1:5000 ',
      'reverse_proxy 127.0.0.1:4000 127.0.0.1:5000 ',
    ])
    expect(onCaddy()).not.toMatch(/switchyard_asset|handle_response/)
  })

  it('are passed on as everything else is', () => {
    const text = onCaddy({ assets: { path } })
    const lines = text.match(/header_up .*/g) ?? []
    expect(lines.length).toBeGreaterThan(20)
    expect(lines).toEqual(Array.from({ length: 5 }, () => lines.slice(0, lines.length / 5)).flat())
    expect(text).not.toContain('switchyard_kept')
  })

  it('on a host of its own are asked of the slots alone', () => {
    expect(onCaddy({ assets: { path }, ...on })).toContain('reverse_proxy 10.0.0.5:5000 10.0.0.5:4000 {')
  })

  it('are remembered by each switch to a slot, with a folder', () => {
    const slot = { name: 'blue', port: 4000, env: {} }
    const switched = (assets: AssetOptions) =>
      caddy({ site, assets }).create(pluginKit()).promote(slot, 'g1').script.text
    expect(switched({ path, folder: 'public' })).toContain('/srv/life/router/assets')
    expect(switched({ path })).not.toContain('/srv/life/router/assets')
  })
})

describe('assets that a router cannot serve are refused', () => {
  it.each<[string, () => unknown, string, string]>([
    [
      'a folder for HAProxy',
      () => haproxy({ site, assets: { path, folder: 'public' } as never }),
      'assets.folder',
      'HAProxy serves no files and asks the other slot alone',
    ],
    [
      'a number of releases for HAProxy',
      () => haproxy({ site, assets: { path, keep: 2 } as never }),
      'assets.keep',
      'HAProxy serves no files',
    ],
    [
      'a folder on another machine',
      () => caddy({ site, assets: { path, folder: 'public' }, ...on }),
      'assets.folder',
      "the files are on the application's host",
    ],
    ['releases without a folder', () => caddy({ site, assets: { path, keep: 2 } }), 'assets.keep', 'left out'],
  ])('%s', (_, create, option, hint) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        exitCode: 2,
        message: expect.stringContaining(`\`${option}\``),
        hint: expect.stringContaining(hint),
      }),
    )
  })
})
