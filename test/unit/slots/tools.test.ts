import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { HOME } from '../../../dev/paths.ts'
import { beam, nginx } from '../../../index.ts'
import { slotFaults } from '../../../slots/faults.ts'
import { missingTools, parseMissing, TOOLS } from '../../../slots/tools.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const run = promisify(execFile)
const plugins = [beam(), beam({ supervisor: 'daemon' }), nginx({ site: 'life.example' })].map(
  plugin => plugin.create(pluginKit()).provision({ user: '', group: '' }).tools,
)
const known: Readonly<Record<string, string>> = Object.assign({}, TOOLS, ...plugins)

/** Programs that Debian has, including those that we check for: used to recognise a command in a script. */
const PROGRAMS =
  'awk base64 basename bash bc cat chgrp chmod chown cmp comm cp curl cut date dd df diff dirname du env expr file find flock fuser gawk getent grep groups gunzip gzip hash head hexdump hostname id install ip jq join kill killall less ln logger ls lsof lsns md5sum mkdir mkfifo mktemp more mount mv nc nginx nice nl nohup nproc numfmt od openssl paste patch perl pgrep pidof pkill ps python3 readlink realpath rev rm rmdir rsync runuser sed seq setsid sha1sum sha256sum shuf sleep sort split ss stat stdbuf stty su sudo sync systemctl systemd-run tac tail tar tee test timeout touch tr truncate tty uname uniq unlink unshare uptime visudo wc wget which who xargs xxd yes zcat'.split(
    ' ',
  )
/** Exempt: builtins of the shell, programs that only root runs (`setup` gets `visudo` with sudo), and programs that are checked elsewhere or come with one that is (`ip` with `ss`), or are used only where they exist (`openssl`). */
const EXEMPT = ['kill', 'sudo', 'visudo', 'test', 'hash', 'file', 'join', 'split', 'ls', 'ip', 'openssl']

it('the tools check covers every program that our scripts run', async () => {
  const files = (
    await Promise.all(
      ['host', 'slots', 'plugins'].map(async folder =>
        (
          await readdir(join(HOME, folder), { recursive: true })
        )
          .filter(name => name.endsWith('.ts'))
          .map(name => join(HOME, folder, name)),
      ),
    )
  ).flat()
  const used = new Map<string, string>()
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    // The first word of a command: at the start of a line, or after a separator or keyword, and not in an expression of TypeScript.
    for (const [, script = ''] of text.matchAll(/\bsh\.(?:read|write)`((?:[^`\\]|\\.)*)`/g))
      for (const [, word = ''] of script
        .replaceAll(/\$\{[^}]*\}/g, '_')
        .matchAll(
          /(?:^|[;|&({!]|\$\(|\b(?:then|do|else|if|while|until|exec|xargs(?: -\S+)*|flock -n \S+)\s)\s*([a-z][a-z0-9-]*)(?=\s|$|\))/gm,
        ))
        if (PROGRAMS.includes(word)) used.set(word, file)
  }
  expect(used.size).toBeGreaterThan(25)
  const unchecked = [...used].filter(([word]) => known[word] === undefined && !EXEMPT.includes(word))
  expect(unchecked).toEqual([])
})

it('the tools check has a Debian package for each program', () => {
  for (const [tool, name] of Object.entries(known)) expect.soft(name, tool).toMatch(/^[a-z0-9.+-]+$/)
})

/** The output of the check on a host with only these programs. A target is a path, or the text of a script. */
async function missingWhere(programs: Readonly<Record<string, string>>): Promise<string[]> {
  const bin = await mkdtemp(join(tmpdir(), 'switchyard-tools-'))
  for (const [name, target] of Object.entries(programs)) {
    if (target.startsWith('/')) await symlink(target, join(bin, name))
    else {
      await writeFile(join(bin, name), `#!/bin/bash\n${target}\n`)
      await chmod(join(bin, name), 0o755)
    }
  }
  // The script also searches the sbin folders of this machine, which would make the result depend on it.
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

it('the tools check reports nothing when all programs are present', async () => {
  expect(await missingWhere(await here())).toEqual([])
})

it('the tools check names missing programs and their packages', async () => {
  const { gzip: _g, awk: _a, ss: _s, ...rest } = await here()
  const lines = await missingWhere(rest)
  expect(lines.toSorted()).toEqual(['awk', 'gzip', 'ss'])
  const { message, hint } = slotFaults.TOOLS_MISSING(parseMissing(lines, known) ?? { tools: [], packages: [] })
  expect(message).toMatch(/lacks .*gzip/)
  expect(hint).toMatch(/apt-get install -y .*gzip/)
  expect(hint).toMatch(/mawk/)
})

it('the tools check names programs of the wrong kind, such as those of busybox', async () => {
  const refuses = 'echo "unrecognized option" >&2; exit 1'
  const tools = { ...(await here()), find: refuses, tar: refuses, df: refuses }
  const lines = await missingWhere(tools)
  expect(lines.toSorted()).toEqual(['df other', 'find other', 'tar other'])
  expect(parseMissing(lines, known)).toMatchObject({
    tools: expect.arrayContaining([expect.stringMatching(/^find \(the GNU version/)]),
    packages: expect.arrayContaining(['coreutils', 'findutils', 'tar']),
  })
})
