import { caddy, haproxy, nginx } from 'switchyard-deploy'
import { expectTypeOf, it } from 'vitest'

it('a router has no option that does not apply to it', () => {
  const tls = { certificate: '/a.pem', key: '/a.key' }
  expectTypeOf(nginx({ site: 'a', tls, http2: false, mode: 'reload', trustedProxies: ['10.0.0.0/8'] })).toHaveProperty(
    'name',
  )
  expectTypeOf(nginx({ site: 'a', include: true, bodySize: '2m', extra: ['gzip on;'] })).toHaveProperty('name')
  // @ts-expect-error the server block is the user's own
  nginx({ site: 'a', include: true, tls })
  // @ts-expect-error its listeners are those of the user's frontend
  haproxy({ site: 'a', tls })
  // @ts-expect-error Caddy manages its certificates itself
  caddy({ site: 'a', tls: 'certbot' })
  // @ts-expect-error a preview has one way to it
  nginx({ site: 'a', preview: { header: 'X-Preview' } })
  // @ts-expect-error only nginx reads a file of passwords
  haproxy({ site: 'a', preview: { host: 'b.a', auth: { file: '/etc/people' } } })
})
