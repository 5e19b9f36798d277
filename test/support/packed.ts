/** The package as a team gets it: packed, and installed in a folder. */

import { execFile } from 'node:child_process'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HOME } from '../../dev/paths.ts'

const run = promisify(execFile)

/** Next to the package is the vitest of this repository, as that of a plugin's author. */
export async function installPacked(folder: string): Promise<void> {
  const env = { ...process.env, CI: '1', npm_config_loglevel: 'error' }
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [{ filename }] = JSON.parse((await run('npm', pack, { cwd: HOME, env })).stdout)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'team', private: true, type: 'module' }))
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, filename)]
  await run('npm', install, { cwd: folder, env })
  await symlink(join(HOME, 'node_modules/vitest'), join(folder, 'node_modules/vitest'))
}

/** Runs tests in the folder as its author does. */
export async function authorsTests(
  folder: string,
  file: string,
  variables: NodeJS.ProcessEnv = {},
): Promise<{ readonly passed: number; readonly failed: readonly string[] }> {
  const args = [join(HOME, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder, '--reporter=json', file]
  const env = { ...process.env, CI: '1', ...variables }
  const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 }
  const { stdout, stderr } = await run(process.execPath, args, options).catch(failed => failed)
  if (!stdout.trim().startsWith('{')) throw new Error(`the tests did not run:\n${stdout}${stderr}`)
  const { numPassedTests, testResults } = JSON.parse(stdout) as Results
  const failed = testResults.flatMap(({ assertionResults, message }) => [
    ...(assertionResults.length === 0 && message ? [message] : []),
    ...assertionResults.flatMap(({ status, fullName, failureMessages }) =>
      status === 'failed' ? [`${fullName}: ${failureMessages.join('\n')}`] : [],
    ),
  ])
  return { passed: numPassedTests, failed }
}

interface Results {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}
