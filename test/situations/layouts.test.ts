/** F64: nginx as other distributors install it, and hosts with other addresses than the usual ones. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HostOptions, TestHost } from '../../dev/host.ts'
import { type NginxOptions, nginx } from '../../plugins/router/nginx/nginx.ts'
import { bound } from '../support/bound.ts'
import { rootOf } from '../support/root.ts'
import { blue, green, type RouterHost, startRouterHost } from '../support/router-host.ts'

const open = (
  options: Pick<NginxOptions, 'program' | 'service' | 'folder' | 'listen'>,
  more: { prepare?: (machine: TestHost) => Promise<void>; start?: HostOptions; unit?: string } = {},
) =>
  startRouterHost({
    plugin: nginx({ site: 'life.example', ...options }),
    generations: true,
    unit: more.unit ?? 'nginx',
    spoil: 'true',
    mend: 'true',
    ...more,
  })

/** Switches to both slots. After each switch the program's own proof and a client on the host have to reach the same slot. */
async function switches(subject: RouterHost, url: string): Promise<void> {
  const router = bound(subject.host, subject.plugin.create(subject.kit()))
  expect(await router.check()).toEqual([])
  for (const [slot, generation] of [
    [blue, 'g1'],
    [green, 'g2'],
  ] as const) {
    await router.promote(slot, generation)
    const route = { slot: slot.name, generation }
    expect(await router.verify(route, { answers: 3, within: 20_000 })).toMatchObject({ verified: true })
    expect(await subject.root(`curl -sS -g -H 'Host: life.example' ${url}/page`)).toBe(`${slot.name} /page\n`)
  }
}

const listeners = (subject: RouterHost) => subject.root("ss -Hltn | awk '{ print $4 }' | sort -u")

describe('F64 the nginx of nginx.org, which reads conf.d alone', () => {
  let subject: RouterHost
  beforeAll(async () => {
    subject = await open(
      {},
      {
        async prepare(machine) {
          const root = rootOf(machine)
          await root('rm -r /etc/nginx/sites-enabled /etc/nginx/sites-available /etc/nginx/modules-enabled')
          await root("sed -i -E '/sites-enabled|modules-enabled/d' /etc/nginx/nginx.conf")
          await root('nginx -t 2>&1 && systemctl restart nginx')
        },
      },
    )
  })
  afterAll(() => subject?.[Symbol.asyncDispose]())

  it('gets its site there, and switches', async () => {
    expect(await subject.root('readlink -f /etc/nginx/conf.d/life.conf')).toBe('/etc/nginx/sites-available/life.conf\n')
    await switches(subject, 'http://127.0.0.1')
  })

  it('is asked what it reads: a folder sites-enabled that it does not include stays empty', async () => {
    await subject.root('rm /etc/nginx/conf.d/life.conf; mkdir /etc/nginx/sites-enabled')
    await subject.install(subject.plugin.create(subject.kit()).provision(subject.facts))
    expect(await subject.root('ls /etc/nginx/sites-enabled /etc/nginx/conf.d')).toContain('life.conf')
    expect(await subject.root('ls /etc/nginx/sites-enabled')).toBe('')
    await switches(subject, 'http://127.0.0.1')
  })
})

/** Debian has no package of OpenResty: its paths, its unit and its main file, around Debian's nginx. */
const OPENRESTY = '/usr/local/openresty/nginx'
const MAIN = `worker_processes 1;
events { worker_connections 1024; }
http {
    include mime.types;
    default_type application/octet-stream;
    sendfile on;
    keepalive_timeout 65;
    server {
        listen 80;
        server_name localhost;
        location / { root html; index index.html index.htm; }
    }
}
`
async function installOpenResty(machine: TestHost): Promise<void> {
  const root = rootOf(machine)
  await root('systemctl disable --now nginx 2>&1')
  await root(`mkdir -p ${OPENRESTY}/sbin ${OPENRESTY}/conf ${OPENRESTY}/logs ${OPENRESTY}/html
cp /etc/nginx/mime.types ${OPENRESTY}/conf/
cat > ${OPENRESTY}/sbin/nginx <<'FILE'
#!/bin/sh
exec /usr/sbin/nginx -p ${OPENRESTY}/ -c conf/nginx.conf -g 'pid logs/nginx.pid; error_log logs/error.log;' "$@"
FILE
chmod 755 ${OPENRESTY}/sbin/nginx
ln -s ${OPENRESTY}/sbin/nginx /usr/bin/openresty
cat > ${OPENRESTY}/conf/nginx.conf <<'FILE'
${MAIN}
FILE
cat > /etc/systemd/system/openresty.service <<'FILE'
[Service]
Type=forking
PIDFile=${OPENRESTY}/logs/nginx.pid
ExecStartPre=${OPENRESTY}/sbin/nginx -t -q
ExecStart=${OPENRESTY}/sbin/nginx
ExecReload=${OPENRESTY}/sbin/nginx -s reload
KillSignal=QUIT
[Install]
WantedBy=multi-user.target
FILE
systemctl daemon-reload && systemctl enable --now openresty 2>&1`)
}
const AT_OPENRESTY = { program: '/usr/bin/openresty', service: 'openresty', folder: `${OPENRESTY}/conf` }
const include = (machine: TestHost, line: string) =>
  rootOf(machine)(`sed -i 's|^    include mime.types;|&\\n    ${line}|' ${OPENRESTY}/conf/nginx.conf`)

describe('F64 OpenResty, whose main file includes no folder', () => {
  it('makes setup fail with the line to add, and switches once the line is there', async () => {
    const line = `include ${OPENRESTY}/conf/conf.d/*.conf;`
    const prepare = installOpenResty
    await expect(open(AT_OPENRESTY, { prepare, unit: 'openresty' })).rejects.toThrow(
      `nginx does not read ${OPENRESTY}/conf/sites-enabled/life.conf or ${OPENRESTY}/conf/conf.d/life.conf. Add the line "${line}" to the http block`,
    )
    await using subject = await open(AT_OPENRESTY, {
      unit: 'openresty',
      async prepare(machine) {
        await installOpenResty(machine)
        await include(machine, line)
      },
    })
    await switches(subject, 'http://127.0.0.1')
    expect(await subject.root('systemctl is-active openresty')).toBe('active\n')
  })
})

describe('F64 the addresses of a host', () => {
  it('a kernel without IPv6 gets a site on IPv4 alone', async () => {
    await using subject = await open({}, { start: { ipv6: 'missing' } })
    await expect(
      subject.root(`perl -MSocket -e 'socket(my $s, AF_INET6, SOCK_STREAM, 0) or die "$!\n"'`),
    ).rejects.toThrow('not supported')
    await switches(subject, 'http://127.0.0.1')
    expect(await listeners(subject)).not.toContain('[::]')
  })

  it.each([
    ['all addresses of IPv6', '[::]:80', 'http://[::1]', '[::]:80'],
    ['one address of IPv6', '[::1]:8080', 'http://[::1]:8080', '[::1]:8080'],
    ['one address of IPv4', '127.0.0.2:8080', 'http://127.0.0.2:8080', '127.0.0.2:8080'],
    ['several addresses', ['127.0.0.2:8080', '[::1]:81'], 'http://[::1]:81', '[::1]:81'],
  ])('a site that listens on %s is asked there', async (_, listen, url, socket) => {
    await using subject = await open({ listen }, { start: { ipv6: 'loopback' } })
    await subject.root('rm -f /etc/nginx/sites-enabled/default && systemctl restart nginx')
    await switches(subject, url)
    const open80 = (await listeners(subject)).split('\n')
    expect(open80).toContain(socket)
    expect(open80).not.toContain('0.0.0.0:80')
  })
})
