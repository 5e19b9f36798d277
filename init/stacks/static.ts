/** A site of files, without a program of its own. */
import { firstOf } from '../folder.ts'
import { BUILT_BY, builtBy, call, quoted, type Stack } from '../stack.ts'

/** What `init` writes beside the site, and the files of git and of its server. */
const UNPUBLISHED = ['Taskfile.ts', 'tsconfig.json', 'package*.json', '.git?*']

export const staticSite: Stack = {
  name: 'static',
  title: 'a static site',
  // HAProxy serves no files.
  routers: () => ['nginx', 'caddy'],
  found: folder => firstOf(folder, 'index.html', 'public/index.html'),
  parts(folder) {
    const site = { runtime: call('files', {}), answersHealth: true }
    if (!folder.has('index.html'))
      return { ...site, imports: ['files', 'git'], build: call('git', { path: quoted('public') }), notes: [] }
    return {
      ...site,
      imports: ['files', ...BUILT_BY],
      build: builtBy(`rm -rf ${UNPUBLISHED.join(' ')}`),
      notes: ['The public can read all other files of the repository: list in `run` what is not part of the site.'],
    }
  },
}
