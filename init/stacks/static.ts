/** A site of files, without a program of its own. */
import { firstOf } from '../folder.ts'
import { call, quoted, type Stack } from '../stack.ts'

export const staticSite: Stack = {
  name: 'static',
  title: 'a static site',
  found: folder => firstOf(folder, 'index.html', 'public/index.html'),
  parts(folder) {
    const below = !folder.has('index.html')
    return {
      imports: ['git', 'service'],
      build: call('git', below ? { path: quoted('public') } : {}),
      runtime: call('service', { start: quoted('busybox httpd -f -p 127.0.0.1:$PORT') }),
      notes: [
        'The router cannot serve files itself yet: the busybox of the host does, without compression and cache headers.',
        'The host needs `apt-get install busybox`.',
      ],
    }
  },
}
