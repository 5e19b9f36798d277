/**
 * A registry on this machine, of Debian's package `docker-registry`: with TLS and a login, at an address that test hosts reach too. It needs Linux, because
 * the bridge of the engine has an address of this machine there.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureRegistryTools } from '../../dev/engine.ts'
import type { TestHost } from '../../dev/host.ts'

const run = promisify(execFile)

export const USER = 'deploy'
export const PASSWORD = 'sesame of the tests'

export interface Registry extends AsyncDisposable {
  /** As in the names of its images: an address and a port. */
  readonly name: string
  /** Its certificate, which is its own authority. */
  readonly certificate: string
  /** Makes an image of a folder with a Dockerfile, and gives it this tag. Resolves to its digest. */
  publish(folder: string, tag: string): Promise<string>
  /** Lets the engines of a host trust the certificate. */
  trustedBy(host: TestHost): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
}

/** The images are `<name>/life:<tag>`. */
export async function startRegistry(): Promise<Registry> {
  await ensureRegistryTools()
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-registry-'))
  const format = '{{range .IPAM.Config}}{{.Gateway}}{{end}}'
  const address = (await run('docker', ['network', 'inspect', 'bridge', '--format', format])).stdout.trim()
  const [certificate, key] = [join(folder, 'ca.crt'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=registry', '-addext', `subjectAltName=IP:${address}`]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  await run('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', certificate])
  const hash = ['-e', 'print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))', PASSWORD]
  await writeFile(join(folder, 'htpasswd'), `${USER}:${(await run('perl', hash)).stdout}\n`)

  /** Two programs share what is stored: one for the hosts, and one that the engine of this machine pushes to without a login. */
  const program = async (name: string, at: string, more: object) => {
    const port = await freePort(at)
    const config = join(folder, `${name}.yml`)
    const http = { addr: `${at}:${port}`, ...('tls' in more && { tls: more.tls }) }
    const storage = { filesystem: { rootdirectory: join(folder, 'images') } }
    const { auth } = more as { readonly auth?: object }
    await writeFile(
      config,
      JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http, ...(auth && { auth }) }),
    )
    return { port, running: serve(config, at, port) }
  }
  const inside = await program('inside', '127.0.0.1', {})
  const outside = await program('outside', address, {
    tls: { certificate, key },
    auth: { htpasswd: { realm: 'tests', path: join(folder, 'htpasswd') } },
  })
  await Promise.all([inside.running.start(), outside.running.start()])
  const name = `${address}:${outside.port}`
  const pushed = new Set<string>()

  return {
    name,
    certificate,
    async publish(context, tag) {
      const image = `127.0.0.1:${inside.port}/life:${tag}`
      await run('docker', ['build', '--quiet', '--tag', image, context])
      pushed.add(image)
      await run('docker', ['push', '--quiet', image])
      const response = await fetch(`http://127.0.0.1:${inside.port}/v2/life/manifests/${tag}`, {
        method: 'HEAD',
        headers: { Accept: 'application/vnd.docker.distribution.manifest.v2+json' },
      })
      const digest = response.headers.get('docker-content-digest') ?? ''
      // An image whose tag has moved has this name alone.
      pushed.add(`127.0.0.1:${inside.port}/life@${digest}`)
      return digest
    },
    async trustedBy(host) {
      for (const engine of ['containers', 'docker']) {
        const place = `/etc/${engine}/certs.d/${name}`
        const text = (await readFile(certificate)).toString('base64')
        await host.exec(`mkdir -p ${place} && echo ${text} | base64 -d > ${place}/ca.crt`)
      }
    },
    stop: outside.running.stop,
    start: outside.running.start,
    async [Symbol.asyncDispose]() {
      await Promise.all([inside.running.stop(), outside.running.stop()])
      if (pushed.size > 0) await run('docker', ['rmi', ...pushed]).catch(() => undefined)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A program that ends with this process. */
function serve(config: string, at: string, port: number) {
  const start = () =>
    spawn('sh', ['-c', 'docker-registry serve "$0" > /dev/null 2>&1 & cat; kill $!; wait', config], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
  let shell: ReturnType<typeof start> | undefined
  return {
    async start() {
      shell = start()
      const answers = () => run('bash', ['-c', `exec 3<> /dev/tcp/${at}/${port}`])
      for (let attempt = 1; ; attempt += 1) {
        try {
          await answers()
          return
        } catch (error) {
          if (attempt === 200) throw error
          await new Promise(resolve => setTimeout(resolve, 100))
        }
      }
    },
    async stop() {
      if (!shell) return
      const ended = once(shell, 'exit')
      shell.stdin.end()
      await ended
      shell = undefined
    },
  }
}

async function freePort(at: string): Promise<number> {
  const server = createServer().listen(0, at)
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  return port
}
