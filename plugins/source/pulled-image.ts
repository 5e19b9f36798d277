/** A release whose image a registry has: it names the digest, and the hosts pull that. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { either, fields, optional, type Rule, text } from '../../runner/taskfile/shape.ts'
import type { PluginContext, RegistryLogin } from '../../slots/contracts.ts'
import { digestOf } from '../registry/digest.ts'
import { registryFaults } from '../registry/faults.ts'
import { nameOf, pinned, type Reference, referenceOf, referenceRule } from '../registry/reference.ts'
import { IMAGE_FOLDER, imageName } from './saved-image.ts'

/** An image of a private registry. */
export interface PullOptions {
  /** @example 'registry.example/shop:1.2.0' */
  readonly image: string
  /** Who may pull it. */
  readonly user: string
  /** Redacted in all output. It reaches a host over the connection, in a file for its engine that is removed when the image is there. */
  readonly password?: string | undefined
}

const OPTIONS = fields<PullOptions>({ image: referenceRule, user: text, password: optional(text) })

export const pullRule: Rule<string | PullOptions> = either(
  referenceRule,
  OPTIONS,
  `${referenceRule.expected}, or \`{ image, user, password }\``,
)

export interface Pulled {
  readonly reference: Reference
  readonly login: RegistryLogin | undefined
}

/** @param pull a valid one */
export function pulledOf(pull: string | PullOptions): Pulled {
  const { image, user, password }: Partial<PullOptions> & Pick<PullOptions, 'image'> =
    typeof pull === 'string' ? { image: pull } : pull
  const reference = referenceOf(image)
  if (!reference) throw new TypeError(`${image} is not the name of an image`)
  const { registry } = reference
  return { reference, login: user === undefined ? undefined : { registry, user, password } }
}

/**
 * Writes the release of an image into a folder, after asking the registry which image it is now.
 *
 * @throws REGISTRY_PASSWORD_MISSING, REGISTRY_UNREACHABLE, REGISTRY_IMAGE_UNKNOWN, REGISTRY_LOGIN_REFUSED
 */
export async function writePulled(
  { app, signal, log }: PluginContext,
  { reference, login }: Pulled,
  folder: string,
): Promise<void> {
  const name = nameOf(reference)
  if (login && login.password === undefined)
    throw registryFaults.REGISTRY_PASSWORD_MISSING({ user: login.user, image: name })
  const digest = await digestOf({ reference, login, signal })
  log(`${name} is ${digest}`)
  const manifest = [
    { RepoTags: [imageName(app, digest.replace('sha256:', ''))], RepoDigests: [pinned(reference, digest)] },
  ]
  await mkdir(join(folder, IMAGE_FOLDER), { recursive: true })
  await writeFile(join(folder, IMAGE_FOLDER, 'manifest.json'), `${JSON.stringify(manifest)}\n`)
}
