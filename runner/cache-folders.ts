/** Where compiled code is kept between runs. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** The folders to try, for the code of a folder: beside its packages, then in the user's cache. */
export function cacheFolders(folder: string, env: Readonly<Record<string, string | undefined>>): string[] {
  const folders: string[] = []
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, 'node_modules')
    if (existsSync(modules)) folders.push(join(modules, '.cache', 'switchyard'))
    if (folders.length > 0 || at === dirname(at)) break
  }
  return [...folders, join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'switchyard')]
}
