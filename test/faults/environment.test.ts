/** Faults of the environment file: the application gets exactly its values, or the deploy is refused. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { TASK } from '../../dev/paths.ts'
import type { Ended, Site } from '../../dev/site.ts'
import { deployNext, dotenv, faultSite, next, underFault } from '../support/invariant.ts'

let site: Site
let file: string
beforeAll(async () => {
  site = await faultSite({
    tasks: `
import { arg } from 'switchyard-deploy'
export const digests = task('Print the digests of variables as the application sees them', {
  args: { slot, names: arg.text('their names, with commas') },
  async run({ host, runtime, slot, names, show }) {
    show(await host.query(runtime.rpc(slot, \`for n <- String.split("\${names}", ","), do: Life.Release.env_digest(n)\`)))
  },
})`,
  })
  file = join(site.folder, '.env')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})
afterEach(async () => {
  await rm(file, { recursive: true, force: true })
  await dotenv(site)
})

const logins = async () => (await site.host.exec("journalctl -u ssh --no-pager | grep -c 'Accepted publickey'")).stdout

/** Deploys without the capabilities with which root can read any file. */
async function deployWithoutPrivilege(): Promise<Ended> {
  if (process.getuid?.() !== 0) return deployNext(site)
  const environment = { ...process.env, CI: '1', SSH_CONFIG: site.host.sshConfigFile, ...(await next()) }
  const args = ['--bounding-set=-dac_override,-dac_read_search', process.execPath, TASK, 'deploy']
  return new Promise(resolve => {
    const child = execFile('setpriv', args, { cwd: site.folder, env: environment }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

describe('F20 an unusable environment file', () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['missing', () => rm(file), /The environment file .*\.env cannot be read: it does not exist/],
    ['unreadable', () => chmod(file, 0), /The environment file .*\.env cannot be read: permission denied/],
    ['a folder', () => rm(file).then(() => mkdir(file)), /The environment file .*\.env cannot be read: it is a folder/],
    [
      'with spaces around the =',
      () => dotenv(site, 'OTHER=1\nSPACED = Pl4nted\n'),
      /\.env, line 3: .*\[ENV_LINE_INVALID\]/,
    ],
    [
      'with a quote that never ends',
      () => dotenv(site, 'OPEN="Pl4nted\n'),
      /\.env, line 2: the quote " is never closed/,
    ],
    ['with a name twice', () => dotenv(site, 'A=1\nA=Pl4nted\n'), /\.env, line 3: A is already defined on line \d/],
  ])(
    'F20 .env %s is refused with the file and the line but not the value, and no host is contacted',
    async (_, spoil, cause) => {
      const before = await logins()
      await spoil()
      await underFault(site, deployWithoutPrivilege, {
        exit: 2,
        cause,
        next: /next: ./,
        heal: async () => {
          expect(await logins()).toBe(before)
          await rm(file, { recursive: true, force: true })
          await dotenv(site)
        },
      })
    },
  )
})

it('F21 values with $ # & quotes, line breaks and unicode reach the application byte for byte', async () => {
  const values: Record<string, string> = {
    DOLLAR: 'a$HOME$PATH$(touch /tmp/owned)`touch /tmp/owned`',
    HASH: 'a # b #c',
    AMPERSAND: 'x&y|z;<w> *?[a]~',
    SINGLE: "it's",
    DOUBLE: 'say "yes" \\ and \\n stay',
    LINES: 'one\ntwo\n\n  three',
    UNICODE: 'ü ☃ 🎉 \u00a0 日本',
    SPACES: '  around  ',
    EMPTY: '',
  }
  const quoted = (value: string) => (value.includes("'") ? `"${value}"` : `'${value}'`)
  const lines = Object.entries(values).map(([name, value]) => `${name}=${quoted(value)}\n`)
  await writeFile(file, lines.join(''))
  await underFault(site, () => deployNext(site), { exit: 0, noDeploy: true })
  const { stdout, stderr } = await site.task('digests', 'green', Object.keys(values).join(','))
  const seen = stdout.match(/^[0-9a-f]{64}$/gm) ?? []
  for (const [at, [name, value]] of Object.entries(values).entries())
    expect.soft(seen[at], name + stderr).toBe(createHash('sha256').update(value).digest('hex'))
  expect((await site.host.exec('ls /tmp/owned')).code).not.toBe(0)
})
