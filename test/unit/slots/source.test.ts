import { expect, it } from 'vitest'
import { layout } from '../../../slots/layout.ts'
import type { Listed } from '../../../slots/upload/listed.ts'
import { chooseRelease } from '../../../slots/upload/source.ts'

const folders = layout('/srv/life')

const listed = (name: string, version: string | null = name.slice(0, -8)): Listed => ({
  name,
  version,
  sha256: version && `${name.slice(-7)}${'0'.repeat(57)}`,
  revision: 'c0ffee',
  by: 'ann@desk',
  at: '2026-11-25T10:00:00.000Z',
  slots: [],
})
const host = [
  listed('0.2.0-aaaaaaa'),
  listed('0.1.1-bbbbbbb'),
  listed('0.1.1-ccccccc'),
  listed('1.0-rc.1-ddddddd'),
  listed('0.0.9-eeeeeee', null),
]
const choose = (wanted: string, of = host) => chooseRelease('web-1', of, wanted, folders)

it.each([
  ['0.2.0', '0.2.0-aaaaaaa'],
  ['0.2.0-aaaaaaa', '0.2.0-aaaaaaa'],
  ['0.1.1-ccccccc', '0.1.1-ccccccc'],
  ['1.0-rc.1', '1.0-rc.1-ddddddd'],
])('the release %s of a host is %s', (wanted, name) => {
  const { release, revision } = choose(wanted)
  const sha256 = `${name.slice(-7)}${'0'.repeat(57)}`
  expect(release).toEqual({ name, version: name.slice(0, -8), sha256, dir: `/srv/life/releases/${name}` })
  expect(revision).toBe('c0ffee')
})

it('a whole name is preferred to a version of the same text', () => {
  const odd = [listed('1-aaaaaaa-bbbbbbb'), listed('1-aaaaaaa')]
  expect(choose('1-aaaaaaa', odd).release.name).toBe('1-aaaaaaa')
})

it.each(['0.1', '0.2.0-aaaaaa', '0.2.0-AAAAAAA', 'aaaaaaa', 'green'])(
  'a release %s that the host does not have is refused with the list of those that it has',
  wanted => {
    expect(() => choose(wanted)).toThrow(
      expect.objectContaining({
        code: 'RELEASE_UNKNOWN',
        exitCode: 3,
        message: `There is no release ${wanted} on web-1.`,
        detail: expect.stringMatching(/0\.2\.0-aaaaaaa[\s\S]*0\.1\.1-bbbbbbb[\s\S]*0\.0\.9-eeeeeee/),
      }),
    )
  },
)

it('a version of several releases is refused with their names', () => {
  expect(() => choose('0.1.1')).toThrow(
    expect.objectContaining({
      code: 'RELEASE_AMBIGUOUS',
      exitCode: 3,
      message: 'web-1 has 2 releases of the version 0.1.1.',
      hint: 'Give the whole name of one: 0.1.1-bbbbbbb, 0.1.1-ccccccc.',
      detail: expect.not.stringContaining('0.2.0'),
    }),
  )
})

it('a host without releases is reported as such', () => {
  expect(() => choose('0.1.1', [])).toThrow(
    expect.objectContaining({ code: 'RELEASE_UNKNOWN', detail: 'No release has been uploaded yet.' }),
  )
})

it('a release whose record is damaged is refused', () => {
  expect(() => choose('0.0.9')).toThrow(
    expect.objectContaining({
      code: 'RECORD_UNREADABLE',
      exitCode: 3,
      message: 'The record /srv/life/releases/0.0.9-eeeeeee/release.json is not valid JSON.',
    }),
  )
})

it('a release of the host that was removed meanwhile cannot be uploaded again', async () => {
  const source = choose('0.2.0')
  expect(await source.diskUsage()).toBeUndefined()
  await expect(source.again(() => undefined)).rejects.toMatchObject({ code: 'RELEASE_GONE', exitCode: 3 })
})
