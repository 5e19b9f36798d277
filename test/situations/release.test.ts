/** Releases on a host: they are pruned meanwhile, the application writes into them, their file system is mounted in unusual ways. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Ended, Site } from '../../dev/site.ts'
import { quote } from '../../host/script.ts'
import { layout } from '../../slots/layout.ts'
import { prune } from '../../slots/upload/release.ts'
import { outputOf } from '../support/ended.ts'
import { handTar } from '../support/hand-tar.ts'
import { assertCleanAfter, faultSite, heavyNext, next, succeeds, underFault } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite({
    more: "shared: ['storage', { file: 'config/extra.json' }],",
    tasks: 'export const { doctor } = tasks',
  })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const releases = '/srv/life/releases'
const sh = async (command: string) => {
  const ended = await site.host.exec(command)
  expect(ended, command + ended.stderr).toMatchObject({ code: 0 })
  return ended.stdout
}
const asDeployer = (command: string) => sh(`runuser -u vagrant -- bash -c ${quote(command)}`)
/** Process and release of the idle slot. */
const green = () => sh('systemctl show -p MainPID --value life@green.service; readlink /srv/life/slots/green/current')
const doctor = async () => {
  const { stdout } = await site.task('doctor', '--json')
  const lines = stdout.trim().split('\n')
  const { data } = JSON.parse(lines.at(-1) ?? '{}')
  return data.checks as { name: string; result: string; message: string; hint: string | null }[]
}

describe('F72 a deploy that waits for the lock', () => {
  /** Runs a deploy while another one holds the lock; runs `work` as that one, and then releases the lock. */
  async function meanwhile(environment: Record<string, string>, work: string): Promise<Ended> {
    const holding = site.host.exec(`rm -f /tmp/let-go
      runuser -u vagrant -- flock /srv/life/lock bash -euc 'echo {} > /srv/life/lock; until [ -e /tmp/let-go ]; do sleep 0.1; done'`)
    await expect.poll(async () => (await site.host.exec('flock -n /srv/life/lock true')).code).toBe(1)
    const deploying = site.start(environment, 'deploy', '--lock-wait', '5m', '--verbose')
    await deploying.says(/^> Take the lock$/m)
    await asDeployer(work)
    await sh('touch /tmp/let-go')
    await holding
    return deploying.ended
  }
  const olderThanOthers = `cd ${releases}; touch -d 2020-01-01 0.1.1-*; for i in 1 2 3 4 5; do mkdir 0.0.$i-aaaaaaa; done`
  const pruned = `${olderThanOthers}; ${prune(layout('/srv/life')).text}; rm -rf 0.0.*`

  it.each([
    ['it had just sent', pruned],
    ['was there before', pruned],
    [
      'is there only in part, as after a power loss,',
      `cd ${releases}; chmod -R u+w 0.1.1-*; rm -rf 0.1.1-*/bin 0.1.1-*/release.json`,
    ],
  ])('F72 uploads a release again that %s and was removed meanwhile', async (_, work) => {
    if (work !== pruned)
      await sh(`rm -rf ${releases}/0.1.1-*; ln -sfn "$(ls -d ${releases}/0.1.0-*)" /srv/life/slots/green/current`)
    const ended = await underFault(site, async () => meanwhile(await next(), work), { exit: 0, noDeploy: true })
    expect(ended.stdout).toMatch(/0\.1\.1-\w+ was removed while this deploy waited for the lock\. Uploading it again\./)
    expect(await green()).toContain('/0.1.1-')
    await sh(`ln -sfn "$(ls -d ${releases}/0.1.0-*)" /srv/life/slots/green/current`)
  })
})

describe('F76 a release', () => {
  it('F76 cannot be changed by its user or the application, but can be pruned', async () => {
    const dir = (await sh(`ls -d ${releases}/0.1.1-*`)).trim()
    for (const path of ['upload.png', 'bin/upload.png', 'bin/life', 'lib/new', 'release.json']) {
      const written = await site.host.exec(`runuser -u vagrant -- bash -c 'echo x > ${dir}/${path}'`)
      expect(written, path).toMatchObject({ code: 1, stderr: expect.stringMatching(/Permission denied/) })
    }
    // Whichever user runs it, its unit mounts the releases read-only.
    const pid = (await sh('systemctl show -p MainPID --value life@blue.service')).trim()
    expect(await sh(`cat /proc/${pid}/mounts`)).toMatch(/^\S+ \/srv\/life\/releases \S+ ro,/m)
    await asDeployer(`cp -a ${dir} ${releases}/0.0.9-bbbbbbb; ${prune(layout('/srv/life'), 0).text}`)
    expect(await sh(`ls -A ${releases}`)).not.toMatch(/0\.0\.9|removed/)
  })

  it('F76 shares folders and files with the next one, and they are not compared with the manifest', async () => {
    await asDeployer('echo 1 > /srv/life/shared/storage/upload.png')
    // No artifact has it, and only the Taskfile says that it is a file.
    const stated = await sh("stat -c '%F, %a, %U' /srv/life/shared/config/extra.json")
    expect(stated).toBe('regular empty file, 600, vagrant\n')
    const deployed = await site.taskWith(await next(), 'deploy')
    expect(deployed, outputOf(deployed)).toMatchObject({ code: 0 })
    const [blue, current] = ['blue', 'green'].map(slot => `/srv/life/slots/${slot}/current`)
    await asDeployer(
      `echo 2 > ${current}/storage/other.png; cat ${blue}/storage/other.png ${current}/storage/upload.png`,
    )
    expect((await doctor()).find(({ name }) => name === 'releases')).toMatchObject({ result: 'ok' })
    await assertCleanAfter(site, deployed)
  })

  it('F76 provides a shared file only the first time, and later ones leave it unchanged', async () => {
    const artifact = join(site.folder, 'small.tar.gz')
    const upload = async (text: string) => {
      await writeFile(
        artifact,
        handTar([
          { name: 'bin/life', text: '' },
          { name: 'config/extra.json', text },
          { name: 'storage/.keep', text: '' },
        ]),
      )
      const ended = await site.taskWith({ LIFE_VERSION: '7.0.0', LIFE_TARBALL: artifact }, 'upload')
      expect(ended, outputOf(ended)).toMatchObject({ code: 0 })
    }
    await sh('rm -rf /srv/life/shared/config')
    await upload('{"first":1}')
    await upload('{"second":1}')
    expect(await sh(`cat ${releases}/7.0.0-*/config/extra.json`)).toBe('{"first":1}{"first":1}')
    await asDeployer(`echo changed > "$(ls -d ${releases}/7.0.0-* | head -n 1)/config/extra.json"`)
    expect(await sh(`cat ${releases}/7.0.0-*/config/extra.json`)).toBe('changed\nchanged\n')
    await sh(`rm -rf ${releases}/7.0.0-*`)
  })

  it('F76 that is older than a path of `shared` is refused before the idle slot is stopped', async () => {
    const dir = (await sh(`readlink -f /srv/life/slots/blue/current`)).trim()
    await sh(`rm ${dir}/storage; mkdir ${dir}/storage`)
    const before = await green()
    await underFault(site, () => site.task('deploy'), {
      exit: 3,
      cause: /0\.1\.0-\w+ was uploaded before `shared` listed storage.*\[RELEASE_NOT_SHARED\]/,
      next: /Build it as another version/,
      heal: () => sh(`rmdir ${dir}/storage; ln -s /srv/life/shared/storage ${dir}/storage`),
      noDeploy: true,
    })
    expect(await green()).toBe(before)
  })

  it('F76 whose files were changed by hand, are gone or are new is reported by doctor', async () => {
    const dir = (await sh(`readlink -f /srv/life/slots/blue/current`)).trim()
    await sh(
      `cp -a ${dir} /root/kept; echo '# x' >> ${dir}/bin/life; mv ${dir}/releases/COOKIE /root/; mkdir ${dir}/uploads; echo > ${dir}/uploads/a.png`,
    )
    const check = (await doctor()).find(({ name }) => name === 'releases')
    expect(check).toMatchObject({ result: 'warn', hint: expect.stringContaining('`shared`') })
    expect(
      check?.message
        .match(/0\.1\.0-\w+\/[\w/.]+/g)
        ?.map(path => path.replace(/^[^/]*\//, ''))
        .sort(),
    ).toEqual(['bin/life', 'releases/COOKIE', 'uploads/a.png'])
    await sh(
      `rm -r ${dir}/uploads; mv /root/COOKIE ${dir}/releases/; cp -a /root/kept/bin/life ${dir}/bin/life; rm -r /root/kept`,
    )
    expect((await doctor()).find(({ name }) => name === 'releases')).toMatchObject({ result: 'ok' })
  })
})

describe('F80 a mount', () => {
  let mounted: string | undefined
  /** Bind-mounts a folder on itself with options that apply to this mount only. */
  const mount = async (folder: string, options: string) => {
    await sh(`mount --bind ${folder} ${folder}`)
    mounted = folder
    await sh(`mount -o remount,bind,${options} ${folder}`)
  }
  const unmount = async () => {
    if (mounted) await sh(`umount -l ${mounted}`)
    mounted = undefined
  }
  afterEach(unmount)

  it.each([
    [
      'of the application folder that is read-only',
      '/srv/life',
      'ro',
      /mounts: \/srv\/life is mounted read-only/,
      /mount -o remount,rw \/srv\/life/,
    ],
    [
      'of the releases that is noexec',
      releases,
      'noexec',
      /mounts: .*noexec: no program of a release/,
      /remount,exec .*or set `root`/,
    ],
    ['of /srv that is noexec', '/srv', 'noexec', /mounts: \/srv is mounted noexec/, /remount,exec \/srv/],
  ])('F80 %s stops a deploy before the idle slot is stopped', async (_, folder, options, cause, todo) => {
    const before = await green()
    await mount(folder, options)
    await underFault(site, async () => site.taskWith(await next(), 'deploy', '--promote'), {
      exit: 3,
      cause,
      next: todo,
      heal: unmount,
      noDeploy: true,
    })
    expect(await green()).toBe(before)
  })

  it('F80 that became read-only allows status, and every command that writes is refused with the reason', async () => {
    await mount('/srv/life', 'ro')
    expect((await succeeds(site, 'status')).stdout).toContain('All agree')
    for (const args of [['promote', 'green'], ['migrate'], ['upload']]) {
      const ended = await site.taskWith(await heavy(), ...args)
      expect(ended.code, args + outputOf(ended)).toBe(3)
      expect(ended.stderr).toMatch(/\/srv\/life on life-test cannot be written by its owner: .*\[ROOT_NOT_WRITABLE\]$/m)
      expect(ended.stderr).toMatch(/^ {2}next: Check `findmnt -T \/srv\/life`/m)
    }
    await unmount()
    await assertCleanAfter(site)
  })

  /** The environment for a release that is not on the host. */
  const heavy = async () => {
    const artifact = join(site.folder, 'other.tar.gz')
    await writeFile(artifact, handTar([{ name: 'bin/life', text: 'other' }]))
    return { LIFE_VERSION: '8.0.0', LIFE_TARBALL: artifact }
  }

  it('F80 of /tmp that is noexec is reported by doctor, and a deploy works', async () => {
    await mount('/tmp', 'noexec')
    const check = (await doctor()).find(({ name }) => name === 'mounts')
    expect(check).toMatchObject({ result: 'ok', message: expect.stringContaining('/tmp is noexec') })
    const deployed = await site.taskWith(await next(), 'deploy')
    expect(deployed, outputOf(deployed)).toMatchObject({ code: 0 })
  })

  it('F80 with an exhausted quota stops a deploy before the idle slot is stopped', async () => {
    // No file system of the test host can have quotas, so this tar prints the error of one.
    const full = `#!/bin/sh
case $1 in -c*) exec /usr/bin/tar "$@" ;; esac
echo 'tar: lib/x: Cannot write: Disk quota exceeded' >&2
exit 2
`
    await sh(`printf %s ${quote(full)} > /usr/local/bin/tar; chmod +x /usr/local/bin/tar`)
    const before = await green()
    await underFault(site, async () => site.taskWith(await heavyNext(site), 'deploy'), {
      exit: 1,
      cause: /no space on life-test for .*quota exceeded/i,
      next: /Raise the quota of the deploying user \(`quota -s`/,
      heal: () => sh('rm /usr/local/bin/tar'),
      noDeploy: true,
    })
    expect(await green()).toBe(before)
  })
})
