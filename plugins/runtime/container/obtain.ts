/** Brings the image of a release to the engine of a host, before the idle slot is stopped for it. */
import { EXIT } from '../../../host/exit-codes.ts'
import { commandFailed, type Query } from '../../../host/query.ts'

import type { Fault } from '../../../runner/fault.ts'
import { lastLines } from '../../../runner/units.ts'
import type { PluginContext, Release, Slot } from '../../../slots/contracts.ts'
import { registryFaults as faults } from '../../registry/faults.ts'
import { authFile } from '../../registry/reference.ts'
import { runtimeFaults } from '../faults.ts'
import { NO_SCRIPT } from '../scripts.ts'
import { type Containers, type EngineName, obtainImage } from './scripts.ts'

export const ADVICE = 'Build the release with `image()`.'

const NOTES: Readonly<Record<string, string>> = {
  there: 'the engine has its image',
  loaded: 'its image was loaded',
  pulled: 'its image was pulled',
}

/** Resolves to what happened, for a note. */
export function obtained(
  { login, log }: Pick<PluginContext, 'login' | 'log'>,
  containers: Containers,
  release: Release,
  slot: Slot,
): Query<string> {
  const input = authFile(login)
  const { engine } = containers
  const script = {
    ...obtainImage(containers, slot, release.dir, input === '' ? '' : (login?.registry ?? '')),
    label: `the image of ${release.name}`,
  }
  const isOurs = (line: string) => Object.hasOwn(NOTES, line) || line.includes('localhost/switchyard/')
  return {
    script,
    input,
    onLine(line) {
      if (!isOurs(line)) log(line)
    },
    read(output, { name: host }) {
      const { code, stdout, stderr } = output
      const [image = '', state = ''] = stdout.trim().split('\n')
      if (code === 0) return NOTES[state] ?? ''
      if (code === NO_SCRIPT)
        throw runtimeFaults.RELEASE_WITHOUT_SCRIPT({ release: release.name, script: image, advice: ADVICE })
      if (code === EXIT.image.imageRefused)
        throw faults.IMAGE_NOT_GIVEN({ host, engine, image, output: lastLines(stderr) })
      if (code === EXIT.image.registryFailed)
        throw pullFault({ host, engine, image, user: login?.user, output: stderr })
      throw commandFailed({ name: host }, script, output)
    },
  }
}

interface Pull {
  readonly host: string
  readonly engine: EngineName
  readonly image: string
  /** Who logged in. */
  readonly user: string | undefined
  /** What the engine said. */
  readonly output: string
}

/** Why an engine did not get an image, from what it said. Engines have no exit codes for that. */
export function pullFault({ host, engine, image, user, output }: Pull): Fault {
  const why = reasonIn(output)
  const asked = { who: host, registry: image.split('/')[0] ?? '', image }
  if (/connect to the Docker daemon|no space left|disk quota|read-only file system/i.test(why))
    return faults.IMAGE_NOT_GIVEN({ host, engine, image, output: lastLines(output) })
  if (/unauthori[sz]ed|denied|forbidden|no basic auth|authentication required|invalid username/i.test(why))
    return faults.REGISTRY_LOGIN_REFUSED({ ...asked, user, why })
  if (/manifest unknown|name unknown|manifest for .* not found|repository .* not found/i.test(why))
    return faults.REGISTRY_IMAGE_UNKNOWN(asked)
  if (
    /dial |no such host|timeout|timed out|deadline|connection re|\bEOF\b|x509|certificate|tls:|HTTP response to HTTPS|status(?: code)?:? ?(?:from .*: )?5\d\d|too ?many ?requests/i.test(
      why,
    )
  )
    return faults.REGISTRY_UNREACHABLE({ ...asked, why })
  return faults.IMAGE_NOT_GIVEN({ host, engine, image, output: lastLines(output) })
}

/** The last line, without what comes before the reason in it. */
const reasonIn = (output: string): string =>
  lastLines(output, 1)
    .replace(/^(?:Error response from daemon|Error): /, '')
    .replace(/^.*?\bdocker:\/\/\S+: /, '')
    .replace(/^reading manifest \S+ in \S+: /, '')
    .replace(/\.$/, '')
