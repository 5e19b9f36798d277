/** Runs scripts as the user of the application: with stand-ins for sudo and runuser, as the user who runs the test. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Script, sh } from '../../../host/script.ts'
import { CUT_SHORT, execScript, migration } from '../../../plugins/runtime/scripts.ts'
import { migrateScript } from '../../../plugins/runtime/service/command.ts'
import { asApplication } from '../../../slots/as-application.ts'
import { type Layout, layout } from '../../../slots/layout.ts'
import { sharedPaths } from '../../../slots/shared.ts'
import { linkShared } from '../../../slots/upload/receive.ts'
import { withStandIns } from '../../support/as-user.ts'
import { giveInput } from '../../support/input.ts'

let PATH: string
let folders: Layout
const slot = { name: 'blue', port: 4000, env: {} }
const release = () => ({ name: '1', version: '1', sha256: '', dir: folders.release('1') })

beforeAll(async () => {
  PATH = await withStandIns()
})
beforeEach(async () => {
  folders = layout(await mkdtemp(join(tmpdir(), 'switchyard-application-')), ['storage', 'priv/key'], 'life')
  await mkdir(folders.slot('blue').dir, { recursive: true })
  await mkdir(folders.release('1'), { recursive: true })
  await mkdir(folders.slot('blue').current, { recursive: true })
  await writeFile(folders.slot('blue').env, 'SECRET="it is \\$HOME"\n', { mode: 0o600 })
})

function start(script: Script, cwd = folders.root) {
  // In a process group of its own, which the script may end.
  const child = spawn('bash', ['-c', `set -eu -o pipefail\n${script.text}`], {
    cwd,
    env: { PATH, SHLVL: '2' },
    detached: true,
  })
  return child
}
async function run(script: Script, input = '', cwd = folders.root) {
  const child = start(script, cwd)
  giveInput(child, input)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

describe('a script as the user of the application', () => {
  it('has the input, the output and the exit code, and values that only the host knows', async () => {
    const script = sh.write`cat; echo "$path as $SEEN_AS"; echo no >&2; exit 7`
    const define = sh.read`printf 'path=%q\\n' "it's $((1 + 1))"`
    expect(await run(asApplication('life', script, define), 'in\n')).toEqual({
      code: 7,
      stdout: "in\nit's 2 as life\n",
      stderr: 'no\n',
    })
  })

  it('is in no argument, and has the environment of its user, without what sudo adds', async () => {
    const script = sh.write`SUDO_USER=deploy; tr '\\0' ' ' < /proc/$$/cmdline; echo; env`
    const { stdout } = await run(asApplication('life', script))
    expect(stdout.split('\n')[0]).toBe('/bin/bash --norc -euo pipefail -c eval "$SWITCHYARD_RUN" ')
    expect(stdout).toContain('\nHOME=/nonexistent\n')
    expect(stdout).toContain('\nUSER=life\n')
    expect(stdout).not.toContain('SWITCHYARD_RUN=')
    expect(stdout).not.toContain('SUDO_USER')
  })

  it('fails, and is not run, if the values cannot be read', async () => {
    const { code, stdout } = await run(asApplication('life', sh.write`echo run`, sh.read`cat /nonexistent`))
    expect([code, stdout]).toEqual([1, ''])
  })

  it('ends with what it has started when the shell that called it is gone, which cannot signal it', async () => {
    const child = start(asApplication('life', sh.write`sleep 300 & echo $! $$; wait`))
    const [printed] = await once(child.stdout, 'data')
    const pids = String(printed).trim().split(' ').map(Number)
    const alive = () => pids.filter(pid => running(pid))
    expect(alive()).toEqual(pids)
    child.kill('SIGKILL')
    await expect.poll(alive, { timeout: 60_000 }).toEqual([])
  })

  it('goes on while that shell waits (control)', async () => {
    expect(await run(asApplication('life', sh.write`sleep 2; echo end`))).toMatchObject({ code: 0, stdout: 'end\n' })
  })
})

function running(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('an application with a user of its own', () => {
  it('has its commands run as it, with the environment of the slot and in the release', async () => {
    const script = execScript({ layout: folders, slot, command: ['bash', '-c', 'echo "$SEEN_AS $SECRET"; pwd'] })
    expect(await run(script)).toMatchObject({ stdout: `life it is $HOME\n${folders.slot('blue').current}\n`, code: 0 })
  })

  it('migrates as it, and only to the end', async () => {
    const migrate = (line: string) =>
      migration({ layout: folders, release: release(), slot, limit: 60, command: migrateScript(line) })
    expect(await run(migrate('echo "$SEEN_AS $SECRET"'))).toMatchObject({ code: 0, stdout: 'life it is $HOME\n' })
    expect((await run(migrate('exit 0'))).code).toBe(CUT_SHORT)
    // Nothing was written where only the deploying user may write.
    expect(await readdir(folders.slot('blue').dir)).toEqual(['current', 'env'])
  })

  it('makes the shared paths itself, with what the release has', async () => {
    const { dir } = release()
    await mkdir(folders.shared.dir)
    await mkdir(join(dir, 'storage'))
    await writeFile(join(dir, 'storage/first'), '1')
    await mkdir(join(dir, 'priv'))
    await writeFile(join(dir, 'priv/key'), 'k')
    expect((await run(linkShared(folders), '', dir)).code).toBe(0)
    expect(await readlink(join(dir, 'storage'))).toBe(join(folders.shared.dir, 'storage'))
    expect(await readFile(join(dir, 'storage/first'), 'utf8')).toBe('1')
    expect(await readFile(join(dir, 'priv/key'), 'utf8')).toBe('k')
    expect(await readdir(folders.shared.dir)).toEqual(['priv', 'storage'])
    expect(await readdir(join(folders.shared.dir, 'priv'))).toEqual(['key'])
  })

  it('gets an empty folder for a shared path that the release does not have', async () => {
    const { dir } = release()
    await mkdir(folders.shared.dir)
    expect((await run(linkShared(folders), '', dir)).code).toBe(0)
    expect((await stat(join(dir, 'priv/key'))).isDirectory()).toBe(true)
  })

  it('gets an empty file of its own where the Taskfile says so', async () => {
    const shared = layout(folders.root, sharedPaths([{ file: 'priv/.key' }]), 'life')
    await mkdir(folders.shared.dir)
    expect(await run(linkShared(shared), '', release().dir)).toMatchObject({ code: 0, stderr: '' })
    const { size, mode } = await stat(join(release().dir, 'priv/.key'))
    expect([size, mode & 0o777]).toEqual([0, 0o600])
  })
})
