/** Prepares releases on this machine, with the real scripts of an upload and of a preparation. */
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { type Command, oneCommand } from '../../../plugins/runtime/service/command.ts'
import { type Layout, layout } from '../../../slots/layout.ts'
import { changedFiles, parseChanged } from '../../../slots/preflight/changed.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { contentsOf } from '../../../slots/upload/contents.ts'
import { prepareRelease } from '../../../slots/upload/prepare.ts'
import { uploadOf } from '../../../slots/upload/upload.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const exec = promisify(execFile)
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })

let root: string
let folders: Layout
let host: Host
let interruption: AbortController
let output: string[]
let ids = 0

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'switchyard-prepare-'))
  folders = layout(join(root, 'app'), ['storage'])
  await mkdir(folders.releases, { recursive: true })
  await mkdir(folders.slot('blue').dir, { recursive: true })
  await mkdir(join(root, 'source'))
  await writeFile(join(root, 'source/package.json'), '{}')
  await exec('tar', ['-czf', join(root, 'a.tar.gz'), '-C', join(root, 'source'), '.'])
  interruption = new AbortController()
  host = await local().open({ signal: interruption.signal, confirm: async () => false })
  output = []
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  await exec('chmod', ['-R', 'u+w', root])
  await rm(root, { recursive: true, force: true })
})

/** An upload of the artifact, and its preparation. */
async function release(command: Command | undefined, { limit = 60, environment = 'A="1"\n' } = {}) {
  const path = join(root, 'a.tar.gz')
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  const artifact = { path, version: '1.0', sha256 }
  const prepare = command === undefined ? undefined : { command: oneCommand(command), limit }
  const deploy = { id: `d${ids++}`, by: 'me' } as never
  const log = (line: string) => void (/ of \d+ B$/.test(line) || output.push(line))
  const deps = { host, layout: folders, deploy, dryRun: false, log }
  const source = uploadOf({ ...deps, ...(prepare && { runtime: { prepare } }) }, artifact, contentsOf(artifact))
  const fallback = { command: oneCommand('exit 9'), limit }
  return {
    ...source.release,
    send: () => source.send(log),
    prepare: () => prepareRelease(deps, source, prepare ?? fallback, environment),
  }
}
/** Whether a process runs; a zombie does not. */
const runs = async (pid: string) =>
  /^State:\s+[^Z]/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))
const entries = async () => (await readdir(folders.releases)).map(name => name.replace(/\.d\d+\./, '.id.'))
const text = (dir: string, name: string) => readFile(join(dir, name), 'utf8')

const INSTALL = 'mkdir -p node_modules/a; echo "$A in $PWD" > node_modules/a/index.js; echo added 1 package'

it('a preparation adds files to the release with the environment of the slot, and the release cannot be written afterwards', async () => {
  const { dir, send, prepare } = await release(INSTALL, { environment: 'A="it is $HOME"\n'.replace('$', '\\$') })
  await send()
  expect(await prepare()).toBe('')
  expect(output).toEqual(['added 1 package'])
  expect(await text(dir, 'node_modules/a/index.js')).toBe(`it is $HOME in ${dir}\n`)
  for (const path of ['.', 'node_modules/a', 'node_modules/a/index.js', 'package.json', '.prepared'])
    expect((await stat(join(dir, path))).mode & 0o222, path).toBe(0)
  expect(existsSync(join(dir, '.upload'))).toBe(false)
  expect(await entries()).toEqual([expect.stringMatching(/^1\.0-/)])
})

it('a prepared release is neither uploaded nor prepared again', async () => {
  const first = await release(INSTALL)
  await first.send()
  await first.prepare()
  const again = await release(INSTALL)
  expect(again.name).toBe(first.name)
  expect(await again.send()).toBe(false)
  expect(await again.prepare()).toBe('it was prepared before')
  expect(output).toEqual(['added 1 package'])
})

it('the same artifact with another preparation, or with none, is another release', async () => {
  const names = [await release('a'), await release('b'), await release(['a']), await release(undefined)]
  expect(new Set(names.map(({ name }) => name)).size).toBe(3)
  expect(names[0]?.name).toBe(names[2]?.name)
})

it('a preparation that fails leaves no release, and the next one begins with the files of the artifact, sent without the files again', async () => {
  const failing = await release('rm package.json; echo cannot > left; echo "no such package" >&2; exit 7')
  await failing.send()
  const fault = await faultOf(failing.prepare())
  expect(fault).toMatchObject({ code: 'PREPARE_FAILED', exitCode: 1, detail: 'no such package' })
  expect(fault.message).toContain('exit code 7')
  expect(await entries()).toEqual([expect.stringMatching(/^\.1\.0-\w+\.id\.unprepared$/)])
  const again = await release('rm package.json; echo cannot > left; echo "no such package" >&2; exit 7')
  expect(await again.send()).toBe(true)
  expect(await text(again.dir, 'package.json')).toBe('{}')
  expect(existsSync(join(again.dir, 'left'))).toBe(false)
  expect(await entries()).toEqual([again.name])
})

it('a preparation that hangs is ended at its limit, with what it started', async () => {
  const { send, prepare } = await release(`sleep 555.25 & echo $! > ${root}/pid; echo waiting; wait`, { limit: 1 })
  await send()
  expect(await faultOf(prepare())).toMatchObject({ code: 'PREPARE_TIMED_OUT', exitCode: 1, detail: 'waiting' })
  const pid = (await text(root, 'pid')).trim()
  await expect.poll(() => runs(pid)).toBe(false)
  expect(await entries()).toEqual([expect.stringMatching(/unprepared$/)])
})

it('an interrupted preparation is ended on the host, with what it started, and leaves no release', async () => {
  const { send, prepare } = await release(`sleep 555.75 & echo $! > ${root}/pid; wait`)
  await send()
  const ended = faultOf(prepare())
  await expect.poll(() => existsSync(join(root, 'pid')), { timeout: 20_000 }).toBe(true)
  await expect.poll(() => text(root, 'pid')).not.toBe('')
  const pid = (await text(root, 'pid')).trim()
  interruption.abort()
  expect(await ended).toMatchObject({ exitCode: 130 })
  await expect.poll(() => runs(pid), { timeout: 20_000 }).toBe(false)
  await expect.poll(entries).toEqual([expect.stringMatching(/unprepared$/)])
})

it('a preparation that was killed is repeated with the files of the artifact, which are uploaded again', async () => {
  const command = `if ! [ -e ${root}/once ]; then touch ${root}/once half; sleep 0.2; kill -KILL $(cut -d ' ' -f 4 /proc/$PPID/stat) 0; fi; ls`
  const killed = await release(command)
  await killed.send()
  await faultOf(killed.prepare())
  expect(existsSync(join(killed.dir, '.upload'))).toBe(true)
  const next = await release(command)
  expect(await next.send()).toBe(false)
  expect(await next.prepare()).toBe('')
  expect(output).toEqual([
    `${next.name} was not prepared to its end. Uploading it again.`,
    'package.json',
    'release.json',
    'storage',
  ])
  expect(await entries()).toEqual([next.name])
})

it('a preparation that still runs for a run that is gone is not started a second time', async () => {
  const { dir, send, prepare } = await release(INSTALL)
  await send()
  await chmod(dir, 0o755)
  await mkdir(join(dir, '.upload'))
  const holder = spawn('flock', [join(dir, '.upload/lock'), 'sleep', '60'], { stdio: 'ignore', detached: true })
  const held = () =>
    exec('flock', ['-n', join(dir, '.upload/lock'), 'true']).then(
      () => false,
      () => true,
    )
  await expect.poll(held).toBe(true)
  expect(await faultOf(prepare())).toMatchObject({ code: 'PREPARE_RUNNING', exitCode: 3 })
  process.kill(-(holder.pid ?? expect.fail('no holder')), 'SIGKILL')
  expect(await entries()).toEqual([expect.stringMatching(/^1\.0-/)])
})

it('a release that a slot has is never prepared', async () => {
  const { dir, send, prepare } = await release(INSTALL)
  await send()
  await symlink(dir, folders.slot('blue').current)
  expect(await faultOf(prepare())).toMatchObject({ code: 'PREPARE_IN_USE', exitCode: 3 })
  expect(await readdir(dir)).not.toContain('node_modules')
})

it('a release that was uploaded without a preparation needs none', async () => {
  const { send, prepare } = await release(undefined)
  await send()
  expect(await prepare()).toBe('it needs no preparation')
})

it('the comparison of a release with its manifest knows the files of its preparation, and reports those changed later', async () => {
  const { dir, send, prepare } = await release(`${INSTALL}; echo '{"locked":1}' > package.json; ln -s a node_modules/b`)
  await send()
  await prepare()
  await symlink(dir, folders.slot('blue').current)
  const changed = async () => parseChanged(await host.capture(changedFiles(folders, slots)))
  expect(await changed()).toEqual([])
  await exec('chmod', ['-R', 'u+w', dir])
  await writeFile(join(dir, 'node_modules/a/index.js'), 'other')
  await writeFile(join(dir, 'node_modules/new.js'), '')
  const name = dir.split('/').at(-1)
  expect(await changed()).toEqual([`${name}/node_modules/a/index.js`, `${name}/node_modules/new.js`])
})
