/** Lines of several lengths to one host: a proxy for each, and an ssh configuration that goes through it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestHost } from '../dev/host.ts'
import { type SlowProxy, startSlowProxy } from '../dev/slow-proxy.ts'

export interface Line extends AsyncDisposable {
  /** Milliseconds, there and back. */
  readonly roundTrip: number
  readonly proxy: SlowProxy
  /** A configuration in which the host's alias goes through the proxy. */
  readonly sshConfigFile: string
}

/** A line that holds more than any of our uploads would put on it at once: only its length counts, not a window of its own. */
const WIDE = 64 * 1024 * 1024

export async function openLine(host: TestHost, folder: string, roundTrip: number): Promise<Line> {
  const proxy = await startSlowProxy(host.sshPort, { delayMs: roundTrip / 2, held: WIDE })
  const [config, keys] = await Promise.all([
    readFile(host.sshConfigFile, 'utf8'),
    readFile(host.knownHostsFile, 'utf8'),
  ])
  const known = join(folder, `known_hosts.${proxy.port}`)
  await writeFile(known, keys.replaceAll(`:${host.sshPort} `, `:${proxy.port} `))
  const sshConfigFile = join(folder, `ssh_config.${proxy.port}`)
  await writeFile(
    sshConfigFile,
    config.replace(/Port \d+/, `Port ${proxy.port}`).replace(/UserKnownHostsFile .*/, `UserKnownHostsFile "${known}"`),
  )
  return {
    roundTrip,
    proxy,
    sshConfigFile,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  }
}
