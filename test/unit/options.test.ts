/** F78: invalid options, for every field of every factory that a Taskfile calls. */
import { describe, expect, it } from 'vitest'
import {
  beam,
  caddy,
  command,
  container,
  definer,
  docker,
  files,
  github,
  gitlab,
  haproxy,
  image,
  nginx,
  php,
  project,
  service,
  ssh,
  swarm,
  tarball,
} from '../../index.ts'
import { isFault } from '../../runner/fault.ts'

type Options = Record<string, unknown>

/** The types forbid these values, but a Taskfile is not type-checked when it is loaded. */
const given = (options: unknown) => options as never
const task = () => definer().task('One', { run: () => undefined })

const validProject = (): Options => ({
  app: 'life',
  host: ssh('web-1'),
  build: docker(),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
})
const withOption = (name: string) => (options: unknown) => project(given({ ...validProject(), [name]: options }))
const inBlue = (options: unknown) => withOption('slots')({ blue: options, green: { port: 5000 } })

const validSwarm = (): Options => ({
  app: 'life',
  manager: ssh('m1'),
  image: image(),
  port: 4000,
  router: { port: 80 },
  slots: { blue: {}, green: {} },
})
const inSwarm = (name: string) => (options: unknown) => swarm(given({ ...validSwarm(), [name]: options }))

interface Factory {
  readonly name: string
  make(options: unknown): unknown
  /** Valid options that set every field of the factory. */
  readonly good: Options
  readonly needed: readonly string[]
  /** Path to its fields, relative to the factory that reports the error. */
  readonly path?: readonly string[]
}

const factories: readonly Factory[] = [
  {
    name: 'project()',
    make: options => project(given(options)),
    good: {
      ...validProject(),
      root: '/srv/life',
      strategy: 'rolling',
      env: '.env',
      health: {},
      probe: false,
      packages: ['tree'],
      accessories: {},
    },
    needed: ['app', 'host', 'build', 'runtime', 'router', 'slots'],
  },
  {
    name: 'project()',
    path: ['health'],
    make: withOption('health'),
    good: { path: '/up', version: false, passes: 1, every: 0, patience: 100, within: 1000, soak: 0 },
    needed: [],
  },
  {
    name: 'project()',
    path: ['accessories'],
    make: withOption('accessories'),
    good: { postgres: { database: 'life' }, redis: true },
    needed: [],
  },
  {
    name: 'project()',
    path: ['probe'],
    make: withOption('probe'),
    good: { paths: ['/up'], rate: 10, tolerate: 0, watch: 0 },
    needed: [],
  },
  { name: 'project()', path: ['slots', 'blue'], make: inBlue, good: { port: 4000, env: { A: '' } }, needed: ['port'] },
  {
    name: 'swarm()',
    make: options => swarm(given(options)),
    good: {
      ...validSwarm(),
      registry: 'registry.lan:5000/life',
      replicas: 3,
      health: {},
      env: '.env',
      secrets: ['life_database_url'],
      start: 'serve',
      migrate: 'bin/migrate',
      console: ['sh'],
      limits: {},
      networks: ['data'],
      constraints: ['node.role==worker'],
      nodes: ({ name }: { name: string }) => ssh(name),
      probe: false,
    },
    needed: ['app', 'manager', 'image', 'port', 'router', 'slots'],
  },
  {
    name: 'swarm()',
    path: ['image'],
    make: inSwarm('image'),
    good: { name: 'r/life:1', version: '1' },
    needed: ['name', 'version'],
  },
  {
    name: 'swarm()',
    path: ['router'],
    make: inSwarm('router'),
    good: { port: 80, image: 'haproxy:3.0' },
    needed: ['port'],
  },
  {
    name: 'swarm()',
    path: ['health'],
    make: inSwarm('health'),
    good: { path: '/up', host: 'life.example', version: false, within: 1000, command: 'true' },
    needed: [],
  },
  {
    name: 'swarm()',
    path: ['limits'],
    make: inSwarm('limits'),
    good: { memory: '512M', cpus: 0.5, stop: 30, migrate: 60 },
    needed: [],
  },
  {
    name: 'beam()',
    make: options => beam(given(options)),
    good: {
      release: 'life',
      supervisor: 'daemon',
      migrate: 'A.b()',
      promoted: 'A.c()',
      demoted: 'A.d()',
      hookLimit: 5,
      ready: 'A.ready?()',
      readyLimit: 5,
      cluster: true,
      stopLimit: 5,
      distributionPort: () => 14000,
    },
    needed: [],
  },
  {
    name: 'service()',
    make: options => service(given(options)),
    good: {
      start: 'bin/server',
      socket: true,
      migrate: ['bin/migrate', 'all'],
      migrateLimit: 60,
      prepare: 'npm ci --omit=dev',
      prepareLimit: 60,
      promoted: 'bin/queues resume',
      demoted: ['bin/queues', 'pause'],
      hookLimit: 5,
      console: 'python3',
      stopSignal: 'SIGQUIT',
      stopLimit: 5,
      killMode: 'control-group',
      memoryMax: '512M',
      cpuMax: 1.5,
      filesMax: 4096,
    },
    needed: ['start'],
  },
  {
    name: 'container()',
    make: options => container(given(options)),
    good: {
      engine: 'docker',
      start: ['serve'],
      migrate: 'bin/migrate',
      migrateLimit: 60,
      console: ['sh'],
      processes: { worker: ['bin/worker'] },
      promoted: ['bin/queues', 'resume'],
      demoted: 'bin/queues pause',
      hookLimit: 5,
      volumes: { data: '/data' },
      options: ['--init'],
      stopSignal: 'SIGQUIT',
      stopLimit: 5,
      memoryMax: '512M',
      cpuMax: 1.5,
      filesMax: 4096,
    },
    needed: [],
  },
  {
    name: 'nginx()',
    make: options => nginx(given(options)),
    good: {
      maintenancePage: 'm.html',
      site: 'a.example',
      listen: 80,
      url: 'https://a.example',
      paths: { folder: '/x' },
      program: '/usr/bin/openresty',
      service: 'openresty',
      folder: '/x',
      mode: 'link',
      include: false,
      bodySize: '20m',
      extra: ['gzip on;'],
      tls: 'certbot',
      http2: false,
      trustedProxies: ['10.0.0.0/8', '2001:db8::1'],
      preview: 'next.a.example',
      assets: { path: '/assets/' },
    },
    needed: ['site'],
  },
  {
    name: 'nginx()',
    path: ['assets'],
    make: options => nginx(given({ site: 'a.example', assets: options })),
    good: { path: '/assets/', folder: 'public', keep: 2 },
    needed: ['path'],
  },
  {
    name: 'caddy()',
    path: ['assets'],
    make: options => caddy(given({ site: 'a.example', assets: options })),
    good: { path: '/assets/', folder: 'public', keep: 2 },
    needed: ['path'],
  },
  {
    name: 'haproxy()',
    path: ['assets'],
    make: options => haproxy(given({ site: 'a.example', assets: options })),
    good: { path: '/assets/' },
    needed: ['path'],
  },
  {
    name: 'php()',
    make: options => php(given(options)),
    good: {
      version: '8.2',
      root: 'web',
      index: 'app.php',
      anyScript: true,
      workers: 4,
      ini: { memory_limit: '256M' },
      prepare: 'composer install --no-dev',
      prepareLimit: 60,
      migrate: 'php artisan migrate --force',
      migrateLimit: 60,
      console: ['php', '-a'],
      processes: { queue: 'php artisan queue:work' },
      demote: 'before',
      promoted: 'php promoted.php',
      demoted: 'php demoted.php',
      hookLimit: 5,
      stopLimit: 30,
      memoryMax: '512M',
      cpuMax: 1.5,
      filesMax: 4096,
    },
    needed: ['version'],
  },
  {
    name: 'github()',
    make: options => github(given(options)),
    good: {
      ref: 'main',
      fetch: true,
      version: '1.2.3',
      workflow: 'build.yml',
      artifact: 'release',
      path: '.',
      repository: 'team/life',
    },
    needed: ['workflow', 'artifact'],
  },
  {
    name: 'gitlab()',
    make: options => gitlab(given(options)),
    good: { ref: 'main', fetch: 'origin', version: '1.2.3', job: 'build', path: 'life.tar.gz', project: 'team/life' },
    needed: ['job', 'path'],
  },
  {
    name: 'files()',
    make: options => files(given(options)),
    good: { folder: 'dist', fallback: '/index.html', immutable: '/assets/' },
    needed: [],
  },
  {
    name: 'haproxy()',
    make: options => haproxy(given(options)),
    good: {
      site: 'a.example',
      listen: 80,
      include: true,
      url: 'https://a.example',
      config: '/etc/haproxy/main.cfg',
      maintenancePage: 'm.html',
      trustedProxies: ['10.0.0.0/8'],
      preview: 'next.a.example',
      bodySize: '20m',
    },
    needed: ['site'],
  },
  {
    name: 'caddy()',
    make: options => caddy(given(options)),
    good: {
      site: 'a.example',
      url: 'http://a.example',
      bind: '10.0.0.5',
      include: true,
      config: '/etc/caddy/main',
      maintenancePage: 'm.html',
      trustedProxies: ['10.0.0.0/8'],
      preview: 'next.a.example',
      bodySize: '20m',
    },
    needed: ['site'],
  },
  {
    name: 'docker()',
    make: options => docker(given(options)),
    good: {
      context: '.',
      dockerfile: 'Dockerfile',
      platform: 'linux/arm64',
      target: 'build',
      buildArgs: { A: '' },
      secrets: ['id=a,env=A'],
      artifact: '/a.tar.gz',
      version: () => '1.0.0',
    },
    needed: [],
  },
  {
    name: 'image()',
    make: options => image(given(options)),
    good: {
      context: '.',
      dockerfile: 'Dockerfile',
      target: 'release',
      buildArgs: { A: '' },
      secrets: ['id=a,env=A'],
      platform: 'linux/arm64',
      engine: 'podman',
      version: '1.0.0',
    },
    needed: [],
  },
  {
    name: 'command()',
    make: options => command(given(options)),
    good: { run: 'make', artifact: 'a.tar.gz', version: '1.0.0', cwd: '.' },
    needed: ['run'],
  },
  {
    name: 'tarball()',
    make: options => tarball(given(options)),
    good: { path: 'a.tar.gz', version: '1.0.0' },
    needed: ['path'],
  },
  { name: 'ssh()', make: options => ssh('web-1', given(options)), good: { configFile: 'x' }, needed: [] },
  {
    name: 'task("Two")',
    make: options => definer().task('Two', given(options)),
    good: {
      description: 'a',
      examples: ['two'],
      needs: [task()],
      args: {},
      interactive: false,
      streams: true,
      run: () => {},
      undo: () => {},
    },
    needed: ['run'],
  },
  {
    name: 'flow("Two")',
    make: options => definer().flow('Two', [task()], given(options)),
    good: { description: 'a', examples: ['two'] },
    needed: [],
  },
]

function faultOf(work: () => unknown) {
  try {
    work()
  } catch (error) {
    if (isFault(error)) return error
    throw error
  }
  return expect.fail('it was accepted')
}

const cases = factories.map(factory => [[factory.name, ...(factory.path ?? [])].join(' '), factory] as const)

describe.each(cases)('F78 %s', (_, { name, make, good, needed, path = [] }) => {
  const at = (field: string) => [...path, field].join('.')
  const fields = Object.keys(good)

  it('accepts all options, and the required options alone', () => {
    make(good)
    make(Object.fromEntries(needed.map(field => [field, good[field]])))
    make({
      ...Object.fromEntries(fields.filter(field => !needed.includes(field)).map(field => [field, undefined])),
      ...Object.fromEntries(needed.map(field => [field, good[field]])),
    })
  })

  it.each(needed)('requires the option %s', field => {
    for (const missing of [{ [field]: undefined }, {}]) {
      const { [field]: _, ...rest } = good
      expect(faultOf(() => make({ ...rest, ...missing }))).toMatchObject({
        code: 'OPTION_MISSING',
        exitCode: 2,
        message: `${name} needs \`${at(field)}\`, which is missing.`,
        hint: expect.stringMatching(/^Write `.*` in the Taskfile: \S/),
        field: path,
      })
    }
  })

  it.each(fields)('rejects a misspelt %s and suggests the right name', field => {
    const { [field]: value, ...rest } = good
    const misspelt = `${field.slice(0, -1)}${field.at(-1)}${field.at(-1)}`
    expect(faultOf(() => make({ ...rest, [misspelt]: value }))).toMatchObject({
      code: 'OPTION_UNKNOWN',
      exitCode: 2,
      message: `${name} has no option \`${at(misspelt)}\`.`,
      hint: `Did you mean \`${field}\`?`,
    })
    const strange = faultOf(() => make({ ...good, quiteAnotherThing: 1 }))
    expect(strange).toMatchObject({ code: 'OPTION_UNKNOWN', hint: expect.stringContaining(`\`${field}\``) })
  })

  it.each(fields)('rejects a value of the wrong type for %s', field => {
    // Every option must reject all of these. Of the common types below, an option accepts at most one besides that of its sample.
    const refused = [Symbol('none'), null, 5n, Number.NaN].map(value =>
      faultOf(() => make({ ...good, [field]: value })),
    )
    for (const fault of refused)
      expect(fault).toMatchObject({
        code: 'OPTION_INVALID',
        exitCode: 2,
        message: expect.stringContaining(`\`${at(field)}\` of ${name} cannot be `),
        hint: expect.stringMatching(/^Change it: it must be .*\w/),
        field: [...path, field],
      })
    const others = ['text', 12, true, [], {}, () => undefined].filter(value => typeof value !== typeof good[field])
    const accepted = others.filter(value => {
      try {
        make({ ...good, [field]: value })
        return true
      } catch (error) {
        return !isFault(error)
      }
    })
    expect(accepted.length, `${field} takes ${accepted.map(String)}`).toBeLessThanOrEqual(field === 'version' ? 2 : 1)
  })

  it.each([5, 'text', null, []])('rejects %j in place of the options object', value => {
    expect(faultOf(() => make(value))).toMatchObject({ exitCode: 2, code: 'OPTION_INVALID' })
  })
})

describe('F78 the options check', () => {
  it.each<[problem: string, make: () => unknown, message: RegExp, hint: RegExp]>([
    [
      'a port as text',
      () => inBlue({ port: '4000' }),
      /`slots.blue.port` of project\(\) cannot be "4000"/,
      /whole number/,
    ],
    ['a host as text', () => withOption('host')('deploy@web-1'), /`host` .* "deploy@web-1"/, /`ssh\("deploy@web-1"\)`/],
    ['a factory that was not called', () => withOption('runtime')(beam), /`runtime` .* a function/, /`beam\(\)`/],
    [
      'a plugin in the wrong place',
      () => withOption('router')(beam()),
      /`router` .* an object/,
      /`nginx\(\{ site \}\)`/,
    ],
    [
      'a variable that is not set',
      () => ssh(given(undefined)),
      /The argument of ssh\(\) cannot be undefined/,
      /check that the variable is set/,
    ],
    [
      'an environment with a number',
      () => inBlue({ port: 4000, env: { POOL: 5 } }),
      /`slots.blue.env.POOL` .* a number/,
      /text/,
    ],
    ['a health path without its slash', () => withOption('health')({ path: 'up' }), /"up"/, /begins with a slash/],
    ['zero passes', () => withOption('health')({ passes: 0 }), /`health.passes` .* 0/, /at least 1/],
    ['an unknown supervisor', () => beam(given({ supervisor: 'runit' })), /"runit"/, /"systemd" or "daemon"/],
    [
      'an empty command',
      () => service({ start: [] }),
      /`start` of service\(\) cannot be a list/,
      /a list of arguments/,
    ],
    ['memory as bytes', () => service({ start: 'a', memoryMax: '1000' }), /"1000"/, /"512M" or "2G"/],
    ['no processor', () => container({ cpuMax: 0 }), /`cpuMax` .* 0/, /cores/],
    ['a URL without http', () => nginx({ site: 'a', url: 'a.example' }), /"a.example"/, /https:/],
    ['a size in words', () => nginx({ site: 'a', bodySize: '20 MB' }), /`bodySize` .* "20 MB"/, /such as "20m"/],
    ['a size of nothing', () => nginx({ site: 'a', bodySize: '0' }), /`bodySize` .* "0"/, /above 0/],
    [
      'a proxy by its name',
      () => nginx({ site: 'a', trustedProxies: ['10.0.0.1', 'cdn.example'] }),
      /`trustedProxies.1` .* "cdn.example"/,
      /an address or a network/,
    ],
    [
      'everybody as a proxy',
      () => nginx({ site: 'a', trustedProxies: ['0.0.0.0/0'] }),
      /`trustedProxies.0`/,
      /an address or a network/,
    ],
    [
      'two lines in one',
      () => nginx({ site: 'a', extra: ['gzip on;\n}'] }),
      /`extra.0` .* "gzip on;\\n}"/,
      /a line for the server block/,
    ],
    [
      'a certificate without its key',
      () => nginx(given({ site: 'a', tls: { certificate: '/a.pem' } })),
      /nginx\(\) needs `tls.key`/,
      /a path/,
    ],
    [
      'another way to a certificate',
      () => nginx(given({ site: 'a', tls: 'acme' })),
      /`tls` .* "acme"/,
      /"certbot", or `\{ certificate, key \}`/,
    ],
    [
      "HTTPS in a server block of the user's own",
      () => nginx(given({ site: 'a', include: true, tls: 'certbot' })),
      /`tls` of nginx\(\) cannot be used with `include`/,
      /your own server block/,
    ],
    ['a preview without its host', () => nginx(given({ site: 'a', preview: {} })), /`preview` of nginx/, /\{ host \}/],
    [
      'a preview by a header of no value',
      () => haproxy(given({ site: 'a', preview: { header: 'X-Preview' } })),
      /haproxy\(\) needs `preview.value`/,
      /letters/,
    ],
    [
      'a cookie that nginx cannot name',
      () => nginx({ site: 'a', preview: { cookie: 'my-preview', value: 'yes' } }),
      /`preview.cookie` .* "my-preview"/,
      /underscores/,
    ],
    [
      'a file of passwords for a router that reads none',
      () => caddy(given({ site: 'a', preview: { host: 'b.a', auth: { file: '/x' } } })),
      /no option `preview.auth.file`/,
      /user/,
    ],
    [
      'needs by name',
      () => definer().task('Two', given({ needs: ['one'], run() {} })),
      /`needs.0` of task\("Two"\)/,
      /a task/,
    ],
    [
      'a password that takes a second to check, in a router that waits for it',
      () => haproxy({ site: 'a', preview: { host: 'b.a', auth: { user: 'anna', hash: `$2y$14$${'a'.repeat(53)}` } } }),
      /`preview.auth.hash` .* a text/,
      /computed quickly/,
    ],
  ])('rejects %s', (_, make, message, hint) => {
    const fault = faultOf(make)
    expect(fault.exitCode).toBe(2)
    expect(fault.message).toMatch(message)
    expect(fault.hint).toMatch(hint)
  })

  it.each(['', 'deploy@', '@web-1', 'web-1:2222', 'deploy@web 1'])(
    'rejects the host %j, which no machine has',
    target => {
      expect(faultOf(() => ssh(target))).toMatchObject({ code: 'OPTION_INVALID', exitCode: 2 })
    },
  )

  it('quotes no environment value in its message', () => {
    expect(faultOf(() => inBlue({ port: 4000, env: { PIN: 483_920 } })).message).not.toContain('483')
    expect(faultOf(() => docker(given({ buildArgs: { PIN: 483_920 } }))).message).not.toContain('483')
  })
})
