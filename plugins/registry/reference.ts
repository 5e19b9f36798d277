/** Names of images in registries, as the engines read them. Pure. */
import { type Rule, thing } from '../../runner/taskfile/shape.ts'
import type { RegistryLogin } from '../../slots/contracts.ts'

export interface Reference {
  /** The host of the registry, with its port if it has one. */
  readonly registry: string
  /** @example 'library/nginx' */
  readonly repository: string
  /** @default 'latest', unless there is a digest */
  readonly tag: string | undefined
  /** `sha256:` and 64 hex digits. */
  readonly digest: string | undefined
}

/** The registry of a name without one. */
const DOCKER_HUB = 'docker.io'

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const NAME = new RegExp(
  `^(?:((?:[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*|\\[[0-9a-f:]+\\])(?::\\d+)?)/)?(${COMPONENT}(?:/${COMPONENT})*)(?::(\\w[\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
)

/** Undefined for a text that is no name of an image. */
export function referenceOf(text: string): Reference | undefined {
  const [matched, host, path = '', tag, digest] = NAME.exec(text) ?? []
  if (matched === undefined) return undefined
  // `shop/life` is of Docker Hub, `shop.example/life` is not.
  const named = host !== undefined && (/[.:]/.test(host) || host === 'localhost')
  const registry = named ? host : DOCKER_HUB
  const repository = host === undefined || named ? path : `${host}/${path}`
  if (repository !== repository.toLowerCase()) return undefined
  return {
    registry,
    repository: registry === DOCKER_HUB && !repository.includes('/') ? `library/${repository}` : repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  }
}

export const referenceRule: Rule<string> = thing(
  'the name of an image in a registry, such as "registry.example/shop:1.2.0"',
  value => typeof value === 'string' && referenceOf(value) !== undefined,
)

/** The whole name of an image that no tag can change. */
export const pinned = ({ registry, repository }: Reference, digest: string): string =>
  `${registry}/${repository}@${digest}`

/** How people know an image. */
export const nameOf = ({ registry, repository, tag, digest }: Reference): string =>
  `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`

export const basicOf = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString('base64')

/** The text of a file with a login, as both engines read it; empty without one. */
export function authFile(login: RegistryLogin | undefined): string {
  if (login?.password === undefined) return ''
  // Docker knows its own registry by the URL that it had once.
  const names = login.registry === DOCKER_HUB ? ['https://index.docker.io/v1/', DOCKER_HUB] : [login.registry]
  const auth = basicOf(login.user, login.password)
  return `${JSON.stringify({ auths: Object.fromEntries(names.map(name => [name, { auth }])) })}\n`
}
