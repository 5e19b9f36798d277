/**
 * Secrets are planted in the environment file, and an application prints them in many encodings; then every place that the program
 * writes to is searched. Each search has a control: the same search where it has to find something.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ended, type Site, startSite } from '../../dev/site.ts'

const run = promisify(execFile)

/** Each line of each secret contains both marks, so that half a line is found too. */
const MARKS = ['Pl4nt3d', 'V4lu3xyz']
const SECRETS: Readonly<Record<string, string>> = {
  META: `Pl4nt3d $HOME;$(touch /tmp/owned)|"x" & \\n \`id\` (V4lu3xyz)!`,
  LINES:
    '-----BEGIN Pl4nt3d V4lu3xyz-----\nPl4nt3d/first+V4lu3xyz==\n  Pl4nt3d second V4lu3xyz\n-----END Pl4nt3d V4lu3xyz-----',
  PERCENT: '100%Pl4nt3d%25%0A%sV4lu3xyz%',
  QUOTES: `Pl4nt3d 'it's' V4lu3xyz ü`,
  TOKEN: 'Pl4nt3d.c2Vzc2lvbg/V4lu3xyz+=',
}

/** The base64 characters that a text yields at each of the three offsets in the encoded data. */
const insideBase64 = (text: string): string[] =>
  [0, 1, 2].map(before => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
    return bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6))
  })
const NEEDLES = MARKS.flatMap(mark => [mark, ...insideBase64(mark)])

/** The needles in a text, also in lines that a terminal has wrapped. */
const found = (text: string): string[] => {
  const whole = stripVTControlCharacters(text)
  return NEEDLES.filter(needle => whole.includes(needle) || whole.replace(/\r?\n/g, '').includes(needle))
}

const NAMES = Object.keys(SECRETS).join(' ')
/** A release whose program prints its environment, plain and encoded, and fails for every argument. */
const TELLTALE = `#!/bin/bash
for name in ${NAMES}; do
  value=\${!name}
  printf 'raw %s\\n' "$value"
  declare -p $name
  printf 'base64 %s\\n' "$(printf %s "$value" | base64 -w0)"
  printf 'basic %s\\n' "$(printf 'user:%s' "$value" | base64 -w0)"
  VALUE=$value perl -e '$v = $ENV{VALUE};
    ($u = $v) =~ s/([^A-Za-z0-9_.~-])/sprintf("%%%02X", ord $1)/ge; print "url $u\\n";
    ($f = $u) =~ s/%20/+/g; print "form $f\\n";
    ($j = $v) =~ s/(["\\\\])/\\\\$1/g; $j =~ s/\\n/\\\\n/g; print "json {\\"value\\": \\"$j\\"}\\n";'
  printf 'cut in two: '; printf %s "\${value:0:9}"; sleep 0.05; printf '%s\\n' "\${value:9}"
done
exit 1
`
let site: Site
/** The output of each command, by the name of the case. */
const outputs = new Map<string, Ended>()
let local: Record<string, string>

const task = async (name: string, code: number, environment: Record<string, string>, ...args: string[]) => {
  const ended = await site.start({ ...local, ...environment }, ...args).ended
  outputs.set(name, ended)
  expect(ended.code, `${name}:\n${ended.stdout}${ended.stderr}`).toBe(code)
}
const inTerminal = async (name: string, code: number, environment: Record<string, string>, ...args: string[]) => {
  const ended = await site.inTerminal({ ...local, ...environment }, ...args).ended
  outputs.set(name, ended)
  expect(ended.code, `${name}:\n${ended.stdout}`).toBe(code)
}

async function telltale(): Promise<Record<string, string>> {
  const folder = join(site.folder, 'telltale')
  await mkdir(join(folder, 'bin'), { recursive: true })
  await writeFile(join(folder, 'bin', 'life'), TELLTALE)
  await chmod(join(folder, 'bin', 'life'), 0o755)
  const path = join(site.folder, 'telltale.tar.gz')
  await run('tar', ['-czf', path, '-C', folder, '.'])
  return { LIFE_VERSION: '6.6.6', LIFE_TARBALL: path }
}

const quoted = (value: string) => (value.includes("'") ? `"${value}"` : `'${value}'`)
const dotenv = (more = '') =>
  writeFile(
    join(site.folder, '.env'),
    Object.entries(SECRETS)
      .map(([name, value]) => `${name}=${quoted(value)}\n`)
      .join('') + more,
  )

/** Reads the arguments of all processes of the host in a loop, and records the needles in them. */
const WATCH = `printf '%s\\n' ${NEEDLES.join(' ')} > /root/needles
systemd-run --quiet --unit=watch bash -c 'while :; do
  cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -aoFf /root/needles >> /root/arguments || :
  echo >> /root/rounds; sleep 0.03
done'`

beforeAll(async () => {
  site = await startSite({
    more: "env: '.env', health: { within: 10_000 },",
    tasks: `
export const { history, doctor, retire } = tasks
export const careless = task('Show what it should not', {
  needs: [tasks.detectLive],
  async run({ $, host, live, log, note, show }) {
    const text = await host.$readonly\`cat /srv/life/slots/\${live?.name}/env\`.text()
    console.log(text)
    log(text)
    note(encodeURIComponent(text))
    show(text, { text, lines: text.split('\\n') })
    await $\`cat .env; printf %s \${text} | base64 -w0\`
    throw new Error(text)
  },
})`,
  })
  await dotenv()
  const [cache, temporary] = [join(site.folder, 'cache'), join(site.folder, 'temporary')]
  await mkdir(temporary)
  local = { XDG_CACHE_HOME: cache, TMPDIR: temporary }
  const bad = await telltale()

  await task('setup', 0, {}, 'setup')
  await site.host.exec(WATCH)
  await task('deploy', 0, {}, 'deploy', '--promote')
  await task('deploy, verbose', 0, {}, 'deploy', '--verbose')
  await dotenv("LATER='Pl4nt3d and V4lu3xyz'\n")
  await task('dry run', 0, {}, 'deploy', '--dry-run', '--verbose')
  await task('deploy, json', 0, {}, 'deploy', '--json')
  await task('promote', 0, {}, 'promote', 'green', '--report', 'promote.html')
  await inTerminal('deploy, tree', 0, {}, 'deploy')
  await task('telltale', 3, bad, 'deploy')
  await task('telltale, verbose', 3, bad, 'deploy', '--verbose')
  await task('telltale, json', 3, bad, 'deploy', '--json')
  await inTerminal('telltale, tree', 3, bad, 'deploy')
  await task('migrate', 1, {}, 'migrate')
  await task('migrate, verbose', 1, {}, 'migrate', '--verbose')
  for (const args of ['careless', 'careless --verbose', 'careless --json']) await task(args, 1, {}, ...args.split(' '))
  for (const args of ['history', 'history --json', 'status', 'status --json', 'doctor --json', 'retire --verbose'])
    await task(args, 0, {}, ...args.split(' '))
}, 600_000)
afterAll(() => site?.[Symbol.asyncDispose]())

const root = async (command: string) => (await site.host.exec(command)).stdout

it('the control: the needles find each secret, in each form that it is printed in', () => {
  for (const value of Object.values(SECRETS)) {
    const user = Buffer.from(`user:${value}`)
    for (const form of [value, encodeURIComponent(value), JSON.stringify(value), user.toString('base64')])
      expect(found(form), form).not.toEqual([])
    for (const line of value.split('\n')) expect(found(line)).toEqual(MARKS)
  }
})

describe('the output of every command', () => {
  it('contains no secret, in any output format', () => {
    expect(outputs.size).toBeGreaterThan(15)
    for (const [name, { stdout, stderr }] of outputs) {
      const lines = `${stdout}\n${stderr}`.split('\n').filter(line => found(line).length > 0)
      expect.soft(lines, name).toEqual([])
      expect.soft(found(stdout + stderr), name).toEqual([])
    }
    const hits = [...outputs.values()].flatMap(({ stdout, stderr }) => found(stdout + stderr)).length
    console.log(`${Object.keys(SECRETS).length} planted secrets: found ${hits} times in ${outputs.size} outputs`)
  })

  it.each(['telltale', 'telltale, verbose', 'telltale, json', 'migrate', 'migrate, verbose'])(
    'shows the lines of the failed application with its secrets hidden: %s',
    name => {
      const { stdout, stderr } = outputs.get(name) ?? { stdout: '', stderr: '' }
      for (const label of ['base64', 'basic', 'url', 'form', 'json', 'cut in two:'])
        expect.soft(stdout + stderr).toMatch(new RegExp(`${label} .*\\[hidden\\]`))
    },
  )

  it("is searched for secrets that the application printed: its unit's journal contains them (control)", async () => {
    const { stdout } = await site.host.exec("journalctl --no-pager -o cat --unit='life@*.service'")
    expect(found(stdout)).toEqual(expect.arrayContaining(MARKS))
    expect(found(stdout).length).toBeGreaterThan(4)
  })

  it('shows changes of the environment by name', () => {
    expect(outputs.get('dry run')?.stdout).toMatch(/environment: new LATER/)
  })
})

it('the report of a promote contains no secret, as HTML and as JSON', async () => {
  for (const name of ['promote.html', 'promote.json']) {
    const text = await readFile(join(site.folder, name), 'utf8')
    expect(text).toContain('0.1.0')
    expect(found(text)).toEqual([])
  }
})

it('the files that the program leaves on this machine contain no secret, including the compiled Taskfile', async () => {
  const files = (await readdir(site.folder, { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
  const withSecrets: string[] = []
  for (const file of files) if (found(await readFile(file, 'utf8')).length > 0) withSecrets.push(file)
  expect(files.some(file => file.startsWith(local.XDG_CACHE_HOME ?? ''))).toBe(true)
  expect(withSecrets).toEqual([join(site.folder, '.env')])
})

describe('the host', () => {
  it("has secrets only in the slots' environment files, which other users cannot read", async () => {
    const files = await root(
      'grep -rlaFf /root/needles -D skip /srv /etc /home /tmp /var/tmp /var/spool /var/lib/systemd /dev/shm /run --exclude-dir=journal | sort',
    )
    const [migrationLog, ours] = [/^\/srv\/life\/slots\/\w+\/tasks\/[^/]+\.log$/, files.trim().split('\n')]
    // The output of migrations may contain secrets of the application, so it has the same mode as the environment.
    expect(ours.filter(file => !migrationLog.test(file))).toEqual([
      '/srv/life/slots/blue/env',
      '/srv/life/slots/green/env',
    ])
    expect(ours.some(file => migrationLog.test(file))).toBe(true)
    const modes = await root(`stat -c '%U %a' ${ours.join(' ')}; stat -c '%U %a' /srv/life/slots/*`)
    expect([...new Set(modes.trim().split('\n'))].sort()).toEqual(['vagrant 600', 'vagrant 700'])
  })

  it('has no secret in the journal, the records and the lock', async () => {
    const text = await root('cd /srv/life && cat journal.jsonl lock slots/*/slot.json releases/*/release.json')
    expect(text).toContain('SLOT_')
    expect(text).toMatch(/"event":"migrate".*"result":"failed"/)
    expect(found(text)).toEqual([])
  })

  it("has no secret in what the program and sudo wrote to systemd's journal", async () => {
    const entries = (await root('journalctl --no-pager -o json'))
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const ours = entries.filter(({ _SYSTEMD_UNIT: unit }) => !String(unit).startsWith('life@'))
    expect(ours.some(({ MESSAGE: message }) => /sudo|COMMAND=.*systemctl start life@/.test(String(message)))).toBe(true)
    // A message that is not plain text comes as a list of bytes.
    const textOf = (value: unknown) =>
      Array.isArray(value) ? Buffer.from(value as number[]).toString() : String(value)
    expect(found(ours.map(entry => Object.values(entry).map(textOf).join(' ')).join('\n'))).toEqual([])
  })

  it('never ran a process with a secret in its arguments', async () => {
    expect(Number(await root('wc -l < /root/rounds'))).toBeGreaterThan(50)
    expect(await root('cat /root/arguments')).toBe('')
    // The control: a process that has one for a moment.
    await root('bash -c "exec -a Pl4nt3d sleep 30" & until [ -s /root/arguments ]; do sleep 0.1; done; kill $!')
    expect(await root('sort -u /root/arguments')).toBe('Pl4nt3d\n')
  })

  it('never ran a command from the value of a variable', async () => {
    expect(await root('ls /tmp/owned 2>&1')).toContain('No such file')
  })
})
