/** Network links with a given latency to one host: each is a proxy, and an ssh configuration that connects through it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestHost } from './host.ts'
import { type SlowProxy, startSlowProxy } from './slow-proxy.ts'

export interface Link extends AsyncDisposable {
  /** Round trip time in milliseconds. */
  readonly roundTrip: number
  readonly proxy: SlowProxy
  /** An ssh configuration in which the host's alias connects through the proxy. */
  readonly sshConfigFile: string
}

/** Bytes that the proxy buffers. More than any upload has in flight, so that only the latency limits it and not the buffer. */
const BUFFER = 64 * 1024 * 1024

export async function openLink(host: TestHost, folder: string, roundTrip: number): Promise<Link> {
  const proxy = await startSlowProxy(host.sshPort, { delayMs: roundTrip / 2, held: BUFFER })
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
