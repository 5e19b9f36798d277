/** The location of this package. This file is one folder below its root, and so is the bundle that contains it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of this package, by its path from the root. */
export const packageUrl = (path: string): URL => new URL(`../${path}`, import.meta.url)

export const packagePath = (path: string): string => fileURLToPath(packageUrl(path))

/** The name of this package, which Taskfiles import, and its version. */
export const manifest = (): { readonly name: string; readonly version: string } =>
  JSON.parse(readFileSync(packageUrl('package.json'), 'utf8'))

/** The tests run the source; users run the bundle. */
export const isSource: boolean = import.meta.url.endsWith('.ts')

/** The folders of our own code, each with a slash at its end. */
export const CODE: readonly string[] = (isSource ? ['runner', 'host', 'slots', 'tasks', 'plugins'] : ['dist']).map(
  folder => packagePath(`${folder}/`),
)

/** Whether a path, or a line of a stack trace, is in our own code. */
export const isOwnCode = (place: string): boolean => CODE.some(folder => place.includes(folder))
