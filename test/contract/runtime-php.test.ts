import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installCommand } from '../../dev/examples.ts'
import { sh } from '../../host/script.ts'
import { php } from '../../plugins/runtime/php/php.ts'
import type { Release, Runtime, Slot } from '../../slots/contracts.ts'
import type { Bound } from '../support/bound.ts'
import { faultOf } from '../support/plugin-kit.ts'
import { type RuntimeHost, request, startRuntimeHost } from '../support/runtime-host.ts'
import { type RuntimeUnderTest, runtimeContract } from './runtime.ts'

const run = promisify(execFile)

const INDEX = `<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
[, $what, $rest] = explode('/', rawurldecode($path), 3) + [1 => '', 2 => ''];
if ($what === 'health') {
    echo json_encode(['version' => trim(file_get_contents(__DIR__ . '/../version'))]);
} elseif ($what === 'variable' && getenv($rest) !== false) {
    echo bin2hex(getenv($rest));
} elseif ($what === 'print') {
    file_put_contents('php://stderr', "$rest\\n");
} elseif ($what === 'slow') {
    usleep(1000 * (int) $rest);
    echo 'slept';
} elseif ($what === 'server') {
    echo json_encode($_SERVER);
} elseif ($what === 'ini') {
    echo ini_get($rest);
} else {
    http_response_code(404);
}
`

const MIGRATE = `<?php
if (getenv('FAULT') === 'migration_fails') { echo "FAULT=migration_fails in 1_create_cells\\n"; exit(3); }
if (!@mkdir(getenv('DATA'))) { echo "nothing to do\\n"; exit; }
echo "1_create_cells is done\\n";
`

async function packed(version: string): Promise<{ version: string; tarball: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-php-'))
  await mkdir(join(folder, 'public/uploads'), { recursive: true })
  const files = {
    version,
    'migrate.php': MIGRATE,
    'public/index.php': INDEX,
    'public/other.php': '<?php echo "other";',
    'public/uploads/evil.php': '<?php echo "evil";',
    'public/style.css': `/* ${version} */`,
    'public/.env': 'SECRET=1',
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text)
  const tarball = join(folder, 'release.tar.gz')
  await run('tar', ['-C', folder, '-czf', tarball, 'version', 'migrate.php', 'public'])
  return { version, tarball }
}

async function startPhpHost(options: Partial<Parameters<typeof php>[0]> = {}): Promise<RuntimeHost> {
  const releases = [await packed('1.0.0'), await packed('1.1.0')] as const
  try {
    const plugin = php({ version: '8.2', workers: 3, migrate: 'php migrate.php', console: 'php -a', ...options })
    return await startRuntimeHost(
      plugin,
      releases,
      { DATA: '/srv/life/data' },
      { shared: ['public/uploads'], prepare: installCommand(['php8.2-fpm', 'php8.2-cli']) },
    )
  } finally {
    for (const { tarball } of releases) await rm(dirname(tarball), { recursive: true })
  }
}

async function openPhp(): Promise<RuntimeUnderTest> {
  const on = await startPhpHost({ stopLimit: 10 })
  return {
    ...on,
    async variable(slot, name) {
      const { code, stdout } = await request(on, slot, `/variable/${name}`)
      return code === 0 ? Buffer.from(stdout, 'hex').toString('utf8') : undefined
    },
    async print(slot, line) {
      await request(on, slot, `/print/${line}`)
    },
    // PHP-FPM has its own way to end its workers, and cannot be made to ignore a signal.
    ignoresSigterm: undefined,
    endsAtOnce: { env: { SOCKET: '/none/app.sock' }, says: 'unable to bind listening socket' },
    migrations: {
      env: { DATA: '/srv/life/migrated' },
      says: '1_create_cells is done',
      fails: { env: { FAULT: 'migration_fails' }, says: 'FAULT=migration_fails in 1_create_cells' },
    },
  }
}

runtimeContract('PHP', openPhp)

describe('php()', () => {
  let on: RuntimeHost
  let runtime: Bound<Runtime>
  let blue: Slot
  let old: Release
  beforeAll(async () => {
    on = await startPhpHost({ ini: { upload_max_filesize: '33M' }, memoryMax: '512M' })
    runtime = on.runtime()
    ;[blue] = on.slots
    ;[old] = on.releases
  })
  afterAll(() => on?.[Symbol.asyncDispose]())
  const start = async (): Promise<number> => {
    await runtime.stop(blue)
    await on.fill(blue, old)
    await runtime.start(old, blue)
    await on.answers(blue)
    return (await runtime.process(blue)).pid ?? 0
  }
  const status = async (path: string) => (await request(on, blue, path, '-o', '/dev/null', '-w', '%{http_code}')).stdout

  test('has a unit that systemd accepts without a warning, and its number of workers', async () => {
    const pid = await start()
    expect(await on.asRoot('systemd-analyze verify life@blue.service 2>&1')).toBe('')
    expect((await on.asRoot(`pgrep --parent ${pid} --count`)).trim()).toBe('3')
    expect((await on.asRoot(`ps -o user= -p ${pid}`)).trim()).toBe('vagrant')
  })

  test('executes the index alone, serves files, and shows no source and no hidden file', async () => {
    await start()
    expect((await request(on, blue, '/style.css')).stdout).toBe('/* 1.0.0 */')
    expect(await status('/any/path')).toBe('404')
    for (const path of ['/other.php', '/.env', '/uploads/evil.php']) expect(await status(path), path).toBe('404')
  })

  test('tells PHP what the router says about the client, and its own settings', async () => {
    await start()
    const headers = ['X-Real-IP: 192.0.2.7', 'X-Forwarded-Proto: https', 'Host: life.example', 'Proxy: evil']
    const { stdout } = await request(on, blue, '/server?a=b', ...headers.flatMap(header => ['-H', header]))
    expect(JSON.parse(stdout)).toMatchObject({
      REMOTE_ADDR: '192.0.2.7',
      HTTPS: 'on',
      HTTP_HOST: 'life.example',
      QUERY_STRING: 'a=b',
      SCRIPT_FILENAME: `${old.dir}/public/index.php`,
    })
    expect(JSON.parse(stdout)).not.toHaveProperty('HTTP_PROXY')
    expect(JSON.parse((await request(on, blue, '/server')).stdout)).not.toHaveProperty('HTTPS')
    expect((await request(on, blue, '/ini/upload_max_filesize')).stdout).toBe('33M')
  })

  test('finishes the requests in flight when it is stopped', async () => {
    await start()
    const slow = request(on, blue, '/slow/3000')
    await on.host.capture(sh.read`until ss -Htn state established 'sport = :4000' | grep -q .; do sleep 0.1; done`)
    expect(await runtime.stop(blue)).toEqual({ was: 'running', killed: false })
    expect((await slow).stdout).toBe('slept')
  })

  test('runs again after its process was killed, with a new socket', async () => {
    const pid = await start()
    await on.asRoot(`kill -KILL ${pid}`)
    const now = async () => (await runtime.process(blue)).pid ?? pid
    await expect.poll(now).not.toBe(pid)
    await on.answers(blue)
  })

  test('refuses a release whose root is missing or cannot be read', async () => {
    await runtime.stop(blue)
    await on.fill(blue, old)
    await on.host.capture(sh.write`chmod 0640 ${`${old.dir}/public/style.css`}`)
    expect(await faultOf(runtime.start(old, blue))).toMatchObject({
      code: 'FILES_UNREADABLE',
      message: expect.stringContaining('/public/style.css'),
    })
    await on.host.capture(
      sh.write`chmod 0644 ${`${old.dir}/public/style.css`}; mv ${`${old.dir}/public`} ${`${old.dir}/p`}`,
    )
    expect(await faultOf(runtime.start(old, blue))).toMatchObject({ code: 'FILES_FOLDER_MISSING' })
    await on.host.capture(sh.write`mv ${`${old.dir}/p`} ${`${old.dir}/public`}`)
    expect((await runtime.process(blue)).state).toBe('stopped')
  })
})
