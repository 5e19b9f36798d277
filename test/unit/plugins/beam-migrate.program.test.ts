/** Runs the migration script of a BEAM release with a fake program: it succeeds only if the expression ran to its end. */
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import { evaluate } from '../../../plugins/runtime/beam/commands.ts'
import { CUT_SHORT, TIMED_OUT } from '../../../plugins/runtime/scripts.ts'
import { type Layout, layout } from '../../../slots/layout.ts'

let folders: Layout
const slot = { name: 'blue', port: 4000, env: {} }

beforeEach(async () => {
  folders = layout(join(await mkdtemp(join(tmpdir(), 'switchyard-migrate-')), 'app'))
  await mkdir(folders.slot('blue').tmp, { recursive: true })
  await mkdir(join(folders.release('1'), 'bin'), { recursive: true })
  await writeFile(folders.slot('blue').env, 'A="1"\n')
})

async function migrate(program: string, limit = 60): Promise<number> {
  const dir = folders.release('1')
  await writeFile(join(dir, 'bin', 'life'), `#!/bin/bash\n${program}\n`, { mode: 0o755 })
  await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
  const release = { name: '1', version: '1', sha256: '', dir }
  const script = evaluate({ layout: folders, release, slot, name: 'life', expression: 'migrate() # all', limit })
  const { code } = await host.run(script)
  expect(await readdir(folders.slot('blue').tmp)).toEqual([])
  return code
}

const writeDone = 'echo done > "$SWITCHYARD_MIGRATED"'

it.each([
  ['completes', writeDone, 0],
  ['is terminated and exits with 0', 'trap "exit 0" TERM; kill -TERM $$; sleep 9', CUT_SHORT],
  ['exits early', 'exit 0', CUT_SHORT],
  ['fails', 'exit 3', 3],
  ['completes and fails during shutdown', `${writeDone}; exit 4`, 4],
  ['is killed', 'kill -KILL $$', 137],
])('a BEAM migration that %s has the right exit code', async (_, program, code) => {
  expect(await migrate(program)).toBe(code)
})

it.each([
  ['exits with 0 on SIGTERM', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
  ['fails on SIGTERM', 'exec sleep 60'],
])('a BEAM migration that hangs and %s is ended at its limit and fails', async (_, program) => {
  expect(await migrate(program, 1)).toBe(TIMED_OUT)
})

it('the marker of a completed BEAM migration is on its own line, even after a comment in the expression', async () => {
  expect(await migrate(`[ "$1" = eval ] && [ "\${2%%$'\\n'*}" = 'migrate() # all' ] && ${writeDone}`)).toBe(0)
})
