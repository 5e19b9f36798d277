/** The lock in an engine of the test's own, which keeps the labels of one config object and their version. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { EXIT } from '../../../host/exit-codes.ts'
import type { Script } from '../../../host/script.ts'
import { newDeploy } from '../../../slots/journal/journal.ts'
import { engineFence, engineGuard, holdEngineLock } from '../../../swarm/lock.ts'

let folder: string
let server: Server
let labels: Record<string, string>
let version: number

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-engine-'))
  labels = {}
  version = 1
  server = createServer(async (request, response) => {
    const body = await text(request)
    const asked = /version=(\d+)$/.exec(request.url ?? '')?.[1]
    if (asked === undefined)
      return response.end(`${JSON.stringify({ Version: { Index: version }, Spec: { Labels: labels } })}\n`)
    if (Number(asked) !== version) return response.writeHead(500).end('{"message":"update out of sequence"}\n')
    labels = JSON.parse(body).Labels
    version += 1
    response.end()
  })
  await new Promise<void>(resolve => server.listen(join(folder, 'socket'), resolve))
})
afterEach(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})

const started = (script: Script): ChildProcessWithoutNullStreams =>
  spawn('bash', ['-c', `set -eu -o pipefail\n${script.text}`], {
    env: { PATH: '/usr/bin:/bin', DOCKER_HOST: `unix://${folder}/socket`, SHLVL: '2' },
  })

const ownerOf = (deploy: string) => Buffer.from(JSON.stringify({ by: 'ann', deploy, since: 'noon' })).toString('base64')

/** Asks for the lock. Resolves to the answer, and to a function that ends the holder. */
async function holder(deploy: string) {
  const child = started(holdEngineLock('life', deploy, 0))
  child.stdin.write(`${ownerOf(deploy)}\n`)
  const [answer] = await once(createInterface(child.stdout), 'line')
  const end = async () => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  }
  return { answer: String(answer).replace(/ .*/, ''), end }
}

/** What the fence says to a write of a run: its exit code and its stderr. */
async function write(deploy: string, undoing = false) {
  const child = started(engineFence('life', deploy, undoing))
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  return { code: Number(code), stderr }
}

it('one run at a time holds it, whose writes pass', async () => {
  const first = await holder('d1')
  expect(first.answer).toBe('held')
  expect((await holder('d2')).answer).toBe('taken')
  expect((await write('d1')).code).toBe(0)
  await first.end()
})

it('after the release its last owner may only undo its changes, until another run has taken it', async () => {
  await (await holder('d1')).end()
  const guard = engineGuard(
    'life',
    () => 'm1',
    { ...newDeploy('ann@desk'), id: 'd1' },
    () => undefined,
    () => false,
  )
  const late = await write('d1')
  expect(late.code).toBe(EXIT.fence.refused)
  expect(guard.refusal(late.code, late.stderr)).toMatchObject({ code: 'LOCK_LOST' })
  expect((await write('d1', true)).code).toBe(0)

  const next = await holder('d2')
  expect(next.answer).toBe('held')
  const overtaken = await write('d1', true)
  expect(overtaken.code).toBe(EXIT.fence.refused)
  expect(guard.refusal(overtaken.code, overtaken.stderr)).toMatchObject({
    code: 'OVERTAKEN',
    message: expect.stringContaining('ann took over the lock at noon (d2)'),
  })
  await next.end()
})

it('a run that takes its own lock again, through another manager, keeps it when its first holder ends', async () => {
  const first = await holder('d1')
  // The time limit of the second one is later.
  const until = Number(labels.until)
  await expect.poll(() => Math.floor(Date.now() / 1_000) + 30, { timeout: 10_000 }).toBeGreaterThan(until)
  const second = await holder('d1')
  expect(second.answer).toBe('held')
  await first.end()
  expect((await write('d1')).code).toBe(0)
  await second.end()
  expect(labels.until).toBeUndefined()
})
