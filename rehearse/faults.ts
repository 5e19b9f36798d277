/** The errors of `rehearse`. */

import { catalogue, fault } from '../runner/fault.ts'
import { listed } from '../runner/units.ts'

export const rehearseFaults = catalogue({
  REHEARSAL_NO_ENGINE: fault<{ why: string }>({
    exitCode: 2,
    message: d => `No Docker engine answers on this machine: ${d.why.trim().replace(/[.?!]+$/, '')}.`,
    hint: () =>
      'Install Docker Engine (20.10 or newer) or Docker Desktop, start it, and let this user reach it: `docker info` has to succeed. Then run `npx task rehearse` again.',
  }),
  REHEARSAL_NOT_SSH: fault<{ host: string }>({
    exitCode: 2,
    message: d => `The host ${d.host} is not reached with \`ssh()\`, so no throw-away host can take its place.`,
    hint: () => 'Rehearse a destination whose hosts are `ssh(...)`. Nothing was contacted.',
  }),
  REHEARSAL_BALANCER: fault<{ host: string }>({
    exitCode: 2,
    message: d =>
      `The router is on a host of its own, ${d.host}, which sends the requests to the addresses of real hosts.`,
    hint: () =>
      'Rehearse a destination with the router on the host of the application; the steps of a deploy are the same. Nothing was contacted.',
  }),
  REHEARSAL_ENV_MISSING: fault<{ path: string; sources: readonly string[] }>({
    exitCode: 2,
    message: d =>
      `The application gets variables from ${listed(d.sources)}, and there is no ${d.path} for a rehearsal.`,
    hint: d =>
      `Write ${d.path} with values that reach nothing real, such as a database of the rehearsal, or name a file: \`npx task rehearse --env <path>\`. Nothing was contacted.`,
    about:
      'A rehearsal starts the application and runs its migrations. With the variables of the real hosts it would do that with the real database, so it never reads the sources of the Taskfile.',
  }),
  REHEARSAL_IMAGE_FAILED: fault<{ base: string; output: string }>({
    exitCode: 1,
    message: d => `The image of the throw-away host could not be built from ${d.base}.`,
    hint: d =>
      `Check \`docker pull ${d.base}\`, and that a container reaches the packages of its distribution. \`--image\` names another Debian or Ubuntu.`,
    detail: d => d.output || undefined,
  }),
  REHEARSAL_HOST_FAILED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `The throw-away host for ${d.host} did not come up.`,
    hint: () =>
      'Check with `docker info` that the engine has memory and disk space, and that its control groups are version 2.',
    detail: d => d.output || undefined,
  }),
  REHEARSAL_FAILED: fault<{ command: string; code: number; where: string }>({
    exitCode: 1,
    message: d => `\`task ${d.command}\` failed with exit code ${d.code} on ${d.where}.`,
    hint: () =>
      'Its own error is above, with what to do. `npx task rehearse --keep` leaves the hosts, so that you can look at them.',
  }),
})
