import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { receive } from '../../../host/exec/transfer.ts'
import { receiveFolder } from '../../../host/files/put-folder.ts'
import type { Script } from '../../../host/script.ts'
import { makeCookie } from '../../../plugins/runtime/beam/commands.ts'
import { takeImage } from '../../../swarm/image.ts'
import { giveInput } from '../../support/input.ts'
import { samples } from '../../support/scripts.ts'

let folder: string
let bin: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cleanup-'))
  bin = await mkdtemp(join(tmpdir(), 'cleanup-bin-'))
  // An `rm` that says when it begins, and goes on when it is told to.
  const slow = `#!/bin/bash
: > ${bin}/begun
until [ -e ${bin}/go ]; do sleep 0.02; done
exec /bin/rm "$@"
`
  await writeFile(join(bin, 'rm'), slow, { mode: 0o755 })
})
afterEach(async () => {
  await Promise.all([folder, bin].map(path => rm(path, { recursive: true, force: true })))
})

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

it.each<[string, () => Script, { there?: string; left: readonly string[] }]>([
  [
    'a file that is received',
    () => receive({ path: join(folder, 'file'), mode: 0o644, size: 5, sha256: 'other' }, '0f0f'),
    { left: [] },
  ],
  ['a folder that is received', () => receiveFolder(join(folder, 'copy'), '.switchyard-0f0f'), { left: [] }],
  [
    'an image that a manager takes',
    () => takeImage(join(folder, 'image.tar.gz'), 'localhost/life:a', ''),
    { there: 'image.tar.gz', left: [] },
  ],
  ['the cookie of the Erlang VM', () => makeCookie, { left: ['.erlang.cookie'] }],
])('a signal during the cleanup of %s does not end it: nothing is left behind', async (_, script, { there, left }) => {
  if (there !== undefined) await writeFile(join(folder, there), 'no archive')
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: folder, TMPDIR: folder }
  const bash = spawn('bash', ['-euo', 'pipefail', '-c', script().text], { cwd: folder, env, detached: true })
  giveInput(bash, 'short')
  const ended = once(bash, 'close')
  await vi.waitUntil(() => exists(join(bin, 'begun')), { timeout: 20_000 })
  // The whole process group gets it, as when a run is interrupted.
  process.kill(-(bash.pid ?? 0), 'SIGTERM')
  await writeFile(join(bin, 'go'), '')
  await ended
  expect(await readdir(folder)).toEqual(left)
})

it('each script that cleans up when it ends ignores signals meanwhile', () => {
  const traps = Object.values(samples()).flatMap(({ text }) => [...text.matchAll(/^\s*trap (?!- )(.*) EXIT$/gm)])
  expect(traps.length).toBeGreaterThan(10)
  for (const [, action] of traps) expect(action).toMatch(/^'(?:\\'')?(?:code=\$\?; )?trap "" HUP INT TERM PIPE; /)
})
