/** Several hosts in one ssh configuration. */
import { readFile, writeFile } from 'node:fs/promises'

/**
 * Writes one ssh configuration out of one for each host, in which each has a name of its own.
 *
 * @param files in the order of the names
 */
export async function joinConfigs(path: string, files: readonly string[], names: readonly string[]): Promise<void> {
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8')))
  await writeFile(path, texts.map((text, i) => text.replace('Host life-test', `Host ${names[i]}`)).join('\n'))
}
