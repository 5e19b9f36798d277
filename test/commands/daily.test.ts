/** The daily commands of docs/commands.md: they print what it shows, except for numbers. And each step as a command of its own. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { expectShown, shownOn, wordsOf } from '../support/documented.ts'

const HERE = 'test/commands/daily.test.ts'

let site: Site
beforeAll(async () => {
  site = await startSite({ tasks: 'export const { rpc } = tasks' })
  for (const args of [['setup'], ['deploy', '--promote']]) {
    const { code, stdout, stderr } = await site.task(...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  }
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const next = (...args: string[]) => site.taskWith({ LIFE_VERSION: '0.1.1' }, ...args)

describe('the daily commands of docs/commands.md', () => {
  it.each(['deploy', 'migrate --slot green', 'promote green', "rpc 'IO.puts(Life.version())'"])(
    'npx task %s prints what the page shows',
    async command => {
      const { code, stdout, stderr } = await next(...wordsOf(command))
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expectShown('commands.md', HERE, command, stdout)
    },
  )

  it('npx task console --slot green prints what the page shows', async () => {
    const command = 'console --slot green'
    const block = shownOn('commands.md').find(shown => shown.command === command)
    const [typed = '', answer = ''] = block?.output.split('\n') ?? []
    const [, prompt = '', line = ''] = /^(iex\(.+\)1> )(.*)$/.exec(typed) ?? []
    const console = site.inTerminal({}, 'console', '--slot', 'green')
    await console.says(new RegExp(prompt.replace(/[()]/g, '\\$&')))
    console.type(`${line}\n`)
    await console.says(new RegExp(`^(?:\\x1b\\[[0-9;]*m)*${answer}`, 'm'))
    console.type('\x03')
    await console.says(/\(a\)bort/)
    console.type('a\n')
    await console.ended
  })
})

it('a terminal shows what the health check sees while the application starts', async () => {
  const deploying = site.inTerminal({}, 'deploy')
  await deploying.says(/\/health of blue: connection refused \(try \d+, after \d+\.\d s\)/)
  expect((await deploying.ended).code).toBe(0)
})

describe('a step as a command of its own', () => {
  it.each([
    ['build', 'Build the release  0.1.1'],
    ['upload', '0.1.1-'],
    ['detect-live', 'Find out which slot is live  green'],
    ['stop-idle', 'blue ended'],
    ['start-idle', 'in blue'],
    ['check-idle', '0.1.1, process'],
  ])('task %s succeeds and leaves the traffic alone', async (step, text) => {
    const { code, stdout, stderr } = await next(step)
    expect(stdout, stderr).toContain(text)
    expect(code).toBe(0)
    expect(await site.live()).toBe('green')
  })
})

it('an application whose health path shows no version is refused, and deployed with `version: false`', async () => {
  const path = join(site.folder, 'Taskfile.ts')
  const text = await readFile(path, 'utf8')
  const withHealth = (health: string) => writeFile(path, text.replace('  slots: {', `  health: ${health},\n  slots: {`))
  await withHealth("{ path: '/' }")
  const refused = await next('check-idle')
  expect(refused.stderr).toContain('but the application there reports no version. [SLOT_OTHER_VERSION]')
  expect(refused.stderr).toContain('set `health: { version: false }`')
  expect(refused.code).toBe(3)
  await withHealth("{ path: '/', version: false }")
  for (const args of [['check-idle'], ['promote', 'blue']]) {
    const { code, stdout, stderr } = await next(...args)
    expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  }
  expect(await site.live()).toBe('blue')
})
