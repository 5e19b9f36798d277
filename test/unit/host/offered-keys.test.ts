import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ssh } from '../../../host/ssh/transport.ts'

const run = promisify(execFile)

it('a login tells the public keys that it offers: those of the agent first, then those in files, each once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'))
  const at = (name: string) => join(folder, name)
  const { stdout } = await run('ssh-agent', ['-a', at('agent'), '-s'])
  const pid = /SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1] ?? expect.fail(stdout)
  try {
    for (const name of ['held', 'other', 'file'])
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `${name}@desk`, '-f', at(name)])
    for (const name of ['other', 'held'])
      await run('ssh-add', ['-q', at(name)], { env: { ...process.env, SSH_AUTH_SOCK: at('agent') } })
    const config = (more: string) =>
      writeFile(
        at('config'),
        `Host web-1\n  IdentityFile ${at('held')}\n  IdentityFile ${at('file')}\n  IdentityAgent ${at('agent')}\n${more}`,
      )
    const lines = async (...names: string[]) =>
      Promise.all(names.map(async name => (await readFile(`${at(name)}.pub`, 'utf8')).trim()))
    const offered = () => ssh('deploy@web-1', { configFile: at('config') }).keys?.()
    await config('')
    expect(await offered()).toEqual(await lines('held', 'other', 'file'))
    await config('  IdentitiesOnly yes\n')
    expect(await offered()).toEqual(await lines('held', 'file'))
  } finally {
    process.kill(Number(pid))
    await rm(folder, { recursive: true })
  }
})
