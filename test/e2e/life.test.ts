/** The sample application's own tests, in the image that builds it, which has Elixir but not Hex. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ensureBaseImage, proxyArguments } from '../../dev/engine.ts'

const run = promisify(execFile)
const life = fileURLToPath(new URL('../../examples/life', import.meta.url))

it('the tests of examples/life pass, and its code is formatted', async () => {
  await ensureBaseImage()
  const image = (await run('docker', ['build', '--quiet', ...proxyArguments(), life])).stdout.trim()
  const options = ['--rm', '--env', 'MIX_ENV=test', '--network', 'none']
  const mounts = ['test', '.formatter.exs'].flatMap(name => ['--volume', `${life}/${name}:/app/${name}:ro`])
  const command = 'mix format --check-formatted && mix test'
  const { stdout } = await run('docker', ['run', ...options, ...mounts, image, 'sh', '-c', command])
  expect(stdout).toMatch(/^[1-9]\d* tests, 0 failures$/m)
}, 300_000)
