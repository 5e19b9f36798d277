/** Adds this package to the folder's development dependencies. */
import type { Shell } from '../runner/task.ts'
import { lastLines } from '../runner/units.ts'
import { initFaults as faults } from './faults.ts'
import { type Folder, jsonIn, objectIn } from './folder.ts'
import { managerOf } from './package-manager.ts'

/**
 * The command that installs what is missing, as a list of words; undefined if nothing is.
 *
 * @param from the name of this package
 * @param spec what to install instead of its newest version, such as the path of a tarball
 */
export function installCommand(folder: Folder, from: string, spec: string): readonly string[] | undefined {
  const { dependencies, devDependencies } = jsonIn(folder, 'package.json')
  const present = { ...objectIn(dependencies), ...objectIn(devDependencies) }
  const lacks = (name: string) => !Object.hasOwn(present, name)
  // The Taskfile's types need those of Node.js.
  const wanted = [...(lacks(from) ? [spec] : []), ...(lacks('@types/node') ? ['@types/node'] : [])]
  return lacks(from) ? [...managerOf(folder).add, ...wanted] : undefined
}

/** @throws INIT_INSTALL_FAILED */
export async function install($: Shell, command: readonly string[]): Promise<void> {
  try {
    await $`${command}`
  } catch (error) {
    const { stderr, stdout, exitCode } = error as { stderr?: string; stdout?: string; exitCode?: number | null }
    // Without an exit code it was interrupted, or the error is another one.
    if (typeof exitCode !== 'number') throw error
    const output = lastLines(stderr?.trim() || stdout?.trim() || `exit code ${exitCode}`)
    throw faults.INIT_INSTALL_FAILED({ command: command.join(' '), output }, error)
  }
}
