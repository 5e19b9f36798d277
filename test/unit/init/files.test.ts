/** What `init` writes beside the Taskfile, and what it leaves alone. */
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { forgeOf, githubWorkflow, gitlabJob } from '../../../init/ci.ts'
import { environmentText, exampleText, toFillIn } from '../../../init/environment.ts'
import { planFor } from '../../../init/files.ts'
import { folderAt } from '../../../init/folder.ts'
import { ignores, missingRules } from '../../../init/ignores.ts'
import { installCommand } from '../../../init/install.ts'
import { managerOf } from '../../../init/package-manager.ts'
import { stackOf } from '../../../init/stacks.ts'
import { missingLines, writeAll } from '../../../init/write.ts'
import { STRANGERS } from '../../support/strangers.ts'
import { projectWith } from '../runner/program.ts'

const answers = {
  app: 'shop',
  host: 'deploy@web-1',
  site: 'shop.example',
  ports: [4000, 5000],
  router: 'nginx',
} as const

describe('.gitignore', () => {
  it.each<[string, string, boolean]>([
    ['', '.env.production', false],
    ['.env.production', '.env.production', true],
    ['/.env.production\r\n', '.env.production', true],
    ['.env*', '.env.production', true],
    ['.env.*\n!.env.production', '.env.production', false],
    ['!.env.production\n.env*', '.env.production', true],
    ['**/.env.production', '.env.production', true],
    ['# .env.production', '.env.production', false],
    ['.env.productio?', '.env.production', true],
    ['.env.[a-p]*', '.env.production', true],
    ['.env.[!p]*', '.env.production', false],
    ['xenv.production', '.env.production', false],
    ['config/.env.production', '.env.production', false],
    ['.env.production/', '.env.production', false],
    ['node_modules', 'node_modules/', true],
    ['/node_modules/', 'node_modules/', true],
    ['node_modules/cache', 'node_modules/', false],
    ['\\.env.production', '.env.production', true],
  ])('%j ignores %s: %s', (rules, path, expected) => {
    expect(ignores(rules, path)).toBe(expected)
  })

  it('gets only the lines that are missing, and keeps the example in git', () => {
    expect(missingRules('', ['.env.production', 'node_modules/'], ['.env.production.example'])).toEqual([
      '.env.production',
      'node_modules/',
    ])
    expect(
      missingRules('.env*\nnode_modules', ['.env.production', 'node_modules/'], ['.env.production.example']),
    ).toEqual(['!.env.production.example'])
    const all = '.env.production\nnode_modules/\n'
    expect(missingRules(all, ['.env.production', 'node_modules/'], ['.env.production.example'])).toEqual([])
  })
})

describe('the environment file', () => {
  const variables = [
    { name: 'A', value: 'x' },
    { name: 'KEY', secret: () => 'random', comment: 'Keep it.' },
    { name: 'URL', comment: 'Such as y' },
  ]

  it('has random secrets, and its example none of them', () => {
    expect(environmentText(variables)).toMatch(/\nA=x\n# Keep it\.\nKEY=random\n# Such as y\nURL=\n$/)
    expect(exampleText(variables)).toMatch(/\nA=x\n# Keep it\.\nKEY=\n# Such as y\nURL=\n$/)
    expect(toFillIn(variables)).toEqual(['URL'])
    expect(exampleText([])).toMatch(/\n# NAME=value\n$/)
  })
})

describe('the deploy from CI', () => {
  it('is for GitLab if the repository is there', () => {
    const none = () => false
    expect(forgeOf(none, '')).toBe('github')
    expect(forgeOf(none, '[remote "origin"]\n\turl = git@github.com:a/b.git\n')).toBe('github')
    expect(forgeOf(none, '[remote "origin"]\n\turl = https://gitlab.example.com/a/b.git\n')).toBe('gitlab')
    expect(forgeOf(path => path === '.gitlab-ci.yml', '')).toBe('gitlab')
  })

  it.each(Object.entries(STRANGERS))('is valid YAML without a secret: %s', async (_, { files }) => {
    await using project = await projectWith(files)
    const folder = folderAt(project.folder)
    const parts = stackOf(folder).stack.parts(folder, answers)
    const setting = { branch: 'main', manager: managerOf(folder), parts }
    const github = parse(githubWorkflow(setting))
    expect(github.concurrency).toEqual({ group: 'deploy-production', 'cancel-in-progress': false })
    const { steps } = github.jobs.deploy
    expect(
      steps.map((step: object) => Object.keys(step)[0]).every((key: string) => ['uses', 'run', 'name'].includes(key)),
    ).toBe(true)
    expect(steps.at(-1)).toEqual({ run: 'npx task deploy --promote' })
    const { env, run } = steps.at(-2)
    for (const [name, value] of Object.entries(env)) expect(value).toBe(`\${{ secrets.${name} }}`)
    expect(run.includes('.env.production')).toBe(parts.env !== undefined)
    const { deploy } = parse(gitlabJob(setting))
    expect(deploy.before_script.every((line: unknown) => typeof line === 'string')).toBe(true)
    expect(deploy).toMatchObject({ script: ['npx task deploy --promote'], resource_group: 'production' })
    expect(deploy.services !== undefined).toBe(parts.imports.includes('docker'))
  })

  it('is written beside a pipeline that exists, and for the root of a repository only', async () => {
    await using project = await projectWith({ '.gitlab-ci.yml': 'test:\n  script: [make]\n' })
    const folder = folderAt(project.folder)
    const { stack } = stackOf(folder)
    const setting = { from: 'x', stack, parts: stack.parts(folder, answers), answers }
    const planned = (more: object) => planFor(folder, { ...setting, ci: undefined, repository: 'here', ...more })
    const names = (more: object) => planned(more).files.map(({ path }) => path)
    expect(names({})).toContain('.gitlab/deploy.yml')
    expect(planned({}).notes).toEqual(['Add to .gitlab-ci.yml: include: [{ local: .gitlab/deploy.yml }]'])
    expect(names({ ci: 'github' })).toContain('.github/workflows/deploy.yml')
    expect(names({ ci: 'none' }).filter(name => name.startsWith('.git'))).toEqual(['.gitignore'])
    expect(planned({ repository: 'above' })).toMatchObject({
      notes: [expect.stringContaining('root of the repository')],
    })
    await project.write('.gitlab-ci.yml', 'include: [{ local: .gitlab/deploy.yml }]\n')
    expect(planned({}).notes).toEqual([])
    const [job] = planned({}).files.filter(({ path }) => path === '.gitlab/deploy.yml')
    // The whole pipeline of an earlier `init`, which is completed, not doubled.
    await project.write('.gitlab-ci.yml', job?.text ?? '')
    expect(names({})).toContain('.gitlab-ci.yml')
    expect(names({})).not.toContain('.gitlab/deploy.yml')
  })
})

it('an environment file that git may track is mentioned, and one that init made is not', async () => {
  const notes = async (text: string) => {
    await using project = await projectWith({ Gemfile: '', '.env.production': text })
    const folder = folderAt(project.folder)
    const { stack } = stackOf(folder)
    const setting = { from: 'x', stack, parts: stack.parts(folder, answers), answers, repository: 'here' } as const
    return planFor(folder, { ...setting, ci: 'none' }).notes
  }
  expect(await notes('VITE_URL=x\n')).toEqual([expect.stringContaining('.env.production was there')])
  expect(await notes(environmentText([]))).toEqual([])
})

describe('a tsconfig.json', () => {
  it('is not added to an application of Next.js, which would take itself for one in TypeScript', async () => {
    const written = async (dependencies: object) => {
      await using project = await projectWith({ 'package.json': JSON.stringify({ name: 'x', dependencies }) })
      const folder = folderAt(project.folder)
      const { stack } = stackOf(folder)
      const plan = planFor(folder, {
        from: 'x',
        stack,
        parts: stack.parts(folder, answers),
        answers,
        ci: 'none',
        repository: 'here',
      })
      return plan.files.some(({ path }) => path === 'tsconfig.json')
    }
    expect([await written({ next: '15' }), await written({ express: '5' })]).toEqual([false, true])
  })
})

describe('a file', () => {
  const quiet = { dryRun: false, log: () => undefined }

  it('is written once, and kept from then on with a list of what it lacks', async () => {
    await using project = await projectWith({})
    const files = [{ path: 'deep/er/a.txt', text: 'one\ntwo,\n# comment\n}\n', mode: 0o600 }]
    expect(await writeAll(project.folder, files, quiet)).toEqual([
      { path: 'deep/er/a.txt', state: 'written', missing: [] },
    ])
    expect((await stat(join(project.folder, 'deep/er/a.txt'))).mode & 0o777).toBe(0o600)
    expect(await writeAll(project.folder, files, quiet)).toMatchObject([{ state: 'complete' }])
    await project.write('deep/er/a.txt', '  two\n')
    expect(await writeAll(project.folder, files, quiet)).toMatchObject([{ state: 'kept', missing: ['one'] }])
    expect(await readFile(join(project.folder, 'deep/er/a.txt'), 'utf8')).toBe('  two\n')
  })

  it('gets further lines with its own line breaks', async () => {
    await using project = await projectWith({ unix: 'a', dos: 'a\r\nb', empty: '' })
    const files = ['unix', 'dos', 'empty', 'new'].map(path => ({ path, text: 'x\ny\n', how: 'append' as const }))
    expect((await writeAll(project.folder, files, quiet)).map(({ state }) => state)).toEqual([
      'completed',
      'completed',
      'completed',
      'written',
    ])
    const texts = await Promise.all(files.map(({ path }) => readFile(join(project.folder, path), 'utf8')))
    expect(texts).toEqual(['a\nx\ny\n', 'a\r\nb\r\nx\r\ny\r\n', 'x\ny\n', 'x\ny\n'])
  })

  it('is only printed in a dry run, without the values of a secret one', async () => {
    await using project = await projectWith({ kept: 'x' })
    const lines: string[] = []
    const files = [
      { path: 'a', text: 'x: 1\n' },
      { path: 'kept', text: 'y\n' },
      { path: 'b', text: 'KEY=hidden\n', secret: true },
    ]
    await writeAll(project.folder, files, { dryRun: true, log: line => lines.push(line) })
    expect(lines).toEqual(['would write a:\n  x: 1', 'would write b:\n  KEY=...'])
    await expect(stat(join(project.folder, 'a'))).rejects.toThrow('ENOENT')
  })

  it('whose place is taken is reported', async () => {
    await using project = await projectWith({ taken: '' })
    await expect(writeAll(project.folder, [{ path: 'taken/a', text: 'x' }], quiet)).rejects.toMatchObject({
      code: 'INIT_WRITE_FAILED',
      exitCode: 1,
      message: expect.stringMatching(/in its way/),
    })
    await mkdir(join(project.folder, 'closed'))
    await chmod(join(project.folder, 'closed'), 0o500)
    if (process.getuid?.() !== 0)
      await expect(writeAll(project.folder, [{ path: 'closed/a', text: 'x' }], quiet)).rejects.toThrow(
        'permission denied',
      )
    // A folder of that name is kept as it is.
    expect(await writeAll(project.folder, [{ path: 'closed', text: 'x' }], quiet)).toMatchObject([{ state: 'kept' }])
  })

  it('lacks a line only if it has it with no indentation', () => {
    expect(missingLines("  site: 'a',\n})\n// why\n\n", "site: 'a'\n")).toEqual([])
    expect(missingLines("site: 'a'", "site: 'b'")).toEqual(["site: 'a'"])
  })
})

describe('the installation', () => {
  it.each([
    [{ 'package-lock.json': '{}' }, 'npm install --save-dev'],
    [{}, 'npm install --save-dev'],
    [{ 'pnpm-lock.yaml': '' }, 'pnpm add --save-dev'],
    [{ 'yarn.lock': '' }, 'yarn add --dev'],
    [{ 'yarn.lock': '', '.yarnrc.yml': '' }, 'yarn add --dev'],
    [{ 'bun.lock': '' }, 'bun add --dev'],
    [{ 'bun.lockb': '' }, 'bun add --dev'],
    [{ 'package.json': '{ "packageManager": "pnpm@10.1.0" }' }, 'pnpm add --save-dev'],
    [{ 'package.json': '{ "packageManager": "pnpm@10.1.0" }', 'package-lock.json': '{}' }, 'npm install --save-dev'],
  ])('uses the package manager of the folder: %j', async (files, command) => {
    await using project = await projectWith(files as Record<string, string>)
    expect(installCommand(folderAt(project.folder), 'x', 'x@^1')?.join(' ')).toBe(`${command} x@^1 @types/node`)
  })

  it('tells the versions of yarn apart', async () => {
    const frozen = async (files: Record<string, string>) => {
      await using project = await projectWith(files)
      return managerOf(folderAt(project.folder)).frozen
    }
    expect(await frozen({ 'yarn.lock': '' })).toBe('yarn install --frozen-lockfile')
    expect(await frozen({ 'yarn.lock': '', '.yarnrc.yml': '' })).toBe('yarn install --immutable')
  })

  it('adds nothing that is there', async () => {
    await using project = await projectWith({ 'package.json': '{ "devDependencies": { "@types/node": "20" } }' })
    expect(installCommand(folderAt(project.folder), 'x', './x.tgz')).toEqual([
      'npm',
      'install',
      '--save-dev',
      './x.tgz',
    ])
    await writeFile(join(project.folder, 'package.json'), '{ "dependencies": { "x": "1" } }')
    expect(installCommand(folderAt(project.folder), 'x', 'x@^1')).toBeUndefined()
  })
})
