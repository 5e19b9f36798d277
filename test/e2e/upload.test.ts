/** Uploads as a person runs them, on a host of its own: what is on it already is not sent again, whatever happened before. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { type SlowProxy, startSlowProxy } from '../../dev/slow-proxy.ts'
import { leftovers, throughPort } from '../support/invariant.ts'

const exec = promisify(execFile)
const PARTS = 20
const PART = 400_000

let site: Site
let line: SlowProxy
/** Goes through `line`, which counts. */
let config: string

/** Any file that is named, whatever is in it: the source that the program brings takes nothing but gzip. */
const build = `{
  name: 'any file',
  create: ({ $ }) => ({
    async build() {
      const path = env.LIFE_TARBALL ?? ''
      const sha256 = (await $\`sha256sum \${path}\`.text()).slice(0, 64)
      return { path, version: env.LIFE_VERSION ?? '', sha256 }
    },
  }),
}`

beforeAll(async () => {
  site = await startSite({ build })
  expect(await site.task('setup')).toMatchObject({ code: 0 })
  line = await startSlowProxy(site.host.sshPort, {})
  config = await throughPort(site, line.port)
})
afterAll(async () => {
  await line?.[Symbol.asyncDispose]()
  await site?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await site.host.exec('find /srv/life/releases -mindepth 1 -delete')
})

interface Source {
  readonly folder: string
  change(path: string, content: string | Buffer): Promise<void>
  /** The environment in which a task uploads it as it is now. */
  packed(version: string, kind?: 'z' | 'J' | ''): Promise<Record<string, string>>
}

/** Files that do not pack, so that bytes on the line are those of the files. */
async function source(): Promise<Source> {
  const folder = await mkdtemp(join(site.folder, 'source-'))
  const change = async (path: string, content: string | Buffer) => writeFile(join(folder, path), content)
  await mkdir(join(folder, 'lib'))
  for (let i = 0; i < PARTS; i += 1) await change(`lib/part ${i}`, randomBytes(PART))
  return {
    folder,
    change,
    async packed(version, kind = 'z') {
      const path = `${folder}-${version}.tar${{ z: '.gz', J: '.xz', '': '' }[kind]}`
      await exec('tar', [`-c${kind}f`, path, '-C', folder, '.'])
      return { LIFE_TARBALL: path, LIFE_VERSION: version, SSH_CONFIG: config }
    },
  }
}

/** Uploads, and resolves to the bytes that went to the host for it. */
async function upload(environment: Record<string, string>): Promise<number> {
  const before = line.bytes.up
  const ended = await site.taskWith(environment, 'upload')
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
  return line.bytes.up - before
}

const releases = async () => (await site.host.exec('ls /srv/life/releases')).stdout.trim().split('\n')
const sums = 'find . -type f ! -name .manifest ! -name release.json -exec sha256sum {} + | sort -k 2'
const here = async ({ folder }: Source) => (await exec('bash', ['-c', sums], { cwd: folder })).stdout
const there = async (version: string) => (await site.host.exec(`cd /srv/life/releases/${version}-* && ${sums}`)).stdout

it('what had arrived when an upload was cut is not sent again', async () => {
  const it = await source()
  const environment = await it.packed('1.0.0')
  await using slow = await startSlowProxy(site.host.sshPort, { rate: 1_000_000 })
  const cutting = site.host.exec(`
    until [ "$(ls /srv/life/releases/.1.0.0-*/lib 2> /dev/null | wc -l)" -gt ${PARTS * 0.6} ]; do sleep 0.05; done
    kill -KILL $(pgrep -f '^sshd: vagrant')`)
  const cut = await site.taskWith({ ...environment, SSH_CONFIG: await throughPort(site, slow.port) }, 'upload')
  expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining('[CONNECTION_LOST]') })
  expect(await cutting).toMatchObject({ code: 0 })
  expect(await releases()).toEqual([''])

  expect(await upload(environment)).toBeLessThan(PARTS * PART * 0.5)
  expect(await there('1.0.0')).toBe(await here(it))
  expect(await leftovers(site)).toEqual([])
})

it('uploads at the same time, of one release or of two, do not disturb each other', async () => {
  const [one, other] = [await source(), await source()]
  const [same, different] = [await one.packed('2.0.0'), await other.packed('2.0.1')]
  const running = [same, same, different].map(environment => site.start(environment, 'upload').ended)
  for (const ended of await Promise.all(running)) expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
  expect(await there('2.0.0')).toBe(await here(one))
  expect(await there('2.0.1')).toBe(await here(other))
  expect(await releases()).toHaveLength(2)
  expect(await leftovers(site)).toEqual([])
})

it('a file that was changed by hand in an old release is found out, and sent', async () => {
  const it = await source()
  await upload(await it.packed('3.0.0'))
  await site.host.exec(`cd /srv/life/releases/3.0.0-*/lib && printf x | dd of='part 7' seek=100 bs=1 conv=notrunc`)
  await it.change('lib/new', 'a line\n')
  const sent = await upload(await it.packed('3.0.1'))
  expect(sent).toBeGreaterThan(PART)
  expect(sent).toBeLessThan(2 * PART)
  expect(await there('3.0.1')).toBe(await here(it))
})

it('an archive that only the host can look into is sent whole, once', async () => {
  const it = await source()
  const environment = await it.packed('4.0.0', '')
  expect(await upload(environment)).toBeGreaterThan(PARTS * PART)
  expect(await there('4.0.0')).toBe(await here(it))
  expect(await upload(environment)).toBeLessThan(PART)
  expect(await leftovers(site)).toEqual([])
})

it('an archive for which the host has no program is refused in the words of its tar, and nothing of it is kept', async () => {
  expect(await site.host.exec('command -v xz')).toMatchObject({ code: 1 })
  const it = await source()
  const ended = await site.taskWith(await it.packed('5.0.0', 'J'), 'upload')
  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('[ARTIFACT_REFUSED]')
  expect(ended.stderr).toContain('xz: Cannot exec')
  expect(await releases()).toEqual([''])
  expect(await leftovers(site)).toEqual([])
})
