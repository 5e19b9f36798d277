import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { holderWords, onPort, parseSockets, type Socket, whose } from '../../../slots/lifecycle/sockets.ts'

const exec = promisify(execFile)

/** A program that prints the port on which it listens; `words` come before it. */
async function listens(code: string, ...words: string[]): Promise<{ pid: number; port: number }> {
  const server = `${code}; require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const [program = '', ...rest] = [...words, process.execPath, '-e', server]
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void process.kill(-(child.pid ?? 0), 'SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  return { pid: child.pid ?? 0, port: Number(said) }
}

/** What a shell says, with these programs before all others. */
async function asked(filter: string, pids: readonly (number | '')[], programs?: string): Promise<readonly Socket[]> {
  const script = `set -eu -o pipefail\n${whose.text}\nwhose "$@"`
  const env = { ...process.env, ...(programs && { PATH: `${programs}:${process.env.PATH}` }) }
  const { stdout } = await exec('bash', ['-c', script, 'whose', filter, ...pids.map(String)], { env })
  return parseSockets(stdout.split('\n'))
}

describe('a socket that listens', () => {
  it("is the process's that has it, by its position, and a stranger's for everybody else", async () => {
    const [{ pid, port }, other] = [await listens(''), await listens('')]
    const own = { address: '127.0.0.1', port }
    expect(await asked(onPort(port), [other.pid, pid])).toEqual([expect.objectContaining({ ...own, owner: 1 })])
    for (const others of [[other.pid], [''], []] as const) {
      const [stranger, ...more] = await asked(onPort(port), others)
      expect(more).toEqual([])
      expect(stranger).toMatchObject({ ...own, owner: undefined, pid })
      expect(stranger && holderWords(stranger)).toMatch(
        new RegExp(`^\\S.*, process ${pid}, .*run by \\S+ on 127\\.0\\.0\\.1$`),
      )
    }
    expect(await asked('', [pid])).toContainEqual(expect.objectContaining({ ...own, owner: 0 }))
  })

  it("is the process's whose child's child has it", async () => {
    const { pid, port } = await listens('', 'sh', '-c', '"$@"; :', 'sh', 'sh', '-c', '"$@"; :', 'sh')
    expect(await asked(onPort(port), [pid])).toEqual([expect.objectContaining({ owner: 0 })])
  })

  it('is not had by whom its holder names in its own name', async () => {
    const { pid, port } = await listens(`process.title = '",pid=1,fd=3)'`)
    expect(await asked(onPort(port), [1])).toEqual([expect.objectContaining({ owner: undefined, pid })])
  })

  it('of nobody is none', async () => {
    expect(await asked(onPort(1), [process.pid])).toEqual([])
  })
})

describe('F63 the sockets that listen', () => {
  /** An `ss` that names a process that is gone, the first so many times. */
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

  it('F63 are read again when a process vanishes meanwhile', async () => {
    const socket = { owner: undefined, address: '127.0.0.1', port: 4000, user: 'root', unit: 'shop.service' }
    expect(await asked('', [], await changing(2))).toEqual([expect.objectContaining(socket)])
  })

  it('F63 are never told in part: a reading that cannot be completed fails', async () => {
    await expect(asked('', [], await changing(99))).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('changed each time'),
    })
  })

  it('F63 fail as well when they cannot be read at all', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-ss-'))
    await writeFile(join(folder, 'ss'), '#!/bin/sh\nexit 255\n', { mode: 0o755 })
    await expect(asked('', [], folder)).rejects.toMatchObject({ code: 1, stdout: '' })
  })
})
