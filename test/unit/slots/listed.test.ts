/** Runs the script that lists releases on this machine, in folders like those of a host. */
import { mkdir, mkdtemp, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import { layout } from '../../../slots/layout.ts'
import { slotsOf } from '../../../slots/slot.ts'
import { listReleases, releasesTable } from '../../../slots/upload/listed.ts'

const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })

async function hostWith(
  releases: Readonly<Record<string, string | undefined>>,
  used: Readonly<Record<string, string>>,
) {
  const folders = layout(await mkdtemp(join(tmpdir(), 'switchyard-listed-')))
  await mkdir(folders.releases, { recursive: true })
  for (const [i, [name, record]] of Object.entries(releases).entries()) {
    const dir = folders.release(name)
    await mkdir(dir)
    if (record !== undefined) await writeFile(join(dir, 'release.json'), record)
    await utimes(dir, 1_000 + i, 1_000 + i)
  }
  for (const [slot, name] of Object.entries(used)) {
    await mkdir(folders.slot(slot).dir, { recursive: true })
    await symlink(folders.release(name), folders.slot(slot).current)
  }
  await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
  return host.query(listReleases(folders, slots))
}

const record = (version: string) =>
  JSON.stringify(
    { version, sha256: 'f', revision: `${version}0123456789`, by: 'ann@desk', at: '2026-11-25T10:00:00.000Z' },
    null,
    2,
  )

it('releases are listed newest first, with the slots that use them', async () => {
  const found = await hostWith({ '1-a': record('1'), '2-b': record('2') }, { blue: '2-b', green: '1-a' })
  expect(found.map(({ name, slots }) => [name, slots])).toEqual([
    ['2-b', ['blue']],
    ['1-a', ['green']],
  ])
  const lines = releasesTable(found, 'blue')
    .split('\n')
    .map(line => line.trim().replace(/ {2,}/g, '  '))
  expect(lines).toEqual([
    'release  slot  uploaded  by  revision',
    '2-b  blue (live)  2026-11-25 10:00:00Z  ann@desk  2012345678',
    '1-a  green  2026-11-25 10:00:00Z  ann@desk  1012345678',
  ])
})

it('releases used by both slots or with a damaged record are listed, unfinished uploads are not', async () => {
  const found = await hostWith(
    { '1-a': record('1'), '2-b': '{', '.3-c.part': undefined, '4-d': undefined },
    { blue: '1-a', green: '1-a' },
  )
  expect(found).toEqual([
    { name: '2-b', version: null, sha256: null, revision: null, by: null, at: null, slots: [] },
    expect.objectContaining({ name: '1-a', version: '1', sha256: 'f', slots: ['blue', 'green'] }),
  ])
})

it('a host without releases is reported as such', async () => {
  expect(releasesTable(await hostWith({}, {}), undefined)).toBe('No release has been uploaded yet.')
})
