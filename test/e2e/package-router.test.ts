/** The router that docs/plugins.md writes, in a package of its own next to the packed one: for nginx instead of a made-up server, it passes the exported suite. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startHost, type TestHost } from '../../dev/host.ts'
import { authorsTests, installPacked } from '../support/packed.ts'

/** What the made-up server would do with its file, in the language of nginx. */
const CONFIG = `
const config = (site: string, router: string, slots: readonly { name: string; port: number }[]) => {
  const looks = slots.map(({ name, port }) => \`if (-f \${router}/live/\${name}) { set $slot \${name}; set $port \${port}; }\`).join(' ')
  return \`server {
  listen 80;
  server_name \${site};
  open_file_cache off;
  set $slot ""; set $port "";
  \${looks} \${looks}
  location = /deployment_id {
    root \${router}/live;
    default_type text/plain;
    add_header Cache-Control no-store always;
    add_header X-Deployment-Generation $generation;
    if ($slot = "") { return 503 "no slot is live\\\\n"; }
    if ($realpath_root ~ "/(?<live>[a-z][a-z0-9_]*)\\\\.(?<generation>[A-Za-z0-9_.-]+)$") { return 200 "$live\\\\n"; }
    return 503 "no slot is live\\\\n";
  }
  location / {
    if ($slot = "") { return 503; }
    proxy_pass http://127.0.0.1:$port;
    proxy_set_header Host $http_host;
    proxy_next_upstream off;
  }
}
\`
}
`
const SUITE = `
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ssh } from 'switchyard-deploy'
import { routerContract, routerOn } from 'switchyard-deploy/testing'
import { gate } from './gate.ts'

const { CONTAINER = '', SSH_CONFIG = '' } = process.env
const root = async (command: string) =>
  (await promisify(execFile)('docker', ['exec', CONTAINER, 'bash', '-c', command])).stdout
routerContract('gate', async () => {
  const signal = new AbortController().signal
  const host = await ssh('life-test', { configFile: SSH_CONFIG }).open({ signal, confirm: async () => false })
  const link = '/srv/life/router/live'
  return routerOn(
    { host, root },
    {
      plugin: gate({ site: 'life.example' }),
      generations: true,
      unit: 'nginx',
      spoil: \`mv -T \${link} /root/good && ln -s nowhere \${link}\`,
      mend: \`rm \${link} && mv -T /root/good \${link}\`,
    },
  )
})
`

let folder: string
let host: TestHost
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-author-'))
  ;[host] = await Promise.all([startHost(), installPacked(folder)])
  await writeFile(join(folder, 'gate.test.ts'), SUITE)
  await writeFile(
    join(folder, 'vitest.config.mjs'),
    'export default { test: { testTimeout: 120_000, hookTimeout: 120_000 } }\n',
  )
})
afterAll(async () => {
  await host?.stop()
  await rm(folder, { recursive: true, force: true })
})

const tested = () => authorsTests(folder, 'gate.test.ts', { CONTAINER: host.id, SSH_CONFIG: host.sshConfigFile })

it('passes the suite, which finds a switch that does not restore a route', async () => {
  const page = await readFile(join(folder, 'node_modules/switchyard-deploy/docs/plugins.md'), 'utf8')
  const [, gate = ''] = /^```ts\n((?:(?!^```)[\s\S])*?export const gate =[\s\S]*?)^```$/m.exec(page) ?? []
  const text = gate
    .replaceAll('/usr/sbin/gate', '/usr/sbin/nginx')
    .replaceAll('--quiet gate', '--quiet nginx')
    .replaceAll('reload gate', 'reload nginx')
    .replace('/etc/gate/sites/', '/etc/nginx/conf.d/')
    .replace(/text: `server .*?`, mode/, 'text: config(site, layout.router, slots), mode')
  await writeFile(join(folder, 'gate.ts'), text + CONFIG)
  const { passed, failed } = await tested()
  expect(failed).toEqual([])
  expect(passed).toBeGreaterThanOrEqual(10)
  await writeFile(
    join(folder, 'gate.ts'),
    (text + CONFIG).replace(
      'restore: link.switchTo',
      'restore: route => link.switchTo({ ...route, slot: slots[0]?.name })',
    ),
  )
  expect((await tested()).failed.join('\n')).toMatch(/restore/)
})
