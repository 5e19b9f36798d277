/**
 * Asks a registry which image a tag stands for, over the API of the OCI distribution specification. Only the name of the image is asked for, so a deploy
 * needs no engine on this machine.
 */
import { createHash } from 'node:crypto'
import type { RegistryLogin } from '../../slots/contracts.ts'
import { registryFaults as faults } from './faults.ts'
import { basicOf, nameOf, type Reference } from './reference.ts'

/** One image, or one for each of several platforms, of which an engine takes its own. */
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

const PATIENCE = 30_000
const WHO = 'this machine'

interface Asking {
  readonly reference: Reference
  readonly login: RegistryLogin | undefined
  readonly signal: AbortSignal
}

/**
 * The digest of an image: `sha256:` and 64 hex digits.
 *
 * @throws REGISTRY_UNREACHABLE, REGISTRY_IMAGE_UNKNOWN, REGISTRY_LOGIN_REFUSED
 */
export async function digestOf(asking: Asking): Promise<string> {
  const { reference } = asking
  if (reference.digest !== undefined) return reference.digest
  const url = new URL(`${baseOf(reference)}/v2/${reference.repository}/manifests/${reference.tag}`)
  const manifest = (method: 'HEAD' | 'GET', authorization: string | undefined) => {
    const headers = { Accept: MANIFESTS, ...(authorization !== undefined && { Authorization: authorization }) }
    return request(asking, url, { method, headers })
  }
  const anonymous = await manifest('HEAD', undefined)
  const authorization = anonymous.status === 401 ? await authorizationFor(asking, anonymous) : undefined
  const head = given(asking, authorization === undefined ? anonymous : await manifest('HEAD', authorization))
  const digest = head.headers.get('docker-content-digest') ?? ''
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest
  const body = await given(asking, await manifest('GET', authorization)).arrayBuffer()
  return `sha256:${createHash('sha256').update(Buffer.from(body)).digest('hex')}`
}

/** As the engines do: without TLS only on this machine. Docker Hub answers at another name than its own. */
function baseOf({ registry }: Reference): string {
  if (registry === 'docker.io') return 'https://registry-1.docker.io'
  return `${isLoopback(registry.replace(/:\d+$/, '')) ? 'http' : 'https'}://${registry}`
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host)

/** The response, if the registry gives the image. */
function given(asking: Asking, response: Response): Response {
  if (response.status === 401 || response.status === 403) throw refused(asking, response)
  if (response.status === 404) throw faults.REGISTRY_IMAGE_UNKNOWN(askedBy(asking))
  if (!response.ok) throw unreachable(asking, answered(response))
  return response
}

/** The value of the header for a registry that has asked for one; undefined if there is no login for it. */
async function authorizationFor(asking: Asking, { headers }: Response): Promise<string | undefined> {
  const { login, reference } = asking
  const basic = login?.password === undefined ? undefined : `Basic ${basicOf(login.user, login.password)}`
  const challenge = headers.get('www-authenticate') ?? ''
  if (!/^bearer /i.test(challenge)) return basic
  const field = (name: string) => new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(challenge)?.[1]
  const place = field('realm') ?? ''
  const realm = new URL(URL.canParse(place) ? place : 'unknown:')
  if (realm.protocol !== 'https:' && !isLoopback(realm.hostname))
    throw unreachable(asking, 'it sends logins to a place without TLS')
  realm.searchParams.set('service', field('service') ?? '')
  realm.searchParams.set('scope', field('scope') ?? `repository:${reference.repository}:pull`)
  const answer = await request(asking, realm, { headers: basic === undefined ? {} : { Authorization: basic } })
  if (answer.status === 401 || answer.status === 403) throw refused(asking, answer)
  if (!answer.ok) throw unreachable(asking, answered(answer))
  const { token, access_token = token } = (await answer.json().catch(() => ({}))) as Record<string, unknown>
  if (typeof access_token !== 'string') throw unreachable(asking, 'its answer to the login is not the expected JSON')
  return `Bearer ${access_token}`
}

async function request(asking: Asking, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any([asking.signal, AbortSignal.timeout(PATIENCE)]) })
  } catch (error) {
    asking.signal.throwIfAborted()
    throw unreachable(asking, reasonOf(error))
  }
}

const reasonOf = (error: unknown): string => {
  const { name, message, cause } = error as Error & { cause?: Partial<Error> }
  return name === 'TimeoutError' ? `no answer in ${PATIENCE / 1000} s` : cause?.message || message
}

const answered = ({ status, statusText }: Response): string => `it answers ${status} ${statusText}`.trimEnd()

const askedBy = ({ reference }: Asking) => ({ who: WHO, registry: reference.registry, image: nameOf(reference) })

const refused = (asking: Asking, response: Response) =>
  faults.REGISTRY_LOGIN_REFUSED({ ...askedBy(asking), user: asking.login?.user, why: answered(response) })

const unreachable = (asking: Asking, why: string) => faults.REGISTRY_UNREACHABLE({ ...askedBy(asking), why })
