/** The contract of the routers on a host of their own, with the applications on another. */
import { caddy } from '../../plugins/router/caddy/caddy.ts'
import { haproxy } from '../../plugins/router/haproxy/haproxy.ts'
import { nginx } from '../../plugins/router/nginx/nginx.ts'
import { installCaddy } from '../support/caddy.ts'
import { installHaproxy } from '../support/haproxy.ts'
import { startRouterHost } from '../support/router-host.ts'
import { routerContract } from './router.ts'

const LINK = '/srv/life/router/live'
const SITE_LINK = '/etc/nginx/sites-enabled/life.conf'
const MAP = '/srv/life/router/live.map'
const site = 'life.example'
const url = `http://${site}`
const assets = { path: '/assets/' }

routerContract('nginx on a host of its own', () =>
  startRouterHost({
    plugin: nginx({ site }),
    configured: more => nginx({ site, ...more }),
    canary: nginx({ site, canary: true }),
    assets: { plugin: nginx({ site, assets }), keeps: false },
    generations: true,
    unit: 'nginx',
    spoil: `mv -T ${LINK} /root/good && ln -s somewhere/else ${LINK}`,
    mend: `rm ${LINK} && mv -T /root/good ${LINK}`,
    apart: true,
  }),
)

routerContract('nginx by reload on a host of its own', () =>
  startRouterHost({
    plugin: nginx({ site, mode: 'reload' }),
    configured: more => nginx({ site, mode: 'reload', ...more }),
    generations: false,
    unit: 'nginx',
    spoil: `mv -T ${SITE_LINK} /root/good && ln -s somewhere/else ${SITE_LINK}`,
    mend: `rm ${SITE_LINK} && mv -T /root/good ${SITE_LINK}`,
    apart: true,
  }),
)

routerContract('HAProxy on a host of its own', () =>
  startRouterHost({
    plugin: haproxy({ site }),
    configured: more => haproxy({ site, ...more }),
    canary: haproxy({ site, canary: true }),
    assets: { plugin: haproxy({ site, assets }), keeps: false },
    generations: true,
    unit: 'haproxy',
    spoil: `mv -T ${MAP} /root/good && echo 'live somewhere.else' > ${MAP}`,
    mend: `mv -T /root/good ${MAP}`,
    prepare: installHaproxy,
    apart: true,
  }),
)

routerContract('Caddy on a host of its own', () =>
  startRouterHost({
    plugin: caddy({ site, url }),
    configured: more => caddy({ site, url, ...more }),
    canary: caddy({ site, url, canary: true }),
    assets: { plugin: caddy({ site, url, assets }), keeps: false },
    generations: true,
    unit: 'caddy',
    spoil: `cp -P ${LINK} /root/good && ln -sfn somewhere.else ${LINK}`,
    mend: `mv -T /root/good ${LINK}`,
    prepare: installCaddy,
    apart: true,
  }),
)
