import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { promisify } from 'node:util'
import { local } from '../../host/local.ts'
import { hostContract } from './host.ts'

const run = promisify(execFile)

hostContract('this machine', async () => ({
  transport: local(),
  driver: ['local'],
  beside: async command => (await run('bash', ['--norc', '-c', command], { cwd: homedir() })).stdout,
  async [Symbol.asyncDispose]() {},
}))
