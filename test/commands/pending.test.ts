/** `task pending`, what a deploy says about the live release, and the copies of a Taskfile's own tasks, from the built program to a real host. */

import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { exits } from '../support/ended.ts'

const exec = promisify(execFile)
const TASKS = `
export const { pending } = tasks
export const copies = task('Copy both ways', {
  async run({ host, layout, note }) {
    await host.putFolder('up', layout.root + '/up')
    const { files, bytes } = await host.getFolder(layout.root + '/up', 'down')
    await host.get(layout.root + '/up/large', 'one')
    note(files + ' files, ' + bytes + ' bytes')
  },
})
`
/** Records the names of the modules that Node imports. */
const RECORDER = `
import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
  import { appendFileSync } from 'node:fs'
  export async function resolve(name, context, next) {
    appendFileSync(process.env.RECORD, name + '\\\\n')
    return next(name, context)
  }\`))
`
let site: Site

const run = (code: number, ...args: string[]) => exits(code, site.task(...args))
const git = async (...args: string[]) => {
  const user = ['-c', 'user.name=Ada', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']
  return (await exec('git', [...user, ...args], { cwd: site.folder })).stdout.trim()
}
const commit = async (subject: string) => {
  await git('commit', '-q', '--allow-empty', '-m', subject)
  return git('rev-parse', 'HEAD')
}
const dataOf = (output: string) =>
  output
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
    .find(event => event.data?.relation)?.data

beforeAll(async () => {
  site = await startSite({ tasks: TASKS })
  await git('init', '-q', '-b', 'main')
  await commit('first')
  await run(0, 'setup')
})
afterAll(() => site?.[Symbol.asyncDispose]())

describe('task pending', () => {
  it('says that everything is new before the first promote, and nothing right after it', async () => {
    expect(await run(0, 'pending')).toContain('No slot is live yet: every commit is new.')
    expect(await run(0, 'deploy', '--promote')).not.toMatch(/since the live release/)
    expect(await run(0, 'pending')).toMatch(/Nothing is new: the live release 0\.1\.0-\w{7} in blue/)
  })

  it('lists the new commits, which the next deploy counts', async () => {
    const [second, third] = [await commit('second'), await commit('third')]
    const text = await run(0, 'pending')
    expect(text).toMatch(/2 commits are new since the live release 0\.1\.0-\w{7} in blue/)
    expect(text).toMatch(new RegExp(`${third.slice(0, 10)} +\\S+ \\S+ +Ada +third\n${second.slice(0, 10)}`))
    expect(dataOf(await run(0, 'pending', '--json'))).toMatchObject({
      relation: 'ahead',
      revision: third,
      commits: [{ subject: 'third' }, { subject: 'second' }],
      missing: [],
    })
    expect(await run(0, 'pending', '--ref', 'HEAD~1', '--dry-run')).toContain('1 commit is new')
    expect(await run(0, 'deploy')).toMatch(/npx task promote green; 2 commits since the live release/)
  })

  it('says which commits only the live release has', async () => {
    await run(0, 'promote', 'green')
    await git('reset', '-q', '--hard', 'HEAD~1')
    expect(await run(0, 'pending')).toMatch(/in green .* has 1 commit that \w{10} lacks; a deploy would take it away/)
    expect(await run(0, 'deploy')).toMatch(/the live release has 1 commit more/)
  })

  it('fails when the commit of the live release is not here, and refuses an unknown --ref without a host', async () => {
    await rm(join(site.folder, '.git'), { recursive: true })
    expect(await run(2, 'pending')).toContain('not a git repository')
    await git('init', '-q', '-b', 'main')
    await commit('another history')
    expect(await run(1, 'pending')).toMatch(/does not have the commit \w{10} of the live release[\s\S]*git fetch/)
    expect((await site.taskWith({ SSH_CONFIG: '/dev/null' }, 'pending', '--ref', 'none')).code).toBe(2)
  })
})

it('only a command that copies loads ssh2-sftp-client: a deploy does not', async () => {
  const recorder = join(site.folder, 'recorder.mjs')
  await writeFile(recorder, RECORDER)
  await mkdir(join(site.folder, 'up'))
  const loaded = async (command: string) => {
    const record = join(site.folder, `loaded-by-${command}`)
    const ended = await site.taskWith({ NODE_OPTIONS: `--import ${recorder}`, RECORD: record }, command)
    expect(ended, `${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
    const names = (await readFile(record, 'utf8')).split('\n')
    return ['ssh2', 'ssh2-sftp-client'].filter(name => names.includes(name))
  }
  expect(await loaded('deploy')).toEqual(['ssh2'])
  await writeFile(join(site.folder, 'up', 'large'), '')
  expect(await loaded('copies')).toEqual(['ssh2', 'ssh2-sftp-client'])
  await rm(join(site.folder, 'up'), { recursive: true })
  await rm(join(site.folder, 'down'), { recursive: true })
  await site.host.exec('rm -r /srv/life/up')
})

it('a task of the Taskfile copies folders and files both ways, and a dry run prints that', async () => {
  await mkdir(join(site.folder, 'up'))
  await writeFile(join(site.folder, 'up', 'a b'), 'text\n')
  await writeFile(join(site.folder, 'up', 'large'), Buffer.alloc(3_000_000, 'x'))
  const dry = await run(0, 'copies', '--dry-run')
  expect(dry).toMatch(/putFolder up \/srv\/life\/up \(2 files, 3000005 bytes\)/)
  expect(dry).toMatch(/getFolder \/srv\/life\/up down/)
  expect((await site.host.exec('ls -A /srv/life | grep -c up || true')).stdout).toBe('0\n')
  const output = await run(0, 'copies', '--verbose')
  expect(output).toContain('2 files, 3000005 bytes')
  expect(output).toContain('3.0 MB of 3.0 MB')
  expect(await readFile(join(site.folder, 'down', 'a b'), 'utf8')).toBe('text\n')
  expect((await readFile(join(site.folder, 'one'))).length).toBe(3_000_000)
  expect((await site.host.exec('stat -c %U /srv/life/up; ls -A /srv/life/up')).stdout).toBe('vagrant\na b\nlarge\n')
})
