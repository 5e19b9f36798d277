/** What each folder of `examples/` promises: a short Taskfile, and a README that explains it. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { copyExample, EXAMPLES, setVersion } from '../../dev/examples.ts'
import { HOME } from '../../dev/paths.ts'

const example = (name: string) => EXAMPLES.find(one => one.name === name) ?? expect.fail(`no example ${name}`)

/** Needs a swarm, and no host: `test/swarm/example.test.ts` deploys it. */
const ON_SWARM = 'swarm'
/** Needs several hosts: `test/fleet/example.test.ts` deploys it. */
const ON_HOSTS = 'fleet'

it('every folder of examples/ is an example that the tests and the rehearsal know', () => {
  expect([...EXAMPLES.map(({ name }) => name), ON_HOSTS, ON_SWARM].sort()).toEqual(
    readdirSync(join(HOME, 'examples')).sort(),
  )
})

it('the example for a swarm has a Taskfile of at most 30 lines, and a README that mentions what is its own', () => {
  const read = (file: string) => readFileSync(join(HOME, 'examples', ON_SWARM, file), 'utf8')
  expect(read('Taskfile.ts').trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  for (const option of ['registry', 'router', 'replicas', 'limits', 'migrate', 'nodes'])
    expect(read('README.md')).toContain(`\`${option}\``)
})

it('the example for several hosts has a Taskfile of at most 30 lines, and a README that mentions what is its own', () => {
  const read = (file: string) => readFileSync(join(HOME, 'examples', ON_HOSTS, file), 'utf8')
  const taskfile = read('Taskfile.ts')
  expect(taskfile.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  for (const option of ['hosts', 'tarball', 'start', 'migrate', 'console', 'router'])
    expect(read('README.md')).toMatch(new RegExp(`\\b${option}\\b`))
  expect(read('README.md')).toContain('apt-get install python3\n')
  // So that it can share a host with every other example.
  for (const port of ['4800', '5800'])
    for (const { parts } of EXAMPLES)
      for (const part of Object.keys(parts)) {
        const path = join(HOME, part.endsWith('.ts') ? part : join(part, 'Taskfile.ts'))
        if (existsSync(path)) expect(readFileSync(path, 'utf8')).not.toContain(port)
      }
})

it('the Taskfile of this repository has at most 30 lines, and the README of the example that it deploys explains it', () => {
  const taskfile = readFileSync(join(HOME, 'Taskfile.ts'), 'utf8')
  expect(taskfile.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  const readme = readFileSync(join(HOME, 'examples/life/README.md'), 'utf8')
  for (const option of [...taskfile.matchAll(/^ {2}(\w+): \w+\(/gm)]
    .map(([, name = '']) => name)
    .filter(it => it !== 'host'))
    expect(readme).toContain(`\`${option}: `)
})

const own = EXAMPLES.filter(({ name }) => existsSync(join(HOME, 'examples', name, 'Taskfile.ts')))

describe.each(own)('the example $name', ({ name, site, packages, builder }) => {
  const read = (file: string) => readFileSync(join(HOME, 'examples', name, file), 'utf8')
  const taskfile = read('Taskfile.ts')
  const readme = read('README.md')

  it('has a Taskfile of at most 30 lines', () => {
    expect(taskfile.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  })

  it('has a README that mentions every option of the Taskfile, the packages of the host and the tools of the build', () => {
    const options = [...taskfile.matchAll(/\b(\w+): /g)].map(([, option = '']) => option)
    const known = new Set(['app', 'host', 'build', 'runtime', 'path', 'blue', 'green', 'port', 'configFile', 'site'])
    const typical: Partial<Record<string, string>> = { static: 'immutable', php: 'version' }
    expect(options).toContain(typical[name] ?? 'start')
    expect(options.filter(option => !known.has(option) && !readme.includes(option))).toEqual([])
    if (packages.length > 0) expect(readme).toContain(`apt-get install ${packages.join(' ')}\n`)
    if (builder) expect(readme).toContain(`apt-get install ${builder.package}`)
    expect(taskfile).toMatch(new RegExp(`nginx\\(\\{ site: '${site}'[ ,]`))
  })

  it('has ports of its own, so that it can share a host with every other example', () => {
    const portsOf = (text: string): unknown[] => [...text.matchAll(/port: (\d+)/g)].map(([, port]) => port)
    const others = EXAMPLES.filter(one => one.name !== name).map(one => {
      const [path = ''] = Object.keys(one.parts)
      return readFileSync(join(HOME, path.endsWith('.ts') ? path : join(path, 'Taskfile.ts')), 'utf8')
    })
    expect(portsOf(taskfile)).toHaveLength(2)
    for (const port of portsOf(taskfile)) expect(others.flatMap(portsOf)).not.toContain(port)
  })
})

it.each(EXAMPLES)('a copy of the example $name gets another version', async one => {
  const folder = await copyExample(one)
  try {
    await setVersion(folder, one, '7.8.9')
    const copied = await readFile(join(folder, one.versionFile), 'utf8')
    expect(copied).toContain('7.8.9')
    expect(copied).not.toContain('0.1.0')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

it('a version that is not in the file is an error, because the old version again would show nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-version-'))
  try {
    await writeFile(join(folder, 'VERSION'), 'unreleased\n')
    await expect(setVersion(folder, { ...example('go'), versionFile: 'VERSION' }, '0.2.0')).rejects.toThrow('no line')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
