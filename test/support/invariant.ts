/**
 * The invariant of every fault: the live slot keeps serving, the program prints a cause and a hint, no secret appears anywhere, and the
 * next deploy works.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import { startLoad } from '../../dev/load.ts'
import { type Ended, type Site, type SiteOptions, startSite } from '../../dev/site.ts'

const run = promisify(execFile)

/** The version that the rows deploy; 0.1.0 is live. */
export const NEXT_VERSION = '0.1.1'

/** A value in the environment file of every `faultSite`; none of its forms may appear in any output. */
const SECRET = 'Pl4nted/s3cret+& "of the" suite ü'
const SECRET_FORMS = [
  SECRET,
  'Pl4nted',
  encodeURIComponent(SECRET),
  JSON.stringify(SECRET).slice(1, -1),
  Buffer.from(SECRET).toString('base64').slice(0, -4),
]

export interface Expected {
  /** The exit code; 0 for a row that succeeds. */
  readonly exit: number
  /** Matches the error line. */
  readonly cause?: RegExp
  /** Matches the line with the hint. */
  readonly next?: RegExp
  /** Milliseconds that the command may take at most. */
  readonly within?: number
  /** Milliseconds after the command within which the lock has to be free. @default 2_000 */
  readonly lockWithin?: number
  /** The program was killed, so its output is not checked. */
  readonly silent?: boolean
  /** Why there is no load: the fault itself takes the site down. */
  readonly noLoad?: string
  /** Why idle keep-alive connections may be reset; nothing else may fail. */
  readonly resets?: string
  /** The environment of the deploy that has to work afterwards. @default next() */
  readonly again?: Record<string, string>
  /** Removes the fault before that deploy. */
  readonly heal?: () => Promise<unknown>
  /** Matches the output of that deploy. */
  readonly found?: RegExp
  /** Skips that deploy, because another row of the same kind has it, or the row is not about a deploy. */
  readonly noDeploy?: boolean
}

/** The result of the command, for further checks. */
export interface Survived extends Ended {
  readonly output: string
  readonly milliseconds: number
}

/**
 * Sets up a host with blue live and green warm, both on 0.1.0, with a secret in its environment file. LIFE_SOAK and LIFE_WITHIN are
 * times of the health check in milliseconds; LIFE_HEALTH has more of its options as JSON.
 */
export async function faultSite(options: SiteOptions = {}): Promise<Site> {
  const site = await startSite({
    runtime: 'beam({ stopLimit: 3 })',
    ...options,
    tasks: `export const { retire, repair } = tasks\n${options.tasks ?? ''}`,
    more: `env: '.env',
  health: { patience: 1_000, soak: Number(env.LIFE_SOAK ?? 0), within: Number(env.LIFE_WITHIN ?? 60_000), ...JSON.parse(env.LIFE_HEALTH ?? '{}') },
  ${options.more ?? ''}`,
  })
  try {
    await dotenv(site)
    for (const args of [['setup'], ['deploy', '--promote'], ['deploy']]) await succeeds(site, ...args)
    return site
  } catch (error) {
    await site[Symbol.asyncDispose]()
    throw error
  }
}

/** Writes the environment file: the planted secret, followed by these lines. */
export const dotenv = (site: Site, lines = ''): Promise<void> =>
  writeFile(join(site.folder, '.env'), `PLANTED='${SECRET}'\n${lines}`)

/** The environment variables with which a task deploys `NEXT_VERSION`. */
export const next = async (): Promise<Record<string, string>> => ({
  LIFE_VERSION: NEXT_VERSION,
  LIFE_TARBALL: await lifeTarball(NEXT_VERSION),
})

/** Milliseconds after which a deploy counts as hung. It is killed, so that its output shows where it hangs. */
const HUNG = 90_000

/** Deploys `NEXT_VERSION`, with additional environment variables. */
export async function deployNext(
  site: Site,
  environment: Record<string, string> = {},
  ...args: string[]
): Promise<Ended> {
  const running = site.start({ ...(await next()), ...environment }, 'deploy', ...args)
  const late = setTimeout(() => running.kill('SIGKILL'), HUNG)
  return running.ended.finally(() => clearTimeout(late))
}

export async function succeeds(site: Site, ...args: string[]): Promise<Ended> {
  const ended = await site.task(...args)
  expect(ended, `task ${args.join(' ')}:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
  return ended
}

/**
 * Packs `NEXT_VERSION` with this many random bytes, so that there is something to upload each time. Resolves to the environment
 * variables with which a task deploys it.
 */
export async function heavyNext(site: Site, bytes = 8_000_000): Promise<Record<string, string>> {
  const tar = join(site.folder, 'heavy.tar')
  await writeFile(join(site.folder, 'ballast'), randomBytes(bytes))
  await run(
    'bash',
    ['-c', 'gzip -dc "$1" > "$2" && tar -rf "$2" -C "$3" ballast && gzip -f1 "$2"'].concat(
      'bash',
      await lifeTarball(NEXT_VERSION),
      tar,
      site.folder,
    ),
  )
  const sha256 = createHash('sha256')
    .update(await readFile(`${tar}.gz`))
    .digest('hex')
  const path = heavyPath(site, sha256)
  await rename(`${tar}.gz`, path)
  return { LIFE_VERSION: NEXT_VERSION, LIFE_TARBALL: path }
}

const heavyPath = (site: Site, sha256: string) => join(site.folder, `heavy-${sha256.slice(0, 7)}.tar.gz`)

/** Runs the command under load, and checks the invariant before and after the fault was removed. */
export async function underFault(site: Site, work: () => Promise<Ended>, expected: Expected): Promise<Survived> {
  const before = await liveState(site)
  const load = expected.noLoad === undefined ? await startLoad({ url: site.url, ...LIGHT }) : undefined
  const startedAt = performance.now()
  const ended = await work()
  const milliseconds = performance.now() - startedAt
  const report = await load?.stop()
  const output = ended.stdout + ended.stderr
  expect.soft(ended.code, output).toBe(expected.exit)
  assertOutput(ended, expected)
  if (expected.within !== undefined) expect.soft(milliseconds, output).toBeLessThan(expected.within)
  if (report !== undefined) {
    const { ECONNRESET: resets = 0, ...others } = report.kinds.keepAlive.reasons
    expect.soft(others, output).toEqual({})
    if (expected.resets === undefined) expect.soft(resets, output).toBe(0)
    expect.soft(report.endedBy).toBe('stop')
    expect.soft(report.kinds.keepAlive.ok).toBeGreaterThan(10)
  }
  expect.soft(await liveState(site), output).toEqual(before)
  await lockIsFree(site, expected.lockWithin)
  await assertReleasesWhole(site)
  await expected.heal?.()
  if (report !== undefined) expect.soft(await site.live()).toBe(before.slot)
  if (!expected.noDeploy) {
    const after = await deployNext(site, expected.again)
    expect.soft(after, `The deploy after it:\n${after.stdout}${after.stderr}`).toMatchObject({ code: 0 })
    if (expected.found !== undefined) expect.soft(after.stdout).toMatch(expected.found)
    await assertReleasesWhole(site)
    await expect.poll(() => leftovers(site)).toEqual([])
    expect.soft(await liveState(site), after.stdout).toEqual(before)
  }
  await assertNoSecret(site, output)
  return { ...ended, output, milliseconds }
}

/**
 * The part of the invariant that also holds for rows that succeed and switch the traffic: the lock is free, no partial file is left, and
 * no secret is in the output or in a file. `ended`: the commands of the row.
 */
export async function assertCleanAfter(site: Site, ...ended: readonly Ended[]): Promise<void> {
  await lockIsFree(site)
  await assertReleasesWhole(site)
  await expect.poll(() => leftovers(site)).toEqual([])
  await assertNoSecret(site, ended.map(({ stdout, stderr }) => stdout + stderr).join('\n'))
}

/** Load that detects a lost request, but leaves the processor to host and program. */
export const LIGHT = {
  clients: { keepAlive: 3, idle: 0, post: 0, fresh: 0, slow: 0, socket: 0 },
  pauseMs: { keepAlive: 25 },
}

interface LiveState {
  readonly slot: string
  /** The target of the live link or the line of the map. */
  readonly link: string
  /** The main process of the live slot. */
  readonly pid: string
}

/** Reads the live slot from the files of the router, which may be down. */
export async function liveState(site: Site): Promise<LiveState> {
  const { stdout } = await site.host.exec(`
link=$(readlink /srv/life/router/live || readlink /etc/nginx/sites-enabled/life.conf || cat /srv/life/router/live.map)
slot=$(printf %s "$link" | grep -oE 'blue|green')
printf '%s\\n' "$slot" "$link" "$(systemctl show -p MainPID --value "life@$slot.service")"`)
  const [slot = '', link = '', pid = ''] = stdout.split('\n')
  expect(pid, `There is no live slot: ${stdout}`).toMatch(/^[1-9]\d*$/)
  return { slot, link, pid }
}

/** Checks that there is one error line and one hint, or neither if the command succeeds. */
function assertOutput({ stdout, stderr }: Ended, { exit, cause, next: todo, silent }: Expected): void {
  if (silent) return
  const lines = `${stdout}\n${stderr}`.split('\n')
  const causes = lines.filter(line => /^error\b.*: .* \[[A-Z_]+\]$/.test(line))
  const nexts = lines.filter(line => /^ {2}next: ./.test(line))
  const many = exit === 0 ? 0 : 1
  expect.soft(causes, stdout + stderr).toHaveLength(many)
  expect.soft(nexts, stdout + stderr).toHaveLength(many)
  if (cause !== undefined) expect.soft(causes.join('\n')).toMatch(cause)
  if (todo !== undefined) expect.soft(nexts.join('\n')).toMatch(todo)
}

/** Checks that the lock becomes free within these milliseconds. */
export const lockIsFree = (site: Site, within = 2_000): Promise<void> =>
  expect
    .poll(async () => (await site.host.exec('flock -n /srv/life/lock true')).code, { timeout: within, interval: 100 })
    .toBe(0)

/** Checks that every release has its record, and each file of its artifact in full size. */
export async function assertReleasesWhole(site: Site): Promise<void> {
  const { stdout } = await site.host.exec(`cd /srv/life/releases
for name in *; do
  if [ -e "$name" ]; then printf '@ %s %s\\n' "$name" "$(tr -d '\\n' < "$name/release.json")"; find "$name" -type f -printf '%s %P\\n'; fi
done`)
  for (const release of stdout.split(/^@ /m).slice(1)) {
    const [head = '', ...files] = release.split('\n')
    const [, name = '', json = ''] = /^(\S+) (.*)$/.exec(head) ?? []
    const { version, sha256 } = JSON.parse(json || '{}') as Record<string, string>
    expect.soft(name, head).toBe(`${version}-${String(sha256).slice(0, 7)}`)
    if (version === undefined || sha256 === undefined) continue
    const wanted = await artifactFiles(site, version, sha256)
    expect.soft(wanted.length, name).toBeGreaterThan(100)
    expect
      .soft(
        wanted.filter(file => !files.includes(file)),
        name,
      )
      .toEqual([])
  }
}

/** Size and name of each file in the artifact of a release. */
async function artifactFiles(site: Site, version: string, sha256: string): Promise<readonly string[]> {
  const heavy = heavyPath(site, sha256)
  const artifact = existsSync(heavy) ? heavy : await lifeTarball(version)
  const known = listed.get(artifact) ?? filesIn(artifact)
  listed.set(artifact, known)
  return known
}

/** File lists by the path of the artifact, whose content does not change. */
const listed = new Map<string, Promise<readonly string[]>>()

async function filesIn(artifact: string): Promise<readonly string[]> {
  const { stdout } = await run('tar', ['-tvzf', artifact])
  return [...stdout.matchAll(/^-\S+ \S+ +(\d+) \S+ \S+ (?:\.\/)?(.+)$/gm)].map(([, size, name]) => `${size} ${name}`)
}

/** Partial releases, which have hidden names. */
export async function leftovers(site: Site): Promise<string[]> {
  const { stdout } = await site.host.exec('ls -A /srv/life/releases')
  return stdout.split('\n').filter(name => name.startsWith('.'))
}

/** Checks that the secret is not in the output, the files of the application, or systemd's journal. */
async function assertNoSecret(site: Site, output: string): Promise<void> {
  for (const form of SECRET_FORMS) expect.soft(output).not.toContain(form)
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-secret-'))
  try {
    const forms = join(folder, 'forms')
    await writeFile(forms, `${SECRET_FORMS.join('\n')}\n`)
    await site.host.copyIn(forms, '/root/forms')
    const { stdout } = await site.host.exec(`
grep -rlF --exclude=env -f /root/forms /srv/life --exclude-dir=releases
journalctl --no-pager | grep -F -f /root/forms`)
    expect.soft(stdout).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Writes a changed copy of the site's ssh configuration; resolves to its path, for `SSH_CONFIG`. */
export async function sshConfig(site: Site, name: string, change: (text: string) => string): Promise<string> {
  const path = join(site.folder, `ssh_config.${name}`)
  await writeFile(path, change(await readFile(site.host.sshConfigFile, 'utf8')))
  return path
}

/** Writes an ssh configuration for the same host through another port of this machine, such as that of a slow proxy; resolves to its path. */
export async function throughPort(site: Site, port: number): Promise<string> {
  const known = join(site.folder, `known_hosts.${port}`)
  const keys = await readFile(site.host.knownHostsFile, 'utf8')
  await writeFile(known, keys.replaceAll(`:${site.host.sshPort} `, `:${port} `))
  return sshConfig(site, String(port), text =>
    text.replace(/Port \d+/, `Port ${port}`).replace(/UserKnownHostsFile .*/, `UserKnownHostsFile "${known}"`),
  )
}
