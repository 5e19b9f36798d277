/** Faults of the artifact, and of the file system that it is uploaded to. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../dev/site.ts'
import { startSlowProxy } from '../../dev/slow-proxy.ts'
import { type Entry, handTar } from '../support/hand-tar.ts'
import { deployNext, faultSite, heavyNext, leftovers, next, throughPort, underFault } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite()
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const releases = '/srv/life/releases'
/** Mounts a file system over the releases. The running processes have loaded all that they need. */
const mount = async (options: string) => {
  const { code, stderr } = await site.host.exec(
    `mount -t tmpfs -o ${options},uid=$(id -u vagrant),gid=$(id -g vagrant),mode=755 tmpfs ${releases}`,
  )
  expect(stderr).toSatisfy(() => code === 0)
}
const unmount = async () => {
  expect(await leftovers(site)).toEqual([])
  expect(await site.host.exec(`umount ${releases}`)).toMatchObject({ code: 0 })
}
const upload = async () => site.taskWith(await next(), 'upload')

describe('a host without space', () => {
  it('F15 with a full disk is refused by the preflight with the sizes', async () => {
    await mount('size=8m')
    await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /disk: 8\.4 MB free on \/srv\/life\/releases, \d+\.\d MB needed/,
      next: /Make room there/,
      heal: unmount,
    })
  })

  it('F15 with a full disk fails an upload without a preflight, and the truncated file is removed', async () => {
    await mount('size=4m')
    await underFault(site, upload, {
      exit: 1,
      cause: /no space on life-test for .*: it needs \d+\.\d MB, \d+(?:\.\d+)? [kM]?B free/,
      next: /Make room there .*Nothing was left behind/,
      heal: unmount,
    })
  })

  it('F16 without free inodes is refused by the preflight with the numbers', async () => {
    await mount('size=100m,nr_inodes=20')
    await underFault(site, () => deployNext(site, {}, '--promote'), {
      exit: 3,
      cause: /inodes: \d+ inodes free on \/srv\/life\/releases, \d+ needed/,
      next: /Remove files there/,
      heal: unmount,
    })
  })

  it('F16 without free inodes fails an upload without a preflight, and no file is kept', async () => {
    await mount('size=100m,nr_inodes=20')
    await underFault(site, upload, {
      exit: 1,
      cause: /no space on life-test for .*No space left on device/,
      next: /Make room there/,
      heal: unmount,
    })
  })
})

describe('an artifact', () => {
  it('F18 that arrives corrupted is detected by its sha256, and not unpacked', async () => {
    await using proxy = await startSlowProxy(site.host.sshPort, { rate: 2_000_000 })
    const config = await throughPort(site, proxy.port)
    const heavy = await heavyNext(site)
    await underFault(
      site,
      async () => {
        const running = site.start({ ...heavy, SSH_CONFIG: config }, 'deploy', '--verbose')
        await running.says(/\| [3-6]\.\d MB of \d+\.\d MB/)
        const flip = `cd ${releases}/.0.1.1-* && until [ -s ballast ]; do sleep 0.02; done
          byte=$(od -An -tu1 -j 1000 -N 1 ballast) &&
          printf "\\\\x$(printf %02x $((byte ^ 1)))" | dd of=ballast bs=1 seek=1000 conv=notrunc status=none`
        const { code, stderr } = await site.host.exec(flip)
        expect(stderr).toSatisfy(() => code === 0)
        return running.ended
      },
      {
        exit: 1,
        cause: /The file .*ballast arrived damaged on .*: sent (\d+) bytes, sha256 \w+, arrived \1 bytes, sha256 \w+/,
        next: /Try again/,
        again: heavy,
      },
    )
  })

  it.each<[string, readonly Entry[]]>([
    ['a name with ".."', [{ name: '../escaped', text: 'x' }]],
    ['".." in the middle of a name', [{ name: 'bin/../../../escaped', text: 'x' }]],
    ['an absolute name', [{ name: '/tmp/escaped', text: 'x' }]],
    ['a link to an absolute place', [{ name: 'bin', type: 'link', target: '/etc' }]],
    ['a link that leads outside', [{ name: 'lib/link', type: 'link', target: '../../../slots/blue/env' }]],
    [
      'a file behind a link that leads outside',
      [
        { name: 'out', type: 'link', target: '/tmp' },
        { name: 'out/escaped', text: 'x' },
      ],
    ],
    ['a hard link to a file of the host', [{ name: 'passwd', type: 'hard link', target: '/etc/passwd' }]],
    ['a device', [{ name: 'null', type: 'device' }]],
    ['a named pipe', [{ name: 'pipe', type: 'pipe' }]],
  ])('F19 that is a tar with %s is refused, and nothing is written outside', async (_, entries) => {
    const artifact = join(site.folder, 'hand-made.tar.gz')
    await writeFile(artifact, handTar([{ name: 'bin/life', text: '#!/bin/sh\n' }, ...entries]))
    const snapshot = `find / -xdev -name escaped -not -path '/proc/*' 2>/dev/null; sha256sum /etc/passwd /srv/life/slots/blue/env; ls -A ${releases}`
    const before = await site.host.exec(snapshot)
    await underFault(
      site,
      () => site.taskWith({ LIFE_VERSION: '6.6.6', LIFE_TARBALL: artifact }, 'deploy', '--promote'),
      {
        exit: 1,
        cause: /The artifact .* was refused: .*\[ARTIFACT_REFUSED\]/,
        next: /Check how it is built\. Nothing of it was kept on the host/,
        noDeploy: true,
      },
    )
    expect(await site.host.exec(snapshot)).toEqual(before)
  })
})
