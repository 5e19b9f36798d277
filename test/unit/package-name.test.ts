/** The package has another name than the product, because the product's name on the registry is somebody else's. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'
import lock from '../../package-lock.json' with { type: 'json' }
import { manifest } from '../../runner/package.ts'

const { name } = manifest()

/** What a text imports whose name begins like the product's, also in strings of strings. */
const imported = (text: string) =>
  [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)\\?(["'])(switchyard[\w/-]*)\\?\1/g)].map(
    ([, , found = '']) => found,
  )

it('every text that imports the package, or part of it, does so by its name', () => {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: HOME,
    encoding: 'utf8',
  })
  const texts = files
    .split('\0')
    .filter(path => /\.(?:[cm]?[jt]s|md|json)$/.test(path))
    .flatMap(path => {
      try {
        return imported(readFileSync(join(HOME, path), 'utf8')).map(found => [path, found] as const)
      } catch {
        // It was removed and that is not committed yet.
        return []
      }
    })
  expect(texts.length).toBeGreaterThan(40)
  expect(texts.filter(([, found]) => found !== name && found !== `${name}/testing`)).toEqual([])
})

it('finds an import by another name', () => {
  const wrong = ['switch', 'yard'].join('')
  expect(imported(`import { a } from '${wrong}'\nimport "${wrong}/testing"\nawait import('${wrong}-other')`)).toEqual([
    wrong,
    `${wrong}/testing`,
    `${wrong}-other`,
  ])
})

it('the lock file and the first command of the README have the name too', () => {
  expect([lock.name, lock.packages[''].name]).toEqual([name, name])
  const readme = readFileSync(join(HOME, 'README.md'), 'utf8')
  expect(/\bnpx .*?(?=`| {2}|$)/m.exec(readme)?.[0]).toBe(`npx ${name}@latest init`)
  expect([...new Set(readme.match(/\bnpx switchyard\S*/g))]).toEqual([`npx ${name}@latest`])
})

it('what the README links to and shows is in the package', () => {
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: HOME,
      encoding: 'utf8',
      stdio: 'pipe',
    }),
  ) as [{ files: { path: string }[] }]
  const readme = readFileSync(join(HOME, 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link)
  expect(links.length).toBeGreaterThan(30)
  expect(links.filter(link => !files.some(({ path }) => path === link || path.startsWith(`${link}/`)))).toEqual([])
})
