import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { beam, nginx } from '../../../index.ts'
import { slotFaults } from '../../../slots/faults.ts'
import { missingTools, parseMissing, TOOLS } from '../../../slots/tools.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const plugins = [beam(), beam({ supervisor: 'daemon' }), nginx({ site: 'life.example' })].map(
  plugin => plugin.create(pluginKit()).provision({ user: '', group: '' }).tools,
)
const known: Readonly<Record<string, string>> = Object.assign({}, TOOLS, ...plugins)

/** Programs that Debian has, beside those that are asked for: the words by which a script could need one of them. */
const PROGRAMS =
  'awk base64 basename bash bc cat chgrp chmod chown cmp comm cp curl cut date dd df diff dirname du env expr file find flock fuser gawk getent grep groups gunzip gzip hash head hexdump hostname id install ip jq join kill killall less ln logger ls lsof lsns md5sum mkdir mkfifo mktemp more mount mv nc nginx nice nl nohup nproc numfmt od openssl paste patch perl pgrep pidof pkill ps python3 readlink realpath rev rm rmdir rsync runuser sed seq setsid sha1sum sha256sum shuf sleep sort split ss stat stdbuf stty su sudo sync systemctl systemd-run tac tail tar tee test timeout touch tr truncate tty uname uniq unlink unshare uptime visudo wc wget which who xargs xxd yes zcat'.split(
    ' ',
  )
/** Words of the shell itself, root's alone (`setup` has `visudo` from sudo), or asked for apart from the list. */
const APART = ['kill', 'sudo', 'visudo', 'test', 'hash', 'file', 'join', 'split', 'ls']

it('asks for every program that a script of ours runs', async () => {
  const files = (
    await Promise.all(
      ['host', 'slots', 'plugins'].map(async room =>
        (
          await readdir(join(root, room), { recursive: true })
        )
          .filter(name => name.endsWith('.ts'))
          .map(name => join(root, room, name)),
      ),
    )
  ).flat()
  const used = new Map<string, string>()
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    // At the beginning of a command: of a line, or behind what ends or begins one.
    for (const [, script = ''] of text.matchAll(/\bsh\.(?:read|write)`((?:[^`\\]|\\.)*)`/g))
      for (const [, word = ''] of script.matchAll(
        /(?:^|[;|&({!]|\$\(|\b(?:then|do|else|if|while|until|exec|xargs(?: -\S+)*|flock -n \S+)\s)\s*([a-z][a-z0-9-]*)(?=\s|$|\))/gm,
      ))
        if (PROGRAMS.includes(word)) used.set(word, file)
  }
  expect(used.size).toBeGreaterThan(25)
  const unasked = [...used].filter(([word]) => known[word] === undefined && !APART.includes(word))
  expect(unasked).toEqual([])
})

it('has a Debian package for each', () => {
  for (const [tool, name] of Object.entries(known)) expect.soft(name, tool).toMatch(/^[a-z0-9.+-]+$/)
})

/** What is printed where these are all the programs that there are. */
async function missingWhere(programs: Readonly<Record<string, string>>): Promise<string[]> {
  const bin = await mkdtemp(join(tmpdir(), 'switchyard-tools-'))
  for (const [name, target] of Object.entries(programs)) {
    if (target.startsWith('/')) await symlink(target, join(bin, name))
    else {
      await writeFile(join(bin, name), `#!/bin/bash\n${target}\n`)
      await chmod(join(bin, name), 0o755)
    }
  }
  // The script looks into root's folders too: what is there does not count here.
  const text = missingTools(Object.keys(TOOLS)).text.replace(':/usr/sbin:/sbin', '')
  const { stdout } = await run('/bin/bash', ['-c', `set -eu -o pipefail\n${text}`], { env: { PATH: bin } })
  return stdout.split('\n').filter(Boolean)
}

const here = async (): Promise<Record<string, string>> => {
  const names = [...Object.keys(TOOLS), 'sudo']
  const { stdout } = await run('bash', [
    '-c',
    'for n in "$@"; do type -P "$n" || echo "#!missing"; done',
    '-',
    ...names,
  ])
  const paths = stdout.trimEnd().split('\n')
  return Object.fromEntries(names.map((name, i) => [name, paths[i]?.startsWith('/') ? paths[i] : 'exit 0']))
}

it('nothing is missing where all of it is there', async () => {
  expect(await missingWhere(await here())).toEqual([])
})

it('names those that are missing, and the packages that have them', async () => {
  const { gzip: _g, awk: _a, ss: _s, ...rest } = await here()
  const lines = await missingWhere(rest)
  expect(lines.toSorted()).toEqual(['awk', 'gzip', 'ss'])
  const { message, hint: next } = slotFaults.TOOLS_MISSING(parseMissing(lines, known) ?? { tools: [], packages: [] })
  expect(message).toMatch(/lacks .*gzip/)
  expect(next).toMatch(/apt-get install -y .*gzip/)
  expect(next).toMatch(/mawk/)
})

it('names those that are others than we need, such as those of busybox', async () => {
  const refuses = 'echo "unrecognized option" >&2; exit 1'
  const tools = { ...(await here()), find: refuses, tar: refuses, df: refuses }
  const lines = await missingWhere(tools)
  expect(lines.toSorted()).toEqual(['df other', 'find other', 'tar other'])
  expect(parseMissing(lines, known)).toMatchObject({
    tools: expect.arrayContaining([expect.stringMatching(/^find \(GNU's/)]),
    packages: expect.arrayContaining(['coreutils', 'findutils', 'tar']),
  })
})
