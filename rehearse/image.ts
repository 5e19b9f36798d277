/** The image of a throw-away host: a server as it is rented. Built once for each base; `task bootstrap` prepares a container of it. */
import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONTAINER_INIT } from '../vagrant/container-init.ts'
import { docker, outputOf } from './docker.ts'
import { rehearseFaults } from './faults.ts'

export const BASE = 'debian:bookworm-slim'

const FILES = {
  'provision.sh': new URL('./rehearsal-provision.sh', import.meta.url),
  'init.sh': CONTAINER_INIT,
}

/** systemd shuts down on that signal; on SIGTERM it would only begin anew. */
export const dockerfile = (base: string): string => `FROM ${base}
COPY provision.sh init.sh /usr/local/lib/rehearsal/
RUN bash -eu /usr/local/lib/rehearsal/provision.sh
ENV container=docker
STOPSIGNAL SIGRTMIN+3
CMD ["bash", "-eu", "/usr/local/lib/rehearsal/init.sh"]
`

/** Resolves to the name of the image, whose tag is a hash of what it is made of. @throws REHEARSAL_IMAGE_FAILED */
export async function ensureImage(base: string, signal: AbortSignal, log: (line: string) => void): Promise<string> {
  const texts = await Promise.all(Object.values(FILES).map(file => readFile(file, 'utf8')))
  const hash = createHash('sha256').update([dockerfile(base), ...texts].join('\0'))
  const image = `switchyard-rehearsal:${hash.digest('hex').slice(0, 12)}`
  const exists = await docker(['image', 'inspect', image], signal).then(
    () => true,
    () => false,
  )
  signal.throwIfAborted()
  if (exists) return image
  log(`Building the image of the throw-away host from ${base}; the next rehearsal finds it.`)
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-image-'))
  try {
    await writeFile(join(folder, 'Dockerfile'), dockerfile(base))
    for (const [name, file] of Object.entries(FILES)) await copyFile(file, join(folder, name))
    await docker(['build', '--quiet', ...proxyArguments(process.env), '--tag', image, folder], signal)
  } catch (error) {
    signal.throwIfAborted()
    throw rehearseFaults.REHEARSAL_IMAGE_FAILED({ base, output: outputOf(error) }, error)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return image
}

/** Names alone: Docker takes the values from its environment, and keeps them out of the image. */
const proxyArguments = (env: NodeJS.ProcessEnv): readonly string[] =>
  ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
    .filter(name => env[name])
    .flatMap(name => ['--build-arg', name])
