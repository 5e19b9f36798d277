import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ProcessPromise } from 'zx/core'
import { dryHost } from '../../../host/dry-run.ts'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { sh } from '../../../host/script.ts'

let folder: string
let bare: Host
let host: Host
let printed: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-dry-'))
  bare = await local().open({ signal: new AbortController().signal, confirm: async () => false })
  printed = []
  host = dryHost(bare, line => printed.push(line))
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})
const untouched = async () => expect(await readdir(folder)).toEqual([])

test('a dry run executes reads and prints nothing for them', async () => {
  expect(await host.capture(sh.read`echo asked`)).toBe('asked')
  expect(await host.run(sh.read`echo out; exit 3`)).toEqual({ code: 3, stdout: 'out\n', stderr: '' })
  expect(await host.$readonly`echo ${'a b'}`.text()).toBe('a b\n')
  await using held = await host.spawn(sh.read`echo held`)
  const lines: string[] = []
  for await (const line of held.lines) lines.push(line)
  expect(lines).toEqual(['held'])
  expect(printed).toEqual([])
})

test('a dry run prints a writing script, which succeeds without output', async () => {
  const script = sh.write`touch ${`${folder}/a`}
touch ${`${folder}/b c`}`
  expect(await host.run(script)).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await host.capture(script, { input: 'secret' })).toBe('')
  const text = [`this machine$ touch ${folder}/a`, `  touch '${folder}/b c'`]
  expect(printed).toEqual([...text, ...text, '  (with 6 bytes as its input)'])
  await untouched()
})

test('a dry run prints a command of $ with its options, and returns a real ProcessPromise that succeeds', async () => {
  const promise = host.$({ cwd: folder, env: { A: 'b c' } })`touch ${'a b'}`
  expect(promise).toBeInstanceOf(ProcessPromise)
  const output = await promise
  expect([output.exitCode, output.stdout]).toEqual([0, ''])
  expect(await host.$`cat`.pipe(host.$`sort`).lines()).toEqual([])
  expect(printed).toEqual([
    `this machine$ export A='b c'`,
    `  cd -- ${folder}`,
    `  touch 'a b'`,
    'this machine$ cat',
    'this machine$ sort',
  ])
  await untouched()
})

test('a dry run prints files with mode and size, and the lines of a text', async () => {
  await host.write(join(folder, 'env'), 'A=1\nB=2\n', 0o600)
  const source = join(tmpdir(), `switchyard-dry-source-${process.pid}`)
  await writeFile(source, 'x'.repeat(10))
  await host.put(source, join(folder, 'file'), { mode: 0o755 })
  await rm(source)
  await host.put(source, join(folder, 'file'))
  expect(printed).toEqual([
    `this machine$ write ${folder}/env (mode 600, 8 bytes)`,
    '  A=1',
    '  B=2',
    `this machine$ put ${source} ${folder}/file (mode 755, 10 bytes)`,
    `this machine$ put ${source} ${folder}/file (mode 644, not built yet)`,
  ])
  await untouched()
})

test('a dry run prints a console command and does not open the console', async () => {
  expect(await host.attach('bin/app remote')).toBe(0)
  expect(printed).toEqual(['this machine$ bin/app remote (with this terminal)'])
})

test('a dry run prints a spawned script, which has no output and ends when disposed', async () => {
  const held = await host.spawn(sh.write`flock ${`${folder}/lock`} cat`)
  held.send('a line')
  const lines: string[] = []
  for await (const line of held.lines) lines.push(line)
  await held[Symbol.asyncDispose]()
  expect([lines, await held.ended]).toEqual([[], 0])
  expect(printed).toEqual([`this machine$ flock ${folder}/lock cat`])
  await untouched()
})
