/** Any application with a Dockerfile. Docker builds it; the host runs what was built, without Docker. */
import { call, quoted, type Stack } from '../stack.ts'

export const docker: Stack = {
  name: 'docker',
  title: 'an application with a Dockerfile',
  found: folder => (folder.has('Dockerfile') ? 'Dockerfile' : undefined),
  parts(folder) {
    const last =
      folder
        .text('Dockerfile')
        .split(/^(?=FROM\s)/im)
        .at(-1) ?? ''
    const place = [...last.matchAll(/^WORKDIR\s+"?([^"\s]+)"?/gim)].at(-1)?.[1] ?? '/app'
    const start = commandIn(last)
    return {
      imports: ['docker', 'git', 'service'],
      build: call('git', { build: call('docker', { artifact: quoted(place) }) }),
      runtime: call('service', { start: start ?? quoted('bin/server') }),
      env: [],
      notes: [
        `Containers cannot be deployed yet. The image is built, and its folder ${place} becomes the release: the host needs what else is in the image, such as the interpreter.`,
        start === undefined
          ? 'The Dockerfile has no CMD: set `start` of service() to the command of the server.'
          : 'The server has to listen on the port in the variable PORT; `start` is the CMD of the Dockerfile.',
      ],
    }
  },
}

/** TypeScript of the command of a stage: a list for `CMD ["a", "b"]`, a text for a command line. */
function commandIn(stage: string): string | undefined {
  const parts = ['ENTRYPOINT', 'CMD'].map(name => new RegExp(`^${name}\\s+(.+)$`, 'gim').exec(stage)?.[1]?.trim())
  const given = parts.filter(part => part !== undefined)
  const lists = given.map(listIn)
  if (given.length === 0) return undefined
  const words = lists.flatMap(list => list ?? [])
  if (lists.every(list => list !== undefined)) return `[${words.map(quoted).join(', ')}]`
  return quoted(given.at(-1) ?? '')
}

function listIn(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) && list.every(word => typeof word === 'string') ? list : undefined
  } catch {
    return undefined
  }
}
