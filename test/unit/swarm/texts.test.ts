import { execFile } from 'node:child_process'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { image, ssh, swarm } from '../../../index.ts'
import { newDeploy } from '../../../slots/journal/journal.ts'
import { messageIn, replies } from '../../../swarm/engine.ts'
import { published, releaseNameOf } from '../../../swarm/image.ts'
import { parseMigrated } from '../../../swarm/migration.ts'
import { namesOf } from '../../../swarm/names.ts'
import {
  EMPTY,
  journaled,
  nextRoute,
  parseRecords,
  parseRoute,
  recordsObject,
  routeText,
} from '../../../swarm/records.ts'
import { haproxyConfig } from '../../../swarm/router/haproxy-config.ts'
import { planRouter } from '../../../swarm/router/router-service.ts'
import { parseVerifications, unverified } from '../../../swarm/router/verify.ts'
import {
  createService,
  migrationArguments,
  slotArguments,
  taskVariables,
  variablesInput,
} from '../../../swarm/service.ts'
import { giveInput } from '../../support/input.ts'

const names = namesOf('life')
const health = { path: '/health', host: 'life.example' }
const release = { name: '0.1.0-abcdef0', version: '0.1.0', image: 'r/life@sha256:1', local: false }
const creation = { slot: 'green', release, by: 'ann', deploy: 'd1' }

describe('the records', () => {
  const deploy = newDeploy('ann@desk', new Date('2026-11-26T18:00:00Z'), 0.5)

  it('are what was written, and the version of the object', () => {
    const live = { slot: 'blue', generation: '1-x' }
    const given = journaled({ ...EMPTY, version: 4, term: 1, live, promoted: { blue: 'r' } }, deploy, {
      event: 'promote',
      slot: 'blue',
      result: 'done',
    })
    expect(parseRecords(5, recordsObject('life', given).Labels)).toEqual({ ...given, version: 5 })
  })

  it('keep the newest hundred entries of the journal', () => {
    let records = { ...EMPTY, version: 1 }
    for (let i = 0; i < 120; i++)
      records = journaled(records, deploy, { event: 'deploy', slot: String(i), result: 'done' })
    const kept = parseRecords(2, recordsObject('life', records).Labels).journal
    expect([kept.length, kept[0]?.slot, kept.at(-1)?.slot]).toEqual([100, '20', '119'])
  })

  it('name routes whose term only grows', () => {
    expect(nextRoute({ term: 16 }, 'green', 'd')).toEqual({ slot: 'green', generation: '17-d' })
    expect(parseRoute('green.17-d')).toEqual({ slot: 'green', generation: '17-d' })
    expect(parseRoute('none.3-d')).toBeUndefined()
    expect(routeText(undefined)).toBe('none.0')
  })
})

describe('a response of the engine', () => {
  const output = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr })
  const read = (stdout: string, code?: number, stderr?: string) =>
    replies(output(stdout, code, stderr), { name: 'm1' }, { text: '', writes: false })

  it('is a body and a status', () => {
    expect(read('[{"a":1}]\n\n200\n\n404\n')).toEqual([
      { status: 200, body: '[{"a":1}]' },
      { status: 404, body: '' },
    ])
    expect(messageIn('{"message":"update out of sequence"}')).toBe('update out of sequence')
  })

  it.each([
    ['ENGINE_UNREACHABLE', '', 7, 'curl: (7) permission denied'],
    ['NOT_A_MANAGER', '{"message":"This node is not a swarm manager."}\n503\n', 0, ''],
    [
      'SWARM_WITHOUT_QUORUM',
      '{"message":"rpc error: code = DeadlineExceeded desc = context deadline exceeded"}\n500\n',
      0,
      '',
    ],
    ['SWARM_WITHOUT_QUORUM', '', 28, ''],
  ])('can be the fault %s', (code, stdout, exit, stderr) => {
    expect(() => read(stdout, exit, stderr)).toThrow(expect.objectContaining({ code }))
  })
})

describe('the service of a slot', () => {
  const options = {
    app: 'life',
    port: 4000,
    secrets: ['db'],
    limits: { memory: '256M', cpus: 0.5, reserve: { memory: '128M', cpus: 0.1 }, stop: 5 },
    networks: ['data'],
    constraints: ['node.role==worker'],
    spread: 'node.labels.rack',
    health: { command: 'true' },
  }

  it('has all options as separate arguments, and no variable', () => {
    const line = slotArguments(options, creation, 3).join(' ')
    for (const part of [
      '--endpoint-mode dnsrr',
      '--replicas 3',
      '--network life_net --network data',
      '--secret db',
      '--limit-memory 256M',
      '--limit-cpu 0.5',
      '--reserve-memory 128M',
      '--reserve-cpu 0.1',
      '--placement-pref spread=node.labels.rack',
      '--stop-grace-period 5s',
      '--constraint node.role==worker',
      '--health-cmd true',
      '--label switchyard.release=0.1.0-abcdef0',
    ])
      expect(line).toContain(part)
    expect(line).not.toContain('--env')
    expect(line).not.toContain('--no-resolve-image')
    expect(slotArguments(options, { ...creation, release: { ...release, local: true } }, 3)).toContain(
      '--no-resolve-image',
    )
  })

  it('of a migration runs once, and reserves nothing', () => {
    const line = migrationArguments(options, creation).join(' ')
    expect(line).toContain('--mode replicated-job --replicas 1 --restart-condition none')
    expect(line).not.toMatch(/--reserve|--placement-pref/)
  })

  it('gets its variables in the environment of the client, except for those that would change the client', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-service-'))
    await writeFile(
      join(folder, 'docker'),
      '#!/bin/bash\ncd "$(dirname "$0")"\nprintf "%s\\n" "$@" > words; env > env\n',
    )
    await chmod(join(folder, 'docker'), 0o755)
    const { text } = createService({ name: 'x', deploy: 'd', options: [], command: ['image', 'serve'] })
    const variables = { ...taskVariables({ port: 4000 }, 'blue'), SECRET: 'two\nlines', PATH: '/nowhere' }
    const ran = promisify(execFile)('bash', ['-eu', '-c', text], { env: { PATH: `${folder}:/usr/bin:/bin` } })
    giveInput(ran.child, variablesInput(variables))
    await ran
    const { readFile } = await import('node:fs/promises')
    const words = await readFile(join(folder, 'words'), 'utf8')
    expect(words).toContain('--env\nSECRET\n')
    expect(words).toContain('--env\nPATH=/nowhere\n')
    expect(words).not.toContain('two')
    expect(words.trimEnd().split('\n').slice(-2)).toEqual(['image', 'serve'])
    expect(await readFile(join(folder, 'env'), 'utf8')).toContain('SECRET=two\nlines')
  })
})

describe('the routers', () => {
  it('get a backend for each slot, and requests of their own only from their network', () => {
    const text = haproxyConfig({ names, slots: ['blue', 'green'], port: 4000, health })
    expect(text).toContain('server-template task 1-32 life_green:4000 resolvers engine')
    expect(text).toContain('http-check send meth GET uri /health ver HTTP/1.1 hdr Host life.example')
    expect(text).toMatch(/tcp-request connection reject unless \{ src "\$\{CONTROL\}" \} \{ dst "\$\{CONTROL\}" \}/)
  })

  it('ask a task for a sign of life, and do not cut off one that reads an upload slowly', () => {
    const [, ...backends] = haproxyConfig({ names, slots: ['blue', 'green'], port: 4000, health }).split(/^backend /m)
    expect(backends).toHaveLength(2)
    for (const backend of backends) {
      expect(backend).toContain('    retry-on conn-failure empty-response\n')
      expect(backend).toContain('    http-request disable-l7-retry unless { method GET HEAD OPTIONS }\n')
      expect(backend).toContain('    option srvtcpka\n    srvtcpka-idle 2s\n')
      expect(backend).not.toMatch(/^ +server.*tcp-ut/m)
    }
  })

  it('have another digest if anything of them differs', () => {
    const options = {
      app: 'life',
      port: 4000,
      router: { port: 80 },
      health,
      slots: ['blue', 'green'],
      image: 'haproxy:3.0',
    }
    const { digest } = planRouter(options)
    expect(planRouter(options).digest).toBe(digest)
    for (const other of [
      { ...options, port: 4001 },
      { ...options, router: { port: 81 } },
      { ...options, image: 'haproxy:2.8' },
    ])
      expect(planRouter(other).digest).not.toBe(digest)
  })

  it('are verified one by one; a node without a line was not', () => {
    const body = Buffer.from('{"version":"0.1.0"}').toString('base64')
    const found = parseVerifications(
      ['n1', 'n2', 'n3', 'n4'],
      `node n1 5 200 ${body}\nnode n2 no does not answer: timed out\nnode n3 6 503 `,
    )
    expect(unverified(found, { field: 'version', expected: '0.1.0' })).toEqual([
      ['n2', 'does not answer: timed out'],
      ['n3', 'answers with status 503'],
      ['n4', 'was not asked'],
    ])
    expect(unverified(found, { field: 'version', expected: '0.2.0' })[0]).toEqual(['n1', 'serves 0.1.0'])
    expect(unverified(found, { field: false, expected: '0.2.0' })).toHaveLength(3)
  })
})

describe('a release', () => {
  it('is named after its content, built or published', () => {
    expect(releaseNameOf({ version: '1.2.0', sha256: 'abcdef0123' })).toBe('1.2.0-abcdef0')
    const digests = ['mirror/life@sha256:1111111111', 'registry.lan:5000/life@sha256:abcdef0123']
    expect(published({ name: 'registry.lan:5000/life:1.2.0', version: '1.2.0' }, digests)).toEqual({
      name: '1.2.0-abcdef0',
      version: '1.2.0',
      image: 'registry.lan:5000/life@sha256:abcdef0123',
      local: false,
    })
  })

  it('tells how its migrations ended', () => {
    expect(parseMigrated('one\ntwo\nover failed 4 task: non-zero exit (4)')).toEqual({
      state: 'failed',
      code: 4,
      error: 'task: non-zero exit (4)',
      log: 'one\ntwo',
    })
    expect(parseMigrated('over complete 0 ')).toEqual({ state: 'complete', code: 0, error: '', log: '' })
  })
})

describe('a definition', () => {
  const options = { app: 'life', manager: ssh('m1'), image: image(), port: 4000, router: { port: 80 } }
  const code = (value: string) => expect.objectContaining({ code: value, exitCode: 2 })

  it('has two slots whose names are not those of its own services, and as many tasks as a router can list', () => {
    expect(() => swarm({ ...options, slots: { blue: {} } })).toThrow(code('SWARM_SLOTS_NOT_TWO'))
    expect(() => swarm({ ...options, slots: { blue: {}, router: {} } })).toThrow(code('SLOT_NAME_TAKEN'))
    expect(() => swarm({ ...options, replicas: 33, slots: { blue: {}, green: {} } })).toThrow(code('REPLICAS_TOO_MANY'))
    expect(() => swarm({ ...options, spread: 'rack', slots: { blue: {}, green: {} } })).toThrow(code('OPTION_INVALID'))
    expect(() => swarm({ ...options, app: 'Life', slots: { blue: {}, green: {} } })).toThrow(code('NAME_INVALID'))
  })

  it('has the commands of a project of hosts, and scale', () => {
    expect(Object.keys(swarm({ ...options, slots: { blue: {}, green: {} } }).tasks)).toEqual(
      expect.arrayContaining([
        'setup',
        'deploy',
        'promote',
        'rollback',
        'migrate',
        'console',
        'status',
        'history',
        'repair',
        'scale',
      ]),
    )
  })
})
