/** Runs the migration script of a service: it succeeds only if its command line ran to its end. */
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import { CUT_SHORT, migration, TIMED_OUT } from '../../../plugins/runtime/scripts.ts'
import { type Command, migrateScript } from '../../../plugins/runtime/service/command.ts'
import { type Layout, layout } from '../../../slots/layout.ts'

let folders: Layout
const slot = { name: 'blue', port: 4000, env: {} }

beforeEach(async () => {
  folders = layout(join(await mkdtemp(join(tmpdir(), 'switchyard-migrate-')), 'app'))
  await mkdir(folders.slot('blue').tmp, { recursive: true })
  await mkdir(folders.release('1'), { recursive: true })
  await writeFile(join(folders.release('1'), 'here'), '')
  await writeFile(folders.slot('blue').env, 'NAME="it is $HOME"\n'.replace('$', '\\$'))
})

async function migrate(command: Command, limit = 60): Promise<{ code: number; stdout: string }> {
  await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
  const release = { name: '1', version: '1', sha256: '', dir: folders.release('1') }
  const outcome = await host.run(migration({ layout: folders, release, slot, limit, command: migrateScript(command) }))
  expect(await readdir(folders.slot('blue').tmp)).toEqual([])
  return outcome
}

it.each<[string, Command, number]>([
  ['a command line that completes', 'true', 0],
  ['a list of arguments, which no shell expands', ['test', '$NAME', '=', '$NAME'], 0],
  ['a command line that ends with a comment', 'true # all of it', 0],
  ['a command line that exits early', 'exit 0', CUT_SHORT],
  ['a program that fails', 'sh -c "exit 3"', 3],
  ['a failed program before a successful one', 'sh -c "exit 4"; true', 4],
  ['a pipe whose first part fails', 'sh -c "exit 5" | cat', 5],
  ['a program that is killed', `sh -c 'kill -KILL $$'`, 137],
  // A reboot, a logout or `kill` of the whole group does this: the program itself exits with 0.
  ['a program that is terminated together with its shell', `sh -c 'trap "exit 0" TERM; kill -TERM 0; sleep 9'`, 143],
])('a service migration has the right exit code for %s', async (_, command, code) => {
  expect((await migrate(command)).code).toBe(code)
})

it('a service migration that hangs is ended at its limit and fails', async () => {
  expect((await migrate('trap "exit 0" TERM; while :; do sleep 0.1; done', 1)).code).toBe(TIMED_OUT)
})

it('a service migration runs in the folder of its release, with the environment of the slot', async () => {
  expect(await migrate('ls; echo "$NAME"')).toMatchObject({ code: 0, stdout: 'here\nit is $HOME\n' })
})
