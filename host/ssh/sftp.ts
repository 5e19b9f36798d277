/**
 * The files of a host by SFTP, with ssh2-sftp-client on a channel of the connection that is already open. That library would open a connection of its own;
 * `client` and `sftp` are public fields of its objects, and it uses `client` for its events alone once `sftp` is set.
 *
 * Of its methods these are used: `list`, and `fastGet` and `fastPut`, which have many requests in flight. Its `put` waits for each one, and resolves on a full
 * disk; its `downloadDir` follows links, and writes wherever a name of the server leads. Loaded with the first transfer.
 */
import { EventEmitter } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { SFTPWrapper } from 'ssh2'
import type SftpClient from 'ssh2-sftp-client'
import { Fault } from '../../runner/fault.ts'
import { hostFaults } from '../faults.ts'
import { FileProblem, type Files } from '../files/files.ts'
import type { ListedFile } from '../host.ts'

/** Requests in flight for each file; a folder copies several files at once. */
const CONCURRENCY = 32

/** @param ended the reason, once the connection has ended */
export async function sftpFiles(host: string, sftp: SFTPWrapper, ended: () => string | undefined): Promise<Files> {
  const client = await clientOver(sftp)
  // An operation whose last request is lost may never call back.
  const closed = new Promise<never>((_, reject) =>
    sftp.once('close', () => {
      const reason = ended() ?? 'the server closed its SFTP channel'
      reject(hostFaults.CONNECTION_LOST({ host, during: 'a file transfer', reason }))
    }),
  )
  closed.catch(() => undefined)
  sftp.on('error', () => sftp.end())
  const explained = <T>(operation: Promise<T>): Promise<T> =>
    Promise.race([operation, closed]).catch(async (error: Error) => {
      // A connection that was lost fails the requests before it closes the channel.
      if (/No response from server|Not connected|Channel is not open/.test(error.message)) return closed
      throw error instanceof Fault ? error : problem(error)
    })
  const step = (onBytes: (count: number) => void) => (_total: number, count: number) => onBytes(count)
  return {
    list: async folder => (await explained(client.list(folder))).map(listed),
    readlink: path => explained(promisify(sftp.readlink).call(sftp, path)),
    async fetch(remote, local, onBytes) {
      // `fastGet` would create a file that everybody can read.
      await (await open(local, 'wx', 0o600)).close()
      await explained(client.fastGet(remote, local, { concurrency: CONCURRENCY, step: step(onBytes) }))
      if ((await stat(local)).size > 0) return
      // A file of /proc has content, but no size: reads it to its end.
      const writer = createWriteStream(local)
      await explained(client.get(remote, writer))
      await finished(writer)
    },
    async send(local, remote, onBytes) {
      await explained(client.fastPut(local, remote, { concurrency: CONCURRENCY, step: step(onBytes) }))
    },
    close: () => sftp.end(),
  }
}

async function clientOver(sftp: SFTPWrapper): Promise<SftpClient> {
  const { default: Client } = await import('ssh2-sftp-client')
  const silent = () => undefined
  // Not the client of our connection: its events would count as those of a transfer, and each operation would add listeners to it.
  const client = new EventEmitter().setMaxListeners(0)
  return Object.assign(new Client('switchyard', { error: silent, end: silent, close: silent }), { client, sftp })
}

const TYPES: Readonly<Record<string, ListedFile['type']>> = { '-': 'file', d: 'folder', l: 'link' }

const listed = ({ name, type, size, rights, modifyTime }: SftpClient.FileInfo): ListedFile => ({
  name,
  type: TYPES[type] ?? 'other',
  size,
  mode: (bits(rights.user) << 6) | (bits(rights.group) << 3) | bits(rights.other),
  modified: new Date(modifyTime),
})

/** The number for letters such as `rwx`. An `s` or a `t` is an `x` with another bit. */
const bits = (rights: string): number =>
  (/r/.test(rights) ? 4 : 0) | (/w/.test(rights) ? 2 : 0) | (/[xst]/.test(rights) ? 1 : 0)

/** The reason in an error of the library, whose message has the names of its methods before it and the path after it. */
function problem(error: Error): FileProblem {
  if (/No such file/i.test(error.message)) return new FileProblem('No such file or directory', true, error)
  const [known] = /Permission denied|Failure|EOF/.exec(error.message) ?? []
  const reason = known === 'EOF' ? 'it became shorter during the copy' : (known ?? error.message)
  return new FileProblem(reason, false, error)
}
