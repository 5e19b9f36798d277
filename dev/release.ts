/** `npm run release`: publishes the tagged commit with provenance, if nothing speaks against it. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { HOME } from './paths.ts'
import { type ReleaseState, releaseProblems } from './release-problems.ts'

const read = (name: string) => readFileSync(`${HOME}/${name}`, 'utf8')
const git = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: HOME, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}
/** Ends this process with the exit code of a command that fails. */
const npm = (...args: string[]) => {
  const { status } = spawnSync('npm', args, { cwd: HOME, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const state: ReleaseState = {
  manifest: JSON.parse(read('package.json')),
  changelog: read('CHANGELOG.md'),
  tags: git('tag', '--points-at', 'HEAD').split('\n'),
  changes: git('status', '--porcelain'),
  environment: process.env,
}
const problems = releaseProblems(state)
if (problems.length > 0) {
  console.error(`Not published:\n${problems.map(problem => `- ${problem}\n`).join('')}`.trimEnd())
  process.exit(2)
}
npm('run', 'check')
npm('publish', '--provenance', '--access', 'public')
