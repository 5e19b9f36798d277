import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'
import { HOME } from '../../dev/paths.ts'
import { inOrder, sideBySide } from '../../host/exec/batch.ts'
import { EXIT } from '../../host/exit-codes.ts'
import { type Script, sh } from '../../host/script.ts'
import { PARTS, samples } from '../support/scripts.ts'
import { checkFiles, checkTexts, hasShellcheck } from '../support/shellcheck.ts'

/** What the build packs: these folders, and the program that the rehearsal shares with our own hosts. */
const sources = [
  ...['host', 'slots', 'plugins', 'rehearse', 'swarm'].flatMap(folder =>
    readdirSync(join(HOME, folder), { recursive: true, encoding: 'utf8' }).map(path => join(HOME, folder, path)),
  ),
  ...['container-init.sh', 'container-init.ts'].map(name => join(HOME, 'vagrant', name)),
]
const programs = sources.filter(path => path.endsWith('.sh'))
const textOf = (path: string) => readFileSync(path, 'utf8')

/** Most lines of a template; docs/contributing.md says about ten. */
const LINES = 12

let made: Readonly<Record<string, Script>>
beforeAll(async () => {
  made = samples()
})

const checked = hasShellcheck ? it : it.skip
if (!hasShellcheck) console.warn('No script was checked: shellcheck is not installed: apt-get install shellcheck')
const why = hasShellcheck ? '' : ' (skipped: shellcheck is not installed: apt-get install shellcheck)'

describe('shellcheck', () => {
  checked(`finds a missing quote and an unset variable${why}`, () => {
    const found = checkTexts({ quote: 'read -r it\nrm $it', unset: 'echo "$it"', fine: 'read -r it\nrm "$it"' })
    expect(found).toMatch(/^quote\.sh:4:4: .*\[SC2086\]\nunset\.sh:3:7: .*\[SC2154\]\n$/)
  })
})

it('every .sh file has a name of its own: the package has all of them in one folder', () => {
  const names = programs.map(path => basename(path))
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

describe('shellcheck reports nothing', () => {
  checked(`in the programs${why}`, () => {
    expect(programs.length).toBeGreaterThan(20)
    expect(checkFiles(programs)).toBe('')
  })

  checked(`in the scripts for our own machines${why}`, () => {
    const others = ['bench/script', 'vagrant'].flatMap(folder =>
      readdirSync(join(HOME, folder)).map(it => join(HOME, folder, it)),
    )
    const ours = ['.ci/run', 'bin/completion.bash', 'dev/swarm.sh'].map(path => join(HOME, path))
    expect(checkFiles([...ours, ...others.filter(path => path.endsWith('.sh'))])).toBe('')
  })

  checked(`in the generated scripts${why}`, () => {
    expect(checkTexts(Object.fromEntries(Object.entries(made).map(([name, { text }]) => [name, text])))).toBe('')
  })
})

describe('the script samples', () => {
  it('include every function that makes a script', () => {
    const maker =
      /^export (?:(?:const|function) (\w+)(?: = )?\((?:[^()]|\([^()]*\))*\): Script\b|const (\w+)(?:: Script)? = (?:sh\.|program\())/gm
    const names = sources
      .filter(path => path.endsWith('.ts') && !path.endsWith('host/program.ts'))
      .flatMap(path => [...textOf(path).matchAll(maker)])
      .map(([, maker, constant]) => maker ?? constant ?? '')
    expect(names).toEqual(expect.arrayContaining(['receive', 'verifyLoop', 'fence', 'makeCookie', 'unpack']))
    const lacking = names.filter(name => !PARTS.has(name) && !Object.keys(made).some(it => it.split(' ')[0] === name))
    expect(lacking).toEqual([])
  })
})

it('a template is short: a longer script is a program in a file', () => {
  const long = sources
    .filter(path => path.endsWith('.ts'))
    .flatMap(path => {
      const file = ts.createSourceFile(path, textOf(path), ts.ScriptTarget.Latest, true)
      const found: string[] = []
      const look = (node: ts.Node): void => {
        const lines = node.getText().split('\n').length
        if (ts.isTaggedTemplateExpression(node) && /^sh\.(?:read|write)$/.test(node.tag.getText()) && lines > LINES)
          found.push(`${path}: ${lines} lines`)
        node.forEachChild(look)
      }
      look(file)
      return found
    })
  expect(long).toEqual([])
})

describe('a shell program', () => {
  const each = programs.map((path): [string, string] => [basename(path), textOf(path)])

  it('has a unique name, because the bundle has all of them in one folder', () => {
    expect(new Set(each.map(([name]) => name)).size).toBe(each.length)
  })

  it('is used by a module in the same folder', () => {
    const beside = (path: string) => sources.filter(it => it.endsWith('.ts') && dirname(it) === dirname(path))
    const unused = programs.filter(path => !beside(path).some(it => textOf(it).includes(`'./${basename(path)}'`)))
    expect(unused).toEqual([])
  })

  it.each(each)('%s starts with a description', (_, text) => {
    expect(text).toMatch(/^#!\/bin\/bash -eu\n# [A-Z]/)
  })

  it.each(each)('%s uses only exit codes that are in the registry and in its header', (_, text) => {
    const names = Object.values(EXIT).flatMap(group => Object.keys(group))
    const known = names.map(name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`))
    const body = text.replace(/^\s*#.*$/gm, '')
    expect(body).not.toMatch(/\b(?:exit|finish) ["']?(?![01]\b)\d/)
    const used = [...body.matchAll(/\b(?:exit|finish) "\$([a-z]\w*)"/g)].map(([, name = '']) => name)
    for (const name of used) {
      expect(known).toContain(name)
      expect(text).toMatch(new RegExp(`^# .*\`${name}\``, 'm'))
    }
  })
})

describe('exit codes', () => {
  it('are unique within a script and distinct from those of shells and tools', () => {
    for (const group of Object.values(EXIT)) {
      const codes: readonly number[] = Object.values(group)
      expect(new Set(codes).size).toBe(codes.length)
      for (const code of codes) expect(code > 39 && code < 124).toBe(true)
    }
  })

  it('include one for a lost lock that no other script uses', () => {
    const all: readonly number[] = Object.values(EXIT).flatMap(group => Object.values(group))
    expect(all.filter(code => code === EXIT.fence.refused)).toHaveLength(1)
  })
})

describe('a batch', () => {
  // Not as an argument, which all scripts together are too long for.
  const run = async (text: string) => {
    const ran = promisify(execFile)('bash', ['-c', 'eval "$(cat)"'], { maxBuffer: 1 << 26 })
    ran.child.stdin?.end(text)
    return (await ran).stdout
  }
  const parts = (...scripts: Script[]) => scripts.map(script => ({ script, input: '' }))

  it('of all scripts is valid bash', async () => {
    for (const batch of [inOrder, sideBySide])
      await run(`set -n\n${batch(parts(...Object.values(made)), '3fa9').script.text}`)
  })

  it('passes a script no variable except its start time, which the journal uses', async () => {
    const names = async (text: string) => (await run(text)).split('\n').filter(name => /^[a-z]\w*$/.test(name))
    const script = sh.read`compgen -v`
    const alone = await names(script.text)
    for (const batch of [inOrder, sideBySide]) {
      const seen = await names(batch(parts(script, script), '3fa9').script.text)
      expect([...new Set(seen)].filter(name => !alone.includes(name))).toEqual(['begun'])
    }
  })
})
