import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { describeHolder, onPort, parseSockets, type Socket, whose } from '../../../slots/lifecycle/sockets.ts'
import { withStandIns } from '../../support/as-user.ts'

const exec = promisify(execFile)

/** Starts a program that prints the port on which it listens; `wrapper` is the command in front of it. */
async function listens(code: string, ...wrapper: string[]): Promise<{ pid: number; port: number }> {
  const server = `${code}; require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const [program = '', ...rest] = [...wrapper, process.execPath, '-e', server]
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void process.kill(-(child.pid ?? 0), 'SIGKILL'))
  const [printed] = await once(child.stdout, 'data')
  return { pid: child.pid ?? 0, port: Number(printed) }
}

/** Runs `whose` in a shell; `programs` is a folder that comes first in PATH. */
async function socketsOn(
  filter: string,
  pids: readonly (number | '')[],
  programs?: string,
  application?: string,
): Promise<readonly Socket[]> {
  const script = `set -eu -o pipefail\n${whose(application).text}\nwhose "$@"`
  const env = { ...process.env, ...(programs && { PATH: `${programs}:${process.env.PATH}` }) }
  const { stdout } = await exec('bash', ['-c', script, 'whose', filter, ...pids.map(String)], { env })
  return parseSockets(stdout.split('\n'))
}

describe('a listening socket', () => {
  it('belongs to the given process that holds it, by position, and to a stranger otherwise', async () => {
    const [{ pid, port }, other] = [await listens(''), await listens('')]
    const own = { address: '127.0.0.1', port }
    expect(await socketsOn(onPort(port), [other.pid, pid])).toEqual([expect.objectContaining({ ...own, owner: 1 })])
    for (const others of [[other.pid], [''], []] as const) {
      const [stranger, ...more] = await socketsOn(onPort(port), others)
      expect(more).toEqual([])
      expect(stranger).toMatchObject({ ...own, owner: undefined, pid })
      expect(stranger && describeHolder(stranger)).toMatch(
        new RegExp(`^\\S.*, process ${pid}, .*run by \\S+ on 127\\.0\\.0\\.1$`),
      )
    }
    expect(await socketsOn('', [pid])).toContainEqual(expect.objectContaining({ ...own, owner: 0 }))
  })

  it('belongs to a process whose grandchild holds it', async () => {
    const { pid, port } = await listens('', 'sh', '-c', '"$@"; :', 'sh', 'sh', '-c', '"$@"; :', 'sh')
    expect(await socketsOn(onPort(port), [pid])).toEqual([expect.objectContaining({ owner: 0 })])
  })

  it('does not belong to a pid that its holder puts into its own process title', async () => {
    const { pid, port } = await listens(`process.title = '",pid=1,fd=3)'`)
    expect(await socketsOn(onPort(port), [1])).toEqual([expect.objectContaining({ owner: undefined, pid })])
  })

  it('is not listed when nobody listens on the port', async () => {
    expect(await socketsOn(onPort(1), [process.pid])).toEqual([])
  })
})

describe('a socket of an application with a user of its own', () => {
  /** Programs for which the holder of a socket is visible to the user of the application alone, as without cgroups. */
  async function hiding(): Promise<string> {
    const path = await withStandIns()
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-ss-'))
    const ss = `#!/bin/bash
all=$(PATH=${process.env.PATH} ss "$@" | sed 's/ cgroup:[^ ]*//')
if [ -z "\${SEEN_AS:-}" ]; then all=$(sed 's/users:([^ ]*)//' <<< "$all"); fi
printf '%s\\n' "$all"\n`
    await writeFile(join(folder, 'ss'), ss, { mode: 0o755 })
    const id = `#!/bin/sh\nif [ "$*" = '-u life' ]; then set -- -u; fi\nPATH=${process.env.PATH} exec id "$@"\n`
    await writeFile(join(folder, 'id'), id, { mode: 0o755 })
    return `${folder}:${path}`
  }

  it('belongs to the process that holds it, and another to a stranger', async () => {
    const [{ pid, port }, other] = [await listens(''), await listens('')]
    const programs = await hiding()
    expect(await socketsOn(onPort(port), [other.pid, pid], programs, 'life')).toEqual([
      expect.objectContaining({ owner: 1, pid, port }),
    ])
    expect(await socketsOn(onPort(port), [other.pid], programs, 'life')).toEqual([
      expect.objectContaining({ owner: undefined, pid, port }),
    ])
  })

  it('cannot be attributed by another user (control)', async () => {
    const { pid, port } = await listens('')
    expect(await socketsOn(onPort(port), [pid], await hiding())).toEqual([
      expect.objectContaining({ owner: undefined, pid: undefined, port }),
    ])
  })
})

describe('F63 the list of listening sockets', () => {
  /** An `ss` whose first `times` outputs name a process that has ended. */
  async function changing(times: number) {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-ss-'))
    const line = 'LISTEN 0 5 127.0.0.1:4000 0.0.0.0:*'
    const text = `#!/bin/sh
echo >> ${folder}/asked
if [ "$(wc -l < ${folder}/asked)" -le ${times} ]; then echo '${line} users:(("x",pid=4194303,fd=3)) uid:0 ino:7 sk:1 <->'
else echo '${line} ino:7 sk:1 cgroup:/system.slice/shop.service <->'; fi\n`
    await writeFile(join(folder, 'ss'), text, { mode: 0o755 })
    return folder
  }

  it('F63 is read again when a process vanishes meanwhile', async () => {
    const socket = { owner: undefined, address: '127.0.0.1', port: 4000, user: 'root', unit: 'shop.service' }
    expect(await socketsOn('', [], await changing(2))).toEqual([expect.objectContaining(socket)])
  })

  it('F63 is never partial: an incomplete reading fails', async () => {
    await expect(socketsOn('', [], await changing(99))).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('changed during each'),
    })
  })

  it('F63 fails when ss fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-ss-'))
    await writeFile(join(folder, 'ss'), '#!/bin/sh\nexit 255\n', { mode: 0o755 })
    await expect(socketsOn('', [], folder)).rejects.toMatchObject({ code: 1, stdout: '' })
  })
})
