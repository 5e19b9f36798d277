/** Adds a variable to an environment file of this machine. */
import { chmod, readFile, rename, stat, writeFile } from 'node:fs/promises'

/**
 * The text with the variable: in its line if that has no value, else at the end. Unchanged if it has a value.
 *
 * @param value without quotes, spaces and line breaks
 */
export function filledIn(text: string, name: string, value: string): string {
  const line = new RegExp(`^(?:export )?${name}=(.*)$`, 'm')
  const found = line.exec(text)
  if (found && !/^\s*(?:''|"")?\s*$/.test(found[1] ?? '')) return text
  if (found) return text.replace(line, () => `${name}=${value}`)
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${name}=${value}\n`
}

/** The variables that have a value in a file of this machine; none if it does not exist. */
export async function knownIn(path: string): Promise<readonly string[]> {
  const { parse } = await import('dotenv')
  const text = await readFile(path, 'utf8').catch(missing)
  return Object.entries(parse(text ?? '')).flatMap(([name, value]) => (value === '' ? [] : [name]))
}

const missing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error
  return undefined
}

/** Replaces the file in one step, with the mode that it has; a new one is readable by its owner alone. */
export async function fillIn(path: string, name: string, value: string): Promise<void> {
  const [text, found] = await Promise.all([readFile(path, 'utf8').catch(missing), stat(path).catch(missing)])
  const draft = `${path}.draft`
  await writeFile(draft, filledIn(text ?? '', name, value), { mode: 0o600 })
  if (found) await chmod(draft, found.mode & 0o777)
  await rename(draft, path)
}
