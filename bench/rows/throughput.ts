/**
 * Upload of the same file over a fast link: `Host.put`, which streams over a channel and verifies the sha256 on the host, next to scp, sftp, and both
 * methods of ssh2-sftp-client, which verify nothing. Each opens its own connection.
 */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import SftpClient from 'ssh2-sftp-client'
import { ssh } from '../../host/ssh/transport.ts'
import type { BenchContext } from '../context.ts'
import type { Measured, Row } from '../figures.ts'
import { timed } from '../process.ts'

export async function throughput(bench: BenchContext): Promise<Row[]> {
  const { host, folder, quick, repeats } = bench
  const bytes = quick ? 20e6 : 100e6
  const file = join(folder, 'noise')
  await writeFile(file, randomBytes(bytes))
  const config = ['-F', host.sshConfigFile]
  const login = { host: '127.0.0.1', port: host.sshPort, username: host.user, privateKey: await readFile(host.keyFile) }

  const put = async () => {
    const setting = { signal: new AbortController().signal, confirm: async () => false }
    await using machine = await ssh(host.alias, { configFile: host.sshConfigFile }).open(setting)
    await machine.put(file, 'noise')
  }
  const library = (send: (client: SftpClient) => Promise<unknown>) => async () => {
    const client = new SftpClient()
    await client.connect(login)
    await send(client)
    await client.end()
  }
  const methods: Readonly<Record<string, () => Promise<unknown>>> = {
    '`Host.put`, sha256 verified on the host': put,
    '`scp`': () => timed('scp', ['-q', ...config, file, `${host.alias}:noise`]),
    '`sftp`': () => timed('sftp', ['-q', ...config, '-b', '-', host.alias], { input: `put ${file} noise\n` }),
    'ssh2-sftp-client `fastPut`': library(client => client.fastPut(file, 'noise')),
    'ssh2-sftp-client `put`': library(client => client.put(createReadStream(file), 'noise')),
  }
  const samples = Object.fromEntries(Object.keys(methods).map(who => [who, [] as number[]]))
  for (let i = 0; i < repeats; i += 1)
    for (const [who, send] of Object.entries(methods)) {
      const startedAt = performance.now()
      await send()
      samples[who]?.push(bytes / 1000 / (performance.now() - startedAt))
      await host.exec('rm -f /home/vagrant/noise')
    }
  await rm(file)
  const figures = Object.entries(samples).map(([who, rates]): Measured => ({ who, unit: 'MB/s', samples: rates }))
  for (const { who, samples: rates } of figures)
    bench.log(`throughput, ${who}: ${rates.map(Math.round).join(', ')} MB/s`)
  return [{ work: `upload of ${bytes / 1e6} MB, including connection and verification`, figures }]
}
