/** The host of a step, with the progress of its copies in the step's log. */
import type { Host } from '../host/host.ts'
import { progress } from '../slots/upload/progress.ts'

export const loggingCopies = (host: Host, log: (line: string) => void): Host => {
  const logged = <O extends object>(options: O | undefined) => ({ onProgress: progress(log), ...options })
  return {
    ...host,
    put: (local, remote, options) => host.put(local, remote, logged(options)),
    get: (remote, local, options) => host.get(remote, local, logged(options)),
    getFolder: (remote, local, options) => host.getFolder(remote, local, logged(options)),
    putFolder: (local, remote, options) => host.putFolder(local, remote, logged(options)),
  }
}
