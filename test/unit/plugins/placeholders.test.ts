import { expect, it } from 'vitest'
import { ssh } from '../../../host/ssh/transport.ts'
import { type NginxOptions, nginx } from '../../../plugins/router/nginx/nginx.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const EVERYTHING = {
  site: 'life.example',
  bodySize: '20m',
  extra: ['gzip on;'],
  preview: { header: 'X-Preview', value: 'yes', auth: { file: '/etc/nginx/people' } },
  tls: 'certbot',
  trustedProxies: ['10.0.0.0/8'],
} as const
const assets = { path: '/assets/', folder: 'public' }
const apart = { on: ssh('deploy@lb-1'), upstream: '10.0.0.5' }

it.each<[string, NginxOptions]>([
  ['by link', { ...EVERYTHING, assets }],
  ['by reload', { ...EVERYTHING, mode: 'reload' }],
  ['on a host of its own', { ...EVERYTHING, ...apart, assets: { path: '/assets/' } }],
])('the files of nginx with all options, %s, have no placeholder left', (_, options) => {
  const { on } = nginx(options)
  const slots = (['blue', 'green'] as const).map((name, i) => ({
    ...{ name, port: 4000 + 1000 * i, env: {} },
    ...(on && { address: on.upstream }),
  }))
  const { files } = nginx(options).create(pluginKit({ slots })).provision({ user: 'deploy', group: 'deploy' })
  const texts = files.map(({ text }) => text).join('\n')
  expect(texts.match(/.*@[a-z]+@.*/g)).toBeNull()
  expect(texts).toContain(`proxy_pass http://${on ? '10.0.0.5' : '127.0.0.1'}:`)
  expect(texts.includes('http://127.0.0.1:')).toBe(!on)
})

it('assets that a router on a host of its own cannot read, or a reload cannot find, are refused', () => {
  expect(() => nginx({ site: 'life.example', assets, ...apart })).toThrow(/assets\.folder.*`on`/s)
  expect(() => nginx({ site: 'life.example', assets, mode: 'reload' })).toThrow(/assets.*reload/s)
})
