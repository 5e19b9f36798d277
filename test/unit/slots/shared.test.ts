/** What `shared` may list, and which of it is a file. */
import { describe, expect, it } from 'vitest'
import { layout } from '../../../slots/layout.ts'
import { sharedPaths } from '../../../slots/shared.ts'

describe('sharedPaths', () => {
  it('accepts paths in a release, with or without a trailing slash', () => {
    expect(sharedPaths(['storage', 'priv/uploads/', '.htpasswd', { file: 'db/live.sqlite3' }])).toEqual([
      { path: 'storage', kind: 'folder' },
      { path: 'priv/uploads', kind: 'folder' },
      { path: '.htpasswd', kind: 'unclear' },
      { path: 'db/live.sqlite3', kind: 'file' },
    ])
    expect(layout('/srv/life', sharedPaths(['priv/uploads/', { file: '.htpasswd' }])).shared.paths).toEqual([
      'priv/uploads',
      '.htpasswd',
    ])
  })

  it.each(['.htpasswd', 'config/extra.json', 'db/production.sqlite3', 'x.tar.gz', '.well-known', 'a.b/c.db', 'x.d2'])(
    'does not guess whether %s is a file, unless the Taskfile says it',
    path => {
      const kinds = sharedPaths([path]).concat(sharedPaths([`${path}/`]), sharedPaths([{ file: path }]))
      expect(kinds.map(({ kind }) => kind)).toEqual(['unclear', 'folder', 'file'])
    },
  )

  it.each(['storage', 'public/uploads', 'config.d', 'v1.2', 'a.b/c', '.bundle/gems', 'MASTER_KEY'])(
    'takes %s for a folder',
    path => {
      expect(sharedPaths([path])).toEqual([{ path, kind: 'folder' }])
    },
  )

  it.each([
    [['/etc']],
    [['../x']],
    [['a/../b']],
    [['a/..']],
    [['.']],
    [['..']],
    [['./a']],
    [['']],
    [['/']],
    [['a b']],
    [['-rf']],
    [['a/-rf']],
    [['a//b']],
    [[{ file: 'a/' }]],
    [[{ file: '/etc/passwd' }]],
    [['storage', 'storage/a']],
    [['storage', { file: 'storage/a' }]],
    [['storage', 'storage']],
    [['release.json']],
    [['.upload/lock']],
    [[{ file: '.manifest' }]],
  ])('rejects %j', paths => {
    expect(() => sharedPaths(paths)).toThrow(
      expect.objectContaining({ code: 'NAME_INVALID', exitCode: 2, field: ['shared'] }),
    )
  })
})
