/** What the scripts do while the managers have no leader, against an engine of the test's own. */
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../host/exit-codes.ts'
import type { Script } from '../../../host/script.ts'
import { askEngine, replies } from '../../../swarm/engine.ts'
import { engineFence } from '../../../swarm/lock.ts'
import { followMigration, parseMigrated } from '../../../swarm/migration.ts'
import { EMPTY, writeRecords } from '../../../swarm/records.ts'
import { createService, removeService } from '../../../swarm/service.ts'
import { giveInput } from '../../support/input.ts'

type Reply = readonly [status: number, body: string]
const ELECTING: Reply = [
  500,
  '{"message":"rpc error: code = Unknown desc = The swarm does not have a leader. It\'s possible that too few managers are online."}',
]

let folder: string
let server: Server
/** The answers to come, for each path; the last one is repeated. */
let answers: Record<string, Reply[]>
let seen: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-election-'))
  answers = {}
  seen = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${body}`.trim())
      const left = answers[(request.url ?? '').replace(/\?.*$/, '')] ?? []
      const [status, text] = (left.length > 1 ? left.shift() : left[0]) ?? [404, '{"message":"not found"}']
      response.writeHead(status).end(`${text.replace('MARK', /"mark":"([^"]+)"/.exec(seen.join(''))?.[1] ?? '')}\n`)
    })
  })
  await new Promise<void>(resolve => server.listen(join(folder, 'socket'), resolve))
})
afterEach(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})

/** A client of the engine that fails as often as `fails` says, and writes down how it was called. */
async function client(fails: number): Promise<void> {
  const text = `#!/bin/bash
echo "$*" >> ${folder}/calls
if [ "$1 $2" = 'service inspect' ]; then echo d1; exit 0; fi
if [ "$(wc -l < ${folder}/calls)" -le ${fails} ]; then echo 'Error response from daemon: rpc error: code = DeadlineExceeded desc = context deadline exceeded' >&2; exit 1; fi
if [ -e ${folder}/taken ]; then echo 'Error response from daemon: rpc error: code = AlreadyExists desc = name conflicts with an existing object' >&2; exit 1; fi
`
  await writeFile(join(folder, 'docker'), text)
  await chmod(join(folder, 'docker'), 0o755)
}

const run = ({ text }: Script, input = '') =>
  new Promise<{ code: number; stdout: string; stderr: string }>(resolve => {
    const env = { PATH: `${folder}:/usr/bin:/bin`, DOCKER_HOST: `unix://${folder}/socket`, SHLVL: '2' }
    const child = spawn('bash', ['-c', `set -eu -o pipefail\n${text}`], { env })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('close', code => resolve({ code: code ?? 128, stdout, stderr }))
    giveInput(child, input)
  })

describe('while the managers elect a leader', () => {
  it('a request is sent again until one of them leads', async () => {
    answers = { '/nodes': [ELECTING, ELECTING, [200, '[]']], '/tasks': [[200, '["a"]']] }
    const script = askEngine(['/nodes', '/tasks'])
    expect(replies(await run(script), { name: 'm1' }, script).map(({ body }) => body)).toEqual(['[]', '["a"]'])
    expect(seen).toEqual(['GET /nodes', 'GET /nodes', 'GET /nodes', 'GET /tasks'])
  })

  it('a change whose answer was lost counts as made, and is sent with its body each time', async () => {
    answers = {
      '/configs/life_records/update': [ELECTING, [500, '{"message":"update out of sequence"}']],
      '/configs/life_records': [[200, '{"Spec":{"Labels":{"mark":"MARK"}}}']],
    }
    const query = writeRecords('life', { ...EMPTY, version: 7 })
    const output = await run(query.script, query.input as string)
    expect(query.read(output, { name: 'm1' } as never)).toMatchObject({ version: 7 })
    expect(seen.slice(0, 2).map(line => line.includes('"Name":"life_records"'))).toEqual([true, true])
  })

  it('a change that another run was faster with is refused', async () => {
    answers = {
      '/configs/life_records/update': [[500, '{"message":"update out of sequence"}']],
      '/configs/life_records': [[200, '{"Spec":{"Labels":{"mark":"of another"}}}']],
    }
    const query = writeRecords('life', { ...EMPTY, version: 7 })
    const output = await run(query.script, query.input as string)
    expect(() => query.read(output, { name: 'm1' } as never)).toThrow(
      expect.objectContaining({ code: 'RECORDS_CHANGED' }),
    )
  })

  it('a lock that is ours lets the write through, once it can be read, and once a new leader has applied it', async () => {
    const ours: Reply = [200, '{"Labels":{"deploy":"d1","until":"9"}}']
    const free: Reply = [200, '{"Labels":{}}']
    answers = { '/configs/life_lock': [ELECTING, free, [404, '{"message":"not found"}'], ours] }
    expect((await run(engineFence('life', 'd1'))).code).toBe(0)
    expect(seen).toHaveLength(4)
  })

  it('a lock that is and stays that of another run refuses the write', async () => {
    answers = { '/configs/life_lock': [ELECTING, [200, '{"Labels":{"deploy":"d2"}}']] }
    expect((await run(engineFence('life', 'd1'))).code).toBe(EXIT.fence.refused)
  })

  it('a service is created by a later attempt, or was by one whose answer was lost', async () => {
    const script = createService({ name: 'life_blue', deploy: 'd1', options: ['--detach'], command: ['image'] })
    await client(2)
    expect(await run(script)).toMatchObject({ code: 0, stderr: '' })
    await client(4)
    await writeFile(join(folder, 'taken'), '')
    expect((await run(script)).code).toBe(0)
  })

  it('a migration is followed to its end, and nothing that the client says meanwhile is taken for its output', async () => {
    await writeFile(
      join(folder, 'docker'),
      `#!/bin/bash
echo "$1 $2" >> ${folder}/calls
asked=$(grep -c "^$1 $2" ${folder}/calls)
electing() { echo 'Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader.' >&2; exit 1; }
case "$1 $2" in
  'service ps') case $asked in 2 | 3) electing ;; esac; echo t1 ;;
  'service logs') case $asked in 1) electing ;; esac; echo one; echo two >&2 ;;
  'inspect --type') if [ $asked -ge 3 ]; then echo complete 0; else echo running 0; fi ;;
esac
`,
      { mode: 0o755 },
    )
    const { code, stdout } = await run(followMigration('life_migration', 60))
    expect(code).toBe(0)
    expect(parseMigrated(stdout.trim())).toMatchObject({ state: 'complete', log: 'one\ntwo' })
  })

  it('a service is removed only if there is one', async () => {
    await client(0)
    expect((await run(removeService('life_blue', 1))).code).toBe(0)
    answers = { '/services/life_blue': [ELECTING, [200, '{"Spec":{"Mode":{"Replicated":{"Replicas":2}}}}']] }
    expect((await run(removeService('life_blue', 1))).code).toBe(0)
    expect(seen).toEqual(['GET /services/life_blue', 'GET /services/life_blue', 'GET /services/life_blue'])
  })
})
