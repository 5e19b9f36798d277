/** A site of files, without a program of its own. */
import { firstOf } from '../folder.ts'
import { call, quoted, type Stack } from '../stack.ts'

export const staticSite: Stack = {
  name: 'static',
  title: 'a static site',
  // HAProxy serves no files.
  routers: () => ['nginx', 'caddy'],
  found: folder => firstOf(folder, 'index.html', 'public/index.html'),
  parts(folder) {
    const below = !folder.has('index.html')
    return {
      imports: ['files', 'git'],
      build: call('git', below ? { path: quoted('public') } : {}),
      runtime: call('files', {}),
      notes: [],
    }
  },
}
