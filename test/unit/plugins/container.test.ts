import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { container } from '../../../plugins/runtime/container/container.ts'
import type { ContainerOptions } from '../../../plugins/runtime/container/options.ts'
import { sweepImages } from '../../../plugins/runtime/container/scripts.ts'
import type { PluginContext, Release, Slot } from '../../../slots/contracts.ts'
import { layout } from '../../../slots/layout.ts'
import { faultOf, pluginKit } from '../../support/plugin-kit.ts'

const green: Slot = { name: 'green', port: 5000, env: {} }
const release: Release = { name: '1.0-abc', version: '1.0', sha256: '', dir: '/srv/life/releases/1.0-abc' }
const facts = { user: 'deploy', group: 'www' }
const runtimeOf = (options: ContainerOptions = {}, kit: Partial<PluginContext> = {}) =>
  container(options).create(pluginKit(kit))
const provisionOf = (options: ContainerOptions = {}) => runtimeOf(options).provision(facts)
const unitOf = (options: ContainerOptions = {}) => provisionOf(options).files[0]?.text ?? ''
/** The bash program of the unit, as systemd passes it to bash. */
const startOf = (options: ContainerOptions = {}) => programIn(unitOf(options), 'ExecStart=')
const programIn = (unit: string, before: string) => {
  const line = unit.split('\n').find(text => text.startsWith(before)) ?? ''
  const [, quoted = ''] = /\/bin\/bash -euo pipefail -c "(.*)"$/.exec(line) ?? []
  return quoted
    .replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
    .replaceAll('$$', '$')
    .replaceAll('%%', '%')
    .replaceAll('%i', 'green')
}

describe('the unit of a container', () => {
  it('is one template for all slots, whose process is the client of the engine, run by the deploying user', () => {
    for (const engine of ['podman', 'docker'] as const) {
      const text = unitOf({ engine, stopSignal: 'SIGQUIT', stopLimit: 5 })
      for (const line of [
        'User=deploy',
        'WorkingDirectory=/srv/life/slots/%i/current',
        'EnvironmentFile=/srv/life/slots/%i/env',
        'KillMode=mixed',
        'KillSignal=SIGQUIT',
        'TimeoutStopSec=5',
        'Restart=always',
      ])
        expect(text).toContain(`\n${line}\n`)
      expect(text).not.toMatch(/blue|green/)
      expect(() => execFileSync('bash', ['-n'], { input: startOf({ engine }) })).not.toThrow()
    }
  })

  it('gives the container the network of the host and no rights of root', () => {
    for (const engine of ['podman', 'docker'] as const)
      expect(startOf({ engine })).toContain('--network host --cap-drop all --security-opt no-new-privileges')
  })

  it('of Podman holds every process of the container, and limits them', () => {
    const options = { engine: 'podman', memoryMax: '512M', cpuMax: 1.5, filesMax: 4096 } as const
    expect(startOf(options)).toContain('--cgroups disabled')
    expect(unitOf(options)).toContain('\nMemoryMax=512M\nCPUQuota=150%\nLimitNOFILE=4096\n')
    expect(startOf(options)).not.toMatch(/--memory|--cpus|--ulimit/)
    expect(unitOf(options)).toMatch(/^ExecStopPost=-.*home=~deploy;.*podman .*rm --force switchyard-life-%i /m)
    expect(unitOf(options)).not.toMatch(/NoNewPrivileges|ProtectSystem|docker\.service/)
  })

  it('of Docker starts after the engine, waits for the container, and removes it however the client ended', () => {
    const options = { engine: 'docker', memoryMax: '512M', cpuMax: 1.5, filesMax: 4096 } as const
    expect(startOf(options)).toContain('--memory 512M --cpus 1.5 --ulimit nofile=4096 ')
    const text = unitOf(options)
    expect(text).toContain('\nAfter=network-online.target docker.service\n')
    expect(text).toMatch(/^ExecStartPost=-.*container inspect .*State\.Pid.* switchyard-life-%i /m)
    expect(text).toMatch(/^ExecStopPost=-.*docker rm --force switchyard-life-%i /m)
    expect(text).not.toMatch(/MemoryMax|CPUQuota|--cgroups/)
  })

  it('passes further options of the Taskfile to the engine last, so that they win', () => {
    expect(startOf({ options: ['--init', '--user=nobody'] })).toMatch(
      / --user "\$as" --network .* --init --user=nobody /,
    )
  })
})

describe('the processes of a container', () => {
  const processes = {
    worker: ['bin/worker', '--queue', "it's"],
    scheduler: { start: 'bin/tick', when: 'live', stopSignal: 'SIGINT', stopLimit: 5, memoryMax: '64M', cpuMax: 0.5 },
  } as const
  const named = (name: string, options: ContainerOptions = {}) =>
    provisionOf({ processes, ...options }).files.find(({ path }) => path.endsWith(`/life-${name}@.service`))?.text ?? ''

  it('are a container and a unit each, of the same image, with a name of its own in each slot', () => {
    for (const engine of ['podman', 'docker'] as const) {
      const text = named('worker', { engine })
      const start = programIn(text, 'ExecStart=')
      expect(start).toContain('switchyard-life-green.worker')
      expect(start).toContain("bin/worker --queue 'it'\\''s'")
      expect(start).toContain('folder=/srv/life/slots/green/current')
      expect(() => execFileSync('bash', ['-n'], { input: start })).not.toThrow()
      expect(text).toMatch(/^ExecStopPost=-.*rm --force switchyard-life-%i\.worker /m)
      expect(text).toContain('\nRuntimeDirectory=switchyard-life-worker-%i\n')
      expect(text).not.toMatch(/blue|green/)
    }
  })

  it('have their own stop signal and limits, which those of the others do not get', () => {
    const [podman, docker] = [named('scheduler'), named('scheduler', { engine: 'docker' })]
    for (const line of ['KillSignal=SIGINT', 'TimeoutStopSec=5', 'MemoryMax=64M', 'CPUQuota=50%'])
      expect(podman).toContain(`\n${line}\n`)
    expect(programIn(docker, 'ExecStart=')).toContain('--memory 64M --cpus 0.5 ')
    expect(named('worker') + unitOf({ processes })).not.toMatch(/MemoryMax|CPUQuota/)
    expect(named('worker', { engine: 'docker' })).not.toMatch(/--memory|--cpus/)
    expect(named('worker')).toContain('\nTimeoutStopSec=60\n')
  })

  it('have a condition exactly if they run only in the live slot', () => {
    expect(named('scheduler')).toContain('\nConditionPathExists=/srv/life/live/%i\n')
    expect(named('worker')).not.toContain('Condition')
    expect(provisionOf({ processes }).folders).toEqual([{ path: '/srv/life/live', mode: 0o755 }])
  })

  it('are up only once the container has run for a second, because the client of the engine runs before it', () => {
    for (const engine of ['podman', 'docker'] as const) {
      const waits = programIn(named('worker', { engine }), 'ExecStartPost=-')
      expect(waits).toContain('container inspect --format {{.State.Pid}} switchyard-life-green.worker')
      expect(waits).toContain('etimes')
      expect(() => execFileSync('bash', ['-n'], { input: waits })).not.toThrow()
    }
    expect(unitOf({ engine: 'docker' })).not.toContain('etimes')
  })

  it('make the runtime start, prove and stop them as those of a service', () => {
    const runtime = runtimeOf({ processes, demote: 'before' })
    expect(runtime.demotes).toBe('before')
    for (const method of ['complete', 'promoted', 'demoted'] as const) expect(runtime[method]).toBeTypeOf('function')
    expect(runtime.demoted?.(green, undefined)).toMatchObject({ script: { writes: true } })
    for (const method of ['complete', 'promoted', 'demoted', 'hooks', 'demotes'] as const)
      expect(runtimeOf()[method]).toBeUndefined()
  })

  it('of a role have no container that serves requests beside them, and the roles are those of the plugin', () => {
    const jobs = { jobs: { start: ['bin/jobs'], role: 'worker' } }
    expect(container({ processes: { ...processes, ...jobs } }).roles).toEqual(['worker'])
    const runtime = runtimeOf({ processes: { ...processes, ...jobs } }, { role: 'worker' })
    expect(runtime.serves).toBe(false)
    expect(runtime.provision(facts).files.map(({ path }) => path)).toEqual(['/etc/systemd/system/life-jobs@.service'])
  })

  it.each([
    ['the name of the main process', { web: ['bin/worker'] }],
    ['a process without a command', { worker: { when: 'live' } }],
    ['an option that a container does not have', { worker: { start: ['bin/worker'], killMode: 'mixed' } }],
  ])('are rejected with %s', (_, wrong) => {
    expect(() => container({ processes: wrong as never })).toThrow(/processes/)
  })
})

describe('the hooks of a container', () => {
  it('run in a container of their own, of the release in the slot', () => {
    const { hooks } = runtimeOf({ promoted: ['bin/queues', 'resume'], demoted: 'bin/queues pause', hookLimit: 7 })
    const [promoted, demoted] = [hooks?.promoted?.(green).script.text, hooks?.demoted?.(green).script.text]
    expect(promoted).toContain('switchyard-life-green-promoted')
    expect(promoted).toContain('timeout -k 10 7 /bin/bash')
    expect(demoted).toContain('switchyard-life-green-demoted')
    expect(demoted).toContain('exec bin/queues pause')
    for (const text of [promoted, demoted])
      expect(() => execFileSync('bash', ['-n'], { input: text ?? 'missing (' })).not.toThrow()
  })
})

describe('a container', () => {
  it('needs the packages of its engine, and no more rights of root than a service', () => {
    const [podman, docker] = [provisionOf(), provisionOf({ engine: 'docker' })]
    expect(podman.tools).toMatchObject({ podman: 'podman', newuidmap: 'uidmap' })
    expect(docker.tools).toMatchObject({ docker: 'docker.io' })
    expect(podman.sudo).toEqual(docker.sudo)
    expect(new Set(podman.sudo.map(([program]) => program))).toEqual(
      new Set(['/usr/bin/systemctl', '/usr/bin/journalctl']),
    )
  })

  it('keeps the runtime folder of the deploying user for Podman, and names the group that Docker needs', () => {
    const [podman, docker] = [provisionOf(), provisionOf({ engine: 'docker' })]
    expect(podman.apply.map(({ text }) => text).join('\n')).toContain('loginctl enable-linger deploy')
    expect(podman.unapply?.map(({ text }) => text).join('\n')).not.toContain('linger')
    expect(podman.notes).toBeUndefined()
    expect(docker.notes?.join('\n')).toContain('usermod -aG docker deploy')
  })

  it('has only the port and the slot in its environment, because the paths of the host are not in it', () => {
    expect(runtimeOf().environment(green)).toEqual({ PORT: '5000', SWITCHYARD_SLOT: 'green' })
  })

  it('has the shared paths that `volumes` names, and refuses one that the project does not share', () => {
    const shared = layout('/srv/life', ['data'])
    const { exec } = runtimeOf({ volumes: { data: '/app/data' } }, { layout: shared })
    expect(exec?.(green, ['ls']).text).toContain('--volume /srv/life/shared/data:/app/data')
    const refused = () => runtimeOf({ volumes: { data: '/app/data', cache: '/cache' } }, { layout: shared })
    expect(refused).toThrow('The volume "cache" of `container()` is not in `shared` of the project.')
  })

  it('has migrations and a console only if the options have commands for them', () => {
    expect(runtimeOf().migrate).toBeUndefined()
    expect(runtimeOf().console).toBeUndefined()
    const { migrate, console } = runtimeOf({ migrate: ["it's", '$a'], console: 'bin/shell $SLOT' })
    const scripts = [migrate?.(release, green).script.text, console?.(green)]
    for (const text of scripts) expect(() => execFileSync('bash', ['-n'], { input: text ?? 'missing (' })).not.toThrow()
    expect(console?.(green)).toContain("(/bin/sh -c 'exec bin/shell $SLOT')")
  })

  it.each([
    [{ engine: 'lxc' }, 'engine'],
    [{ volumes: { data: 'relative' } }, 'volumes.data'],
    [{ memoryMax: 'much' }, 'memoryMax'],
    [{ image: 'life' }, 'image'],
  ])('rejects the options %j', (options, field) => {
    expect(() => container(options as never)).toThrow(field)
  })
})

describe('with a stand-in for the engine', () => {
  let folder: string
  let output: { readonly status: number | null; readonly stdout: string; readonly stderr: string }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'switchyard-container-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string, mode = 0o644) => {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text, { mode })
    return path
  }
  const manifest = (name: string) => `[{"Config":"x.json","RepoTags":["${name}"],"Layers":[]}]\n`
  /** Runs a script in which the engine is a program that notes its arguments, one a line, and prints its environment. */
  const run = (script: string, input = '') => {
    const noted = join(folder, 'noted')
    writeFileSync(noted, '')
    const engine = file(
      'engine',
      `#!/bin/bash
printf '%s\\n' "---" "$@" >> ${noted}
case " $* " in
  *' images '*) printf '%s\\n' localhost/switchyard/life:aaa localhost/switchyard/life:bbb localhost/switchyard/life:build localhost/switchyard/lifeboat:ccc debian:12 ;;
  *' run '*) env -0 > ${folder}/env-of-engine ;;
  *' image inspect --format '*) printf '%s\\n' registry.example/life@sha256:aaa00 registry.example/life@sha256:bbb00 localhost/switchyard/life@sha256:aaa00 ;;
  *' image inspect '*) [ ! -e ${folder}/lacks-image ] ;;
  *' pull '*)
    if [ -n "\${REGISTRY_AUTH_FILE-}" ]; then
      { cat "$REGISTRY_AUTH_FILE"; stat -c '%a %n' "$REGISTRY_AUTH_FILE" "$DOCKER_CONFIG"; } > ${folder}/login
      cmp "$REGISTRY_AUTH_FILE" "$DOCKER_CONFIG/config.json"
    fi
    if [ -e ${folder}/fails ]; then echo 'Error: manifest unknown' >&2; exit 125; fi ;;
esac
`,
      0o755,
    )
    const text = script.replaceAll('/usr/bin/podman', engine)
    const options = { env: { PATH: process.env.PATH }, input, encoding: 'utf8' } as const
    output = spawnSync('bash', ['-euo', 'pipefail', '-c', text], options)
    return readFileSync(noted, 'utf8')
      .split('---\n')
      .slice(1)
      .map(call => call.trimEnd().split('\n'))
  }

  it('values of the environment file reach the engine unchanged and in no argument, but none of them changes the engine itself', () => {
    const root = join(folder, 'srv')
    file('srv/slots/green/current/image/manifest.json', manifest('localhost/switchyard/life:aaa'))
    file(
      'srv/slots/green/env',
      'SECRET=" \\$HOME \\`id\\` \\"q\\" \n NOT=me"\nname="mine"\nPATH="/app/bin"\nHOME="/app"\nDOCKER_HOST="tcp://x"\nDOCKER_TOKEN="t"\n',
    )
    const { exec } = runtimeOf({}, { layout: layout(root) })
    const call = run(exec?.(green, ['ls', 'a b']).text ?? '').at(-1) ?? []
    const values = call.flatMap((word, i) => (word === '--env' ? [call[i + 1]] : []))
    expect(values).toEqual(['DOCKER_HOST=tcp://x', 'DOCKER_TOKEN', 'HOME=/app', 'PATH=/app/bin', 'SECRET', 'name'])
    expect(call.join(' ')).toContain('--entrypoint ls')
    expect(call.slice(-2)).toEqual(['localhost/switchyard/life:aaa', 'a b'])
    const seen = readFileSync(join(folder, 'env-of-engine'), 'utf8').split('\0')
    expect(seen).toEqual(expect.arrayContaining(['SECRET= $HOME `id` "q" \n NOT=me', 'name=mine']))
    expect(
      seen.some(entry => entry === 'PATH=/app/bin' || entry === 'HOME=/app' || entry.startsWith('DOCKER_HOST')),
    ).toBe(false)
  })

  it('only images of this application whose release is gone are removed', () => {
    file('releases/1.0-abc/image/manifest.json', manifest('localhost/switchyard/life:bbb'))
    file('releases/.removed.0.9-abc/image/manifest.json', manifest('localhost/switchyard/life:aaa'))
    const containers = { app: 'life', layout: layout('/srv/life'), engine: 'podman', options: [] } as const
    const removed = (releases: string) =>
      run(sweepImages(containers, releases).text).flatMap(call => (call.includes('rmi') ? [call.at(-1)] : []))
    // The names with the digest first: the engine keeps the last name of an image that a container uses.
    const named = (tag: string) =>
      tag === 'aaa'
        ? [
            'registry.example/life@sha256:aaa00',
            'localhost/switchyard/life@sha256:aaa00',
            'localhost/switchyard/life:aaa',
          ]
        : ['registry.example/life@sha256:bbb00', 'localhost/switchyard/life:bbb']
    expect(removed(join(folder, 'releases'))).toEqual(named('aaa'))
    expect(removed('/nowhere')).toEqual([...named('aaa'), ...named('bbb')])
  })

  describe('an image of a registry', () => {
    const digest = `sha256:${'ab'.repeat(32)}`
    const from = `registry.example/shop/life@${digest}`
    const tag = 'localhost/switchyard/life:abababababababab'
    const login = { registry: 'registry.example', user: 'deploy', password: 'sesame' }
    const ofRelease = (): Release => ({ ...release, dir: join(folder, 'srv/releases/1.0-abc') })
    const obtaining = (kit: Partial<PluginContext> = {}) => {
      file('srv/releases/1.0-abc/image/manifest.json', `[{"RepoTags":["${tag}"],"RepoDigests":["${from}"]}]\n`)
      file('srv/slots/green/env', 'A="1"\n')
      file('lacks-image', '')
      const runtime = runtimeOf({}, { layout: layout(join(folder, 'srv')), ...kit })
      return runtime.obtain?.(ofRelease(), green) ?? expect.fail('no obtain')
    }
    const got = (query: ReturnType<typeof obtaining>) => {
      const calls = run(query.script.text, query.input)
      return {
        calls: calls.map(call => call.slice(1)),
        result: query.read({ code: output.status ?? 1, ...output }, asked),
      }
    }
    const asked = { name: 'web-1', query: async () => '' as never }

    it('is pulled by its digest, and gets the name under which the slots run it', () => {
      const { calls, result } = got(obtaining())
      expect(calls).toEqual([
        ['image', 'inspect', tag],
        ['pull', from],
        ['tag', from, tag],
      ])
      expect(result).toBe('its image was pulled')
      expect(existsSync(join(folder, 'login'))).toBe(false)
    })

    it('is not pulled if the engine has it', () => {
      const query = obtaining({ login })
      rmSync(join(folder, 'lacks-image'))
      const { calls, result } = got(query)
      expect(calls).toEqual([['image', 'inspect', tag]])
      expect(result).toBe('the engine has its image')
    })

    it('is pulled with the login in a file that only the account can read, in no argument, and removed afterwards', () => {
      for (const fails of [false, true]) {
        if (fails) file('fails', '')
        const query = obtaining({ login })
        expect(query.script.text).not.toMatch(/sesame|ZGVwbG95OnNlc2FtZQ/)
        const calls = run(query.script.text, query.input)
        expect(JSON.stringify(calls)).not.toMatch(/sesame|ZGVwbG95OnNlc2FtZQ/)
        const [text = '', ofFile = '', ofFolder = ''] = readFileSync(join(folder, 'login'), 'utf8').trim().split('\n')
        expect(JSON.parse(text).auths['registry.example'].auth).toBe('ZGVwbG95OnNlc2FtZQ==')
        expect([ofFile.slice(0, 4), ofFolder.slice(0, 4)]).toEqual(['600 ', '700 '])
        expect(existsSync(ofFolder.slice(4))).toBe(false)
      }
    })

    it('of another registry gets no login of this one', () => {
      got(obtaining({ login: { ...login, registry: 'registry.example.org' } }))
      expect(existsSync(join(folder, 'login'))).toBe(false)
    })

    it('that the registry does not have is an error with its name', async () => {
      file('fails', '')
      const fault = await faultOf(Promise.resolve().then(() => got(obtaining({ login })).result))
      expect(fault).toMatchObject({ code: 'REGISTRY_IMAGE_UNKNOWN' })
      expect(fault.message).toContain(from)
    })
  })
})
