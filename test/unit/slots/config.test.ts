import { describe, expect, it } from 'vitest'
import { beam, caddy, command, docker, git, haproxy, nginx, service, tarball } from '../../../index.ts'
import type { ProjectConfig } from '../../../slots/config/config.ts'
import { healthShown, settingsShown, variablesOfFile, variablesOfSlot } from '../../../slots/config/config.ts'
import { configTable } from '../../../slots/config/table.ts'
import { healthOf } from '../../../slots/health/setting.ts'
import { probingOf } from '../../../slots/promote/probe-setting.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

describe('the variables that `config` shows', () => {
  it('hide each value of the environment file, except those listed in `plain`', () => {
    expect(variablesOfFile({ TOKEN: 'sesame', MODE: 'live' }, ['MODE'])).toEqual([
      { name: 'TOKEN', secret: true },
      { name: 'MODE', secret: false, value: 'live' },
    ])
  })

  it('include those of the runtime and of the slot, which overrides the runtime', () => {
    expect(variablesOfSlot({ env: { POOL: '5', LANG: 'C' } }, { PORT: '4000', LANG: 'C.UTF-8' })).toEqual([
      { name: 'PORT', secret: false, value: '4000' },
      { name: 'LANG', secret: false, value: 'C' },
      { name: 'POOL', secret: false, value: '5' },
    ])
  })

  it.each([
    ['API_KEY', 'sesame'],
    ['DB_PASSWORD', 'sesame'],
    ['DATABASE_URL', 'postgres://life:sesame@db/life'],
    ['REDIS', 'host=db password=sesame'],
  ])("hide a slot's %s, which may be a secret", (name, value) => {
    expect(variablesOfSlot({ env: { [name]: value } }, {})).toEqual([{ name, secret: true }])
  })
})

it('a health header whose name suggests a secret is hidden in `config`, and others are shown', () => {
  const health = healthOf({ headers: { Authorization: 'Basic sesame', 'X-Forwarded-Proto': 'https' } })
  expect(healthShown(health).headers).toEqual({ Authorization: '(hidden)', 'X-Forwarded-Proto': 'https' })
})

describe('the settings of a plugin', () => {
  const of = (plugin: { settings?: ReturnType<typeof beam>['settings'] }) =>
    settingsShown(plugin.settings?.(pluginKit()) ?? {})

  it.each([
    [
      'beam()',
      beam(),
      {
        release: 'life',
        supervisor: 'systemd',
        migrate: 'Life.Release.migrate()',
        migrateLimit: 21_600,
        hookLimit: 30,
        readyLimit: 60,
        cluster: false,
        stopLimit: 60,
        distributionPort: { blue: 14_000, green: 15_000 },
      },
    ],
    [
      'service() with an option that is set but undefined',
      service({ start: 'bin/server', stopLimit: undefined as never }),
      {
        start: 'bin/server',
        migrateLimit: 21_600,
        prepareLimit: 1_800,
        hookLimit: 30,
        stopSignal: 'SIGTERM',
        stopLimit: 60,
        killMode: 'mixed',
        socket: false,
      },
    ],
    [
      'nginx()',
      nginx({ site: 'a.example', listen: 8080, folder: '/opt/nginx' }),
      {
        site: 'a.example',
        listen: 8080,
        url: 'http://a.example:8080',
        mode: 'link',
        include: false,
        program: '/usr/sbin/nginx',
        service: 'nginx',
        paths: expect.objectContaining({ include: '/opt/nginx/switchyard/life.conf' }),
        maintenancePage: 'the page of switchyard',
        tls: 'none',
        trustedProxies: [],
        bodySize: 'as nginx',
        canary: false,
        extra: [],
        preview: 'none',
      },
    ],
    [
      'haproxy() without the password in its URL',
      haproxy({ site: 'a.example', url: 'https://me:sesame@a.example' }),
      {
        site: 'a.example',
        listen: 80,
        include: false,
        url: 'https://a.example',
        config: '/etc/haproxy/haproxy.cfg',
        maintenancePage: 'the page of switchyard',
        trustedProxies: [],
        bodySize: 'unlimited',
        canary: false,
        preview: 'none',
      },
    ],
    [
      'caddy()',
      caddy({ site: 'a.example' }),
      {
        site: 'a.example',
        url: 'https://a.example',
        bind: 'all addresses',
        include: false,
        config: '/etc/caddy/Caddyfile',
        maintenancePage: 'the page of switchyard',
        trustedProxies: [],
        bodySize: 'unlimited',
        canary: false,
        preview: 'none',
      },
    ],
    [
      'git() with the settings of its build',
      git({ ref: 'main', build: tarball({ path: 'a.tar.gz', version: '1.0.0' }) }),
      { ref: 'main', fetch: false, path: '.', build: { name: 'tarball', path: 'a.tar.gz', version: '1.0.0' } },
    ],
    [
      'docker()',
      docker({ version: () => '1' }),
      {
        context: '.',
        dockerfile: 'Dockerfile',
        artifact: '/app/_build/prod/life-<version>.tar.gz',
        version: '(a function)',
      },
    ],
    [
      'command()',
      command({ run: 'make' }),
      { run: 'make', cwd: '.', artifact: '_build/prod/life-<version>.tar.gz', version: 'from mix.exs or package.json' },
    ],
    ['tarball()', tarball({ path: 'a.tar.gz', version: '1.0.0' }), { path: 'a.tar.gz', version: '1.0.0' }],
  ])('are shown with their defaults: %s', (_, plugin, expected) => {
    expect(of(plugin as Parameters<typeof of>[0])).toEqual(expected)
  })
})

describe('the table of `config`', () => {
  const config: ProjectConfig = {
    app: 'life',
    hosts: [{ name: 'web-1', endpoint: { user: 'deploy', address: '203.0.113.7', port: 22, through: [] } }],
    folders: {
      root: '/srv/life',
      releases: '/srv/life/releases',
      slots: '/srv/life/slots',
      router: '/srv/life/router',
      shared: '/srv/life/shared',
    },
    shared: ['storage', { file: '.htpasswd' }],
    slots: [{ name: 'blue', port: 4000, variables: [{ name: 'PORT', secret: false, value: '4000' }] }],
    build: { plugin: 'ci', settings: null },
    runtime: { plugin: 'beam', settings: { distributionPort: { blue: 14_000 } } },
    router: { plugin: 'nginx', settings: { site: 'life.example', include: false, listen: [80, '[::]:80'] } },
    health: healthOf(),
    probe: probingOf({}, '/health'),
    environment: { file: '.env', problem: null, variables: [{ name: 'TOKEN', secret: true }] },
  }

  it('has a section for each part of the project', () => {
    expect(
      configTable(config)
        .split('\n')
        .map(line => line.replace(/ {2,}(?=\S)(?<!^ +)/, ' | ')),
    ).toEqual([
      'application | life',
      'host | web-1',
      '  user | deploy',
      '  address | 203.0.113.7',
      '  port | 22',
      '  through | none',
      'folder | /srv/life',
      '  releases | /srv/life/releases',
      '  slots | /srv/life/slots',
      '  router | /srv/life/router',
      '  shared | /srv/life/shared',
      'shared paths | storage, .htpasswd (a file)',
      'slot blue | port 4000',
      '  PORT | 4000',
      'build source | ci()',
      'runtime | beam()',
      '  distributionPort | blue 14000',
      'router | nginx()',
      '  site | life.example',
      '  include | no',
      '  listen | 80, [::]:80',
      'health check | /health',
      '  host | none',
      '  headers | none',
      '  version | version',
      '  passes | 3',
      '  every | 50 ms',
      '  patience | 2000 ms',
      '  within | 60000 ms',
      '  soak | 0 ms',
      'probes | /health',
      '  sockets | none',
      '  rate | 40',
      '  tolerate | 0',
      'environment | .env',
      '  TOKEN | (hidden)',
    ])
  })

  it('shows what bootstrap installs and who is notified, if the Taskfile says so', () => {
    const text = configTable({
      ...config,
      packages: ['nodejs', 'ffmpeg'],
      databases: ['postgres life', 'redis'],
      notify: ['slack'],
    })
    expect(text).toMatch(/^packages +nodejs, ffmpeg\ndatabases +postgres life, redis\nnotifications +slack$/m)
  })

  it('says that several hosts switch in batches', () => {
    expect(configTable({ ...config, strategy: 'rolling' })).toMatch(/^strategy +rolling$/m)
  })

  it('fits a terminal of 40 to 200 columns', () => {
    for (let columns = 40; columns <= 200; columns++)
      for (const line of configTable(config, columns).split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it('says what is missing: probes that are off, an environment file that cannot be read, a host without a login', () => {
    const text = configTable({
      ...config,
      hosts: [{ name: 'this machine', endpoint: null }],
      probe: false,
      environment: { file: '.env', problem: 'The file cannot be read.', variables: [] },
    })
    expect(text).toMatch(/^probes +off$/m)
    expect(text).toMatch(/^environment +The file cannot be read\.$/m)
    expect(text).toMatch(/^host +this machine\nfolder/m)
    expect(configTable({ ...config, environment: null })).toMatch(/^environment +no file$/m)
  })
})
