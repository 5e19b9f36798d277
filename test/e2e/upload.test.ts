/** Uploads to a host of its own: files that are on it already are not sent again, whatever happened before. */
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
/** An ssh configuration that connects through `line`, which counts bytes. */
let config: string

/** A build source that takes any file; the program's own takes gzip only. */
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
  /** Packs the folder as it is now; resolves to the environment in which a task uploads it. */
  packed(version: string, kind?: 'z' | 'J' | ''): Promise<Record<string, string>>
}

/** A folder of random files, which do not compress, so the bytes on the line are those of the files. */
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

/** Uploads, and resolves to the number of bytes that were sent to the host. */
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

it('an upload after one that was cut does not send again what had arrived', async () => {
  const tree = await source()
  const environment = await tree.packed('1.0.0')
  await using slow = await startSlowProxy(site.host.sshPort, { rate: 1_000_000 })
  const cutting = site.host.exec(`
    until [ "$(ls /srv/life/releases/.1.0.0-*/lib 2> /dev/null | wc -l)" -gt ${PARTS * 0.6} ]; do sleep 0.05; done
    kill -KILL $(pgrep -f '^sshd: vagrant')`)
  const cut = await site.taskWith({ ...environment, SSH_CONFIG: await throughPort(site, slow.port) }, 'upload')
  expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining('[CONNECTION_LOST]') })
  expect(await cutting).toMatchObject({ code: 0 })
  expect(await releases()).toEqual([''])

  expect(await upload(environment)).toBeLessThan(PARTS * PART * 0.5)
  expect(await there('1.0.0')).toBe(await here(tree))
  expect(await leftovers(site)).toEqual([])
})

it('simultaneous uploads of one release or of two do not disturb each other', async () => {
  const [first, second] = [await source(), await source()]
  const [same, different] = [await first.packed('2.0.0'), await second.packed('2.0.1')]
  const running = [same, same, different].map(environment => site.start(environment, 'upload').ended)
  for (const ended of await Promise.all(running)) expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
  expect(await there('2.0.0')).toBe(await here(first))
  expect(await there('2.0.1')).toBe(await here(second))
  expect(await releases()).toHaveLength(2)
  expect(await leftovers(site)).toEqual([])
})

it('an upload detects a file that was changed by hand in an old release, and sends it', async () => {
  const tree = await source()
  await upload(await tree.packed('3.0.0'))
  await site.host.exec(`cd /srv/life/releases/3.0.0-*/lib && printf x | dd of='part 7' seek=100 bs=1 conv=notrunc`)
  await tree.change('lib/new', 'a line\n')
  const sent = await upload(await tree.packed('3.0.1'))
  expect(sent).toBeGreaterThan(PART)
  expect(sent).toBeLessThan(2 * PART)
  expect(await there('3.0.1')).toBe(await here(tree))
})

it('an archive that only the host can read is sent whole, once', async () => {
  const tree = await source()
  const environment = await tree.packed('4.0.0', '')
  expect(await upload(environment)).toBeGreaterThan(PARTS * PART)
  expect(await there('4.0.0')).toBe(await here(tree))
  expect(await upload(environment)).toBeLessThan(PART)
  expect(await leftovers(site)).toEqual([])
})

it('an archive for which the host has no program is refused with the message of its tar, and not kept', async () => {
  expect(await site.host.exec('command -v xz')).toMatchObject({ code: 1 })
  const tree = await source()
  const ended = await site.taskWith(await tree.packed('5.0.0', 'J'), 'upload')
  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('[ARTIFACT_REFUSED]')
  expect(ended.stderr).toContain('xz: Cannot exec')
  expect(await releases()).toEqual([''])
  expect(await leftovers(site)).toEqual([])
})
