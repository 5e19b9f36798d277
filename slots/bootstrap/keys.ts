/** The keys that the deploying account gets: lines of authorized_keys(5) without options. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { bootstrapFaults } from './bootstrap-faults.ts'

const KEY = /^(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: .*)?$/

/** The keys in a text, such as an `authorized_keys` or a `.pub` file. A key with options is left out: a forced command would make the account useless. */
export const keysIn = (text: string): readonly string[] =>
  text
    .split('\n')
    .map(line => line.trim().replace(/\s+/g, ' '))
    .filter(line => KEY.test(line))

/**
 * The keys that the caller logs in with: those of the offered ones that the account accepts which the caller has logged in as. If it accepts none of them, as
 * for a certificate, the one that is offered first.
 */
export function callersKeys(offered: readonly string[], authorized: string): readonly string[] {
  const accepted = new Set(keysIn(authorized).map(dataOf))
  const known = offered.filter(key => accepted.has(dataOf(key)))
  return known.length > 0 ? known : offered.slice(0, 1)
}

const dataOf = (key: string) => key.split(' ').slice(0, 2).join(' ')

/** For messages: `ssh-ed25519 ...Ig8jnV4tjLZq me@desk`. */
export const shortKey = (key: string): string => key.replace(/^(\S+) \S*(\S{12})/, '$1 ...$2')

/**
 * Reads public keys from a file of this machine. For a private key it reads the public one beside it.
 *
 * @throws BOOTSTRAP_KEY_INVALID
 */
export async function readKeys(path: string): Promise<readonly string[]> {
  const file = path.replace(/^~(?=\/)/, homedir())
  const invalid = (why: string, cause?: unknown) => bootstrapFaults.BOOTSTRAP_KEY_INVALID({ path, why }, cause)
  const read = (at: string) =>
    readFile(at, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw invalid(error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${error.code}`, error)
    })
  const text = await read(file)
  const keys = keysIn(text.includes('PRIVATE KEY') ? await read(`${file}.pub`) : text)
  if (keys.length === 0) throw invalid('has no public key')
  return keys
}
