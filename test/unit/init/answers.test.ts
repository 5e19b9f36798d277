import { describe, expect, it } from 'vitest'
import { answersFor, appName, type Flags, madeUp } from '../../../init/answers.ts'
import type { Folder } from '../../../init/folder.ts'
import type { Stack } from '../../../init/stack.ts'
import { node } from '../../../init/stacks/node.ts'
import { other } from '../../../init/stacks/other.ts'
import { php } from '../../../init/stacks/php.ts'
import { staticSite } from '../../../init/stacks/static.ts'

const folder = (files: Readonly<Record<string, string>>): Folder => ({
  name: 'My Folder',
  has: path => Object.hasOwn(files, path),
  text: path => files[path] ?? '',
  list: () => [],
})
const NONE: Flags = {
  app: undefined,
  host: undefined,
  site: undefined,
  ports: undefined,
  router: undefined,
  yes: false,
}
const asking = (...answers: readonly (string | undefined)[]) => {
  const asked: string[] = []
  const ask = async (question: string) => {
    asked.push(question)
    return answers[asked.length - 1]
  }
  return { asked, ask }
}
const nobody = () => expect.fail('nobody was to be asked')

describe('host, site and ports', () => {
  it('are asked for, each with a proposal, which an empty answer takes', async () => {
    const { asked, ask } = asking('root@203.0.113.7', '  ', '5001 5002')
    expect(await answersFor(folder({}), other, NONE, ask)).toEqual({
      app: 'my_folder',
      host: 'root@203.0.113.7',
      site: 'my-folder.example',
      ports: [5001, 5002],
      router: 'nginx',
    })
    expect(asked.map(question => /\[(.*)\]$/.exec(question)?.[1])).toEqual([
      'deploy@web-1',
      'my-folder.example',
      '4000,5000',
    ])
  })

  it('are asked for again, with the reason, after an answer that cannot be', async () => {
    const { asked, ask } = asking('web', 'https://shop.example/', 'shop.example', '80', '4000 5000')
    expect(await answersFor(folder({}), other, NONE, ask)).toMatchObject({ host: 'web', site: 'shop.example' })
    expect(asked[2]).toBe(
      'The site cannot be "https://shop.example/". It must be a host name, such as shop.example.com. [my-folder.example]',
    )
    expect(asked).toHaveLength(5)
  })

  it('are not asked for if flags have them, or with --yes', async () => {
    const { asked, ask } = asking('s.example')
    await answersFor(folder({}), other, { ...NONE, host: 'web', ports: '4000,4001' }, ask)
    expect(asked).toHaveLength(1)
    expect(await answersFor(folder({}), other, { ...NONE, yes: true, host: 'web' }, nobody)).toMatchObject({
      host: 'web',
      ports: [4000, 5000],
    })
  })

  it('are those of the Taskfile that exists, and nobody is asked again', async () => {
    const source = `// The site: 'none' of them.\nproject({ app: 'shop', host: ssh("deploy@web-9"), router: nginx({ site: 'shop.com' }), slots: { a: { port: 4100 }, b: { port: 4200 } } })`
    expect(await answersFor(folder({ 'Taskfile.mjs': source }), other, NONE, nobody)).toEqual({
      app: 'shop',
      host: 'deploy@web-9',
      site: 'shop.com',
      ports: [4100, 4200],
      router: 'nginx',
    })
    const computed = 'project({ host: ssh(env.HOST ?? other), router: nginx({ site }) })'
    expect(await answersFor(folder({ 'Taskfile.ts': computed }), other, NONE, nobody)).toMatchObject({
      host: 'deploy@web-1',
    })
  })

  it('cannot be left open where nobody can be asked', async () => {
    await expect(answersFor(folder({}), other, NONE, async () => undefined)).rejects.toMatchObject({
      code: 'INIT_UNANSWERED',
      exitCode: 2,
      hint: expect.stringContaining('--yes'),
    })
  })

  it.each<[Partial<Flags>, string]>([
    [{ host: '-oProxyCommand=x' }, 'The host'],
    [{ host: "web'; rm" }, 'The host'],
    [{ host: 'a b' }, 'The host'],
    [{ host: 'deploy@203.0.113.7:2222' }, 'The host'],
    [{ site: 'https://shop.example' }, 'The site'],
    [{ site: 'shop.example/' }, 'The site'],
    [{ ports: '4000' }, 'The ports'],
    [{ ports: '4000,4000' }, 'The ports'],
    [{ ports: '80,443' }, 'The ports'],
    [{ ports: '4000,5000,6000' }, 'The ports'],
    [{ ports: '4000,blue' }, 'The ports'],
  ])('are checked: %j', async (flags, says) => {
    await expect(answersFor(folder({}), other, { ...NONE, yes: true, ...flags }, nobody)).rejects.toMatchObject({
      code: 'INIT_ANSWER_INVALID',
      exitCode: 2,
      message: expect.stringContaining(says),
    })
  })

  it.each([
    'web-1',
    'deploy@203.0.113.7',
    'ssh://deploy@web-1:2222',
    'ssh://web-1:2222',
    'deploy@[2001:db8::1]',
    'fe80::1',
    'web.example.com',
  ])('may have a host that ssh takes: %s', async host => {
    expect(await answersFor(folder({}), other, { ...NONE, yes: true, host }, nobody)).toMatchObject({ host })
  })
})

it('what --yes has made up is told, and nothing that a flag, a Taskfile or a person has said', () => {
  const answers = { app: 'shop', host: 'deploy@web-1', site: 'shop.example', ports: [4000, 5000] } as const
  const yes = { ...NONE, yes: true }
  expect(madeUp(folder({}), yes, answers)).toEqual([
    'Write your own host and site in the Taskfile: deploy@web-1 and shop.example are made up.',
  ])
  expect(madeUp(folder({}), { ...yes, host: 'deploy@web-1' }, answers)).toEqual([
    'Write your own host and site in the Taskfile: shop.example is made up.',
  ])
  for (const [files, flags] of [
    [{ 'Taskfile.ts': '' }, yes],
    [{}, NONE],
    [{}, { ...yes, host: 'a', site: 'b' }],
  ] as const)
    expect(madeUp(folder(files), flags, answers)).toEqual([])
})

describe('the router', () => {
  const chosen = async (stack: Stack, flags: Partial<Flags>, files: Readonly<Record<string, string>> = {}) =>
    (await answersFor(folder(files), stack, { ...NONE, yes: true, ...flags }, nobody)).router

  it('is nginx, unless a flag or the Taskfile that exists has another one', async () => {
    expect(await chosen(other, {})).toBe('nginx')
    expect(await chosen(other, { router: 'haproxy' })).toBe('haproxy')
    const taskfile = { 'Taskfile.ts': "project({ router: caddy({ site: 'shop.com' }) })" }
    expect(await chosen(other, {}, taskfile)).toBe('caddy')
    expect(await chosen(other, { router: 'nginx' }, taskfile)).toBe('nginx')
  })

  it('is one that can serve the application', async () => {
    const octane = { 'composer.json': '{ "require": { "laravel/octane": "2" } }' }
    expect(await chosen(staticSite, { router: 'caddy' })).toBe('caddy')
    expect(await chosen(php, { router: 'caddy' }, octane)).toBe('caddy')
    await expect(chosen(php, { router: 'caddy' })).rejects.toMatchObject({
      code: 'INIT_ROUTER_UNFIT',
      exitCode: 2,
      message: 'caddy cannot be the router of a PHP application.',
      hint: 'Give --router nginx.',
    })
    await expect(chosen(staticSite, { router: 'haproxy' })).rejects.toMatchObject({
      hint: 'Give --router nginx or --router caddy.',
    })
  })
})

describe('the name of the application', () => {
  it.each([
    ['@team/My.App2', 'team_my_app2'],
    ['MyShop', 'my_shop'],
    ['2048-game', 'game'],
    ['日本', 'app'],
    ['a'.repeat(40), 'a'.repeat(31)],
    [`${'a'.repeat(30)}-b`, 'a'.repeat(30)],
  ])('is made valid: %s', (text, name) => {
    expect(appName(text)).toBe(name)
  })

  it('is that of --app, of its own files, or of the folder', async () => {
    const own = folder({ 'package.json': '{ "name": "@team/files" }' })
    const named = async (flags: Partial<Flags>) =>
      (await answersFor(own, node, { ...NONE, yes: true, ...flags }, nobody)).app
    expect([await named({}), await named({ app: 'x' })]).toEqual(['files', 'x'])
    await expect(named({ app: 'Not-Valid' })).rejects.toMatchObject({ code: 'NAME_INVALID', exitCode: 2 })
  })
})
