/** Images of registries: their names, the digest that a tag stands for, logins, and what the engines say when they do not get one. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../../plugins/registry/digest.ts'
import { authFile, referenceOf } from '../../../plugins/registry/reference.ts'
import { pullFault } from '../../../plugins/runtime/container/obtain.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const DIGEST = `sha256:${'d6e86954'.repeat(8)}`
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('the name of an image', () => {
  it.each([
    ['nginx', 'docker.io', 'library/nginx', 'latest', undefined],
    ['shop/life:1.2', 'docker.io', 'shop/life', '1.2', undefined],
    ['registry.example/shop:1.2.0', 'registry.example', 'shop', '1.2.0', undefined],
    ['localhost:5000/a/b_c/d-e', 'localhost:5000', 'a/b_c/d-e', 'latest', undefined],
    ['localhost/life', 'localhost', 'life', 'latest', undefined],
    ['[::1]:5000/life:1', '[::1]:5000', 'life', '1', undefined],
    [`registry.example/shop@${DIGEST}`, 'registry.example', 'shop', undefined, DIGEST],
    [`registry.example/shop:1@${DIGEST}`, 'registry.example', 'shop', '1', DIGEST],
  ])('%s has a registry, a repository, and a tag or a digest', (text, registry, repository, tag, digest) => {
    expect(referenceOf(text)).toEqual({ registry, repository, tag, digest })
  })

  it.each(['', 'UPPER/life', 'life:', 'life@sha256:abc', 'a b', 'https://registry.example/life', '-x', 'life;id'])(
    '%j is none',
    text => {
      expect(referenceOf(text)).toBeUndefined()
    },
  )
})

describe('the file with a login', () => {
  it('has one registry, and Docker Hub also under the name that Docker gives it', () => {
    const names = (registry: string) =>
      Object.entries<{ auth: string }>(JSON.parse(authFile({ registry, user: 'deploy', password: 's:1' })).auths)
    const auth = Buffer.from('deploy:s:1').toString('base64')
    expect(names('registry.example:5000')).toEqual([['registry.example:5000', { auth }]])
    expect(names('docker.io').map(([name]) => name)).toEqual(['https://index.docker.io/v1/', 'docker.io'])
  })

  it('is empty without a password', () => {
    expect(authFile(undefined)).toBe('')
    expect(authFile({ registry: 'registry.example', user: 'deploy', password: undefined })).toBe('')
  })
})

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A registry on loopback; resolves to its name. */
async function registry(answer: Answer): Promise<string> {
  server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const asking = (name: string, account?: { readonly user: string; readonly password: string }) => {
  const reference = referenceOf(name) ?? expect.fail(`${name} is no name`)
  const login = account && { registry: reference.registry, ...account }
  return digestOf({ reference, login, signal: new AbortController().signal })
}
const found = (response: ServerResponse) => response.writeHead(200, { 'Docker-Content-Digest': DIGEST }).end()
const status =
  (code: number): Answer =>
  (_, response) =>
    response.writeHead(code).end()

describe('the digest of an image', () => {
  it('is what the registry says of the tag, for images of several platforms too', async () => {
    const asked: string[] = []
    const at = await registry(({ method, url, headers }, response) => {
      asked.push(`${method} ${url}`)
      expect(headers.accept).toContain('application/vnd.oci.image.index.v1+json')
      found(response)
    })
    expect(await asking(`${at}/shop/life:1.2.0`)).toBe(DIGEST)
    // One request, which tells the digest as well as whether a login is needed.
    expect(asked).toEqual(['HEAD /v2/shop/life/manifests/1.2.0'])
  })

  it('is computed for a registry that does not say it', async () => {
    const text = '{"schemaVersion":2}'
    const at = await registry(({ method }, response) => response.end(method === 'GET' ? text : undefined))
    expect(await asking(`${at}/life`)).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`)
  })

  it('is that in the name, for which nobody is asked', async () => {
    expect(await asking(`registry.invalid/life:1@${DIGEST}`)).toBe(DIGEST)
  })

  it('is given to a login with a password', async () => {
    const at = await registry(({ headers }, response) => {
      if (headers.authorization === basic('deploy', 'sesame')) return found(response)
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="tests"' }).end()
    })
    expect(await asking(`${at}/life:1`, { user: 'deploy', password: 'sesame' })).toBe(DIGEST)
    const wrong = await faultOf(asking(`${at}/life:1`, { user: 'deploy', password: 'wrong' }))
    expect(wrong).toMatchObject({ code: 'REGISTRY_LOGIN_REFUSED', exitCode: 1 })
    expect(wrong.message).toContain(`does not give ${at}/life:1 to deploy: it answers 401`)
    const nobody = await faultOf(asking(`${at}/life:1`))
    expect(nobody).toMatchObject({ code: 'REGISTRY_LOGIN_REFUSED' })
    expect(nobody.hint).toContain('image({ pull: { image, user, password } })')
  })

  it('is given to a token, which only the login gets', async () => {
    const scopes: unknown[] = []
    const at = await registry(({ url = '', headers }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://here')
      if (pathname === '/token') {
        scopes.push([searchParams.get('service'), searchParams.get('scope')])
        if (headers.authorization !== basic('deploy', 'sesame')) return status(401)({} as never, response)
        return response.end('{"token":"t0"}')
      }
      if (headers.authorization === 'Bearer t0') return found(response)
      response
        .writeHead(401, {
          'WWW-Authenticate': `Bearer realm="http://${at}/token",service="here",scope="repository:life:pull"`,
        })
        .end()
    })
    expect(await asking(`${at}/life:1`, { user: 'deploy', password: 'sesame' })).toBe(DIGEST)
    expect(scopes).toEqual([['here', 'repository:life:pull']])
    expect(await faultOf(asking(`${at}/life:1`))).toMatchObject({ code: 'REGISTRY_LOGIN_REFUSED' })
  })

  it('is not asked for with a login that would travel without TLS', async () => {
    const at = await registry((_, response) =>
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer realm="http://auth.example/token"' }).end(),
    )
    const fault = await faultOf(asking(`${at}/life:1`, { user: 'deploy', password: 'sesame' }))
    expect(fault).toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
    expect(fault.message).toContain('without TLS')
  })

  it('is missing if the registry does not have the image, fails, or does not run', async () => {
    const at = await registry(status(404))
    const unknown = await faultOf(asking(`${at}/life:1`))
    expect(unknown).toMatchObject({ code: 'REGISTRY_IMAGE_UNKNOWN', exitCode: 1 })
    expect(unknown.message).toBe(`The registry ${at} has no image ${at}/life:1.`)
    server?.close()
    const failing = await registry(status(503))
    expect((await faultOf(asking(`${failing}/life:1`))).message).toContain('it answers 503 Service Unavailable')
    server?.close()
    await once(server as Server, 'close')
    const down = await faultOf(asking(`${failing}/life:1`))
    expect(down).toMatchObject({ code: 'REGISTRY_UNREACHABLE', exitCode: 1 })
    expect(down.message).toMatch(/^this machine cannot reach the registry .*ECONNREFUSED/)
  })
})

/** As Docker 20.10 and Podman 4.3 say it. */
describe('an engine that does not get an image', () => {
  const image = `registry.example/life@${DIGEST}`
  const podman = `Error: initializing source docker://${image}: `
  const read = `${podman}reading manifest ${DIGEST} in registry.example/life: `
  it.each([
    ['unauthorized: authentication required', 'REGISTRY_LOGIN_REFUSED'],
    ['no basic auth credentials', 'REGISTRY_LOGIN_REFUSED'],
    ['pull access denied for life, repository does not exist or may require login', 'REGISTRY_LOGIN_REFUSED'],
    [`manifest for ${image} not found: manifest unknown: manifest unknown`, 'REGISTRY_IMAGE_UNKNOWN'],
    ['Get "https://registry.example/v2/": dial tcp 10.0.0.1:443: connect: connection refused', 'REGISTRY_UNREACHABLE'],
    ['Get "https://r.example/v2/": dial tcp: lookup r.example on 10.0.0.2:53: no such host', 'REGISTRY_UNREACHABLE'],
    ['received unexpected HTTP status: 503 Service Unavailable', 'REGISTRY_UNREACHABLE'],
    ['Get "https://registry.example/v2/": x509: certificate signed by unknown authority', 'REGISTRY_UNREACHABLE'],
    ['write /var/lib/docker/tmp/x: no space left on device', 'IMAGE_NOT_GIVEN'],
    ['no matching manifest for linux/amd64 in the manifest list entries', 'IMAGE_NOT_GIVEN'],
  ])('of Docker says %s: %s', (says, code) => {
    const output = `pulling\nError response from daemon: ${says}\n`
    expect(pullFault({ host: 'web-1', engine: 'docker', image, user: 'deploy', output })).toMatchObject({
      code,
      exitCode: 1,
    })
  })

  it.each([
    [`${read}unauthorized: authentication required`, 'REGISTRY_LOGIN_REFUSED'],
    [`${podman}unable to retrieve auth token: invalid username/password: unauthorized`, 'REGISTRY_LOGIN_REFUSED'],
    [`${read}manifest unknown: manifest unknown`, 'REGISTRY_IMAGE_UNKNOWN'],
    [
      `${podman}pinging container registry registry.example: Get "https://registry.example/v2/": dial tcp 10.0.0.1:443: connect: connection refused`,
      'REGISTRY_UNREACHABLE',
    ],
    [
      `${podman}pinging container registry r.example: Get "https://r.example/v2/": http: server gave HTTP response to HTTPS client`,
      'REGISTRY_UNREACHABLE',
    ],
    ['Error: writing blob: storing blob to file "/var/tmp/s": no space left on device', 'IMAGE_NOT_GIVEN'],
  ])('of Podman says %s: %s', (says, code) => {
    const fault = pullFault({ host: 'web-1', engine: 'podman', image, user: undefined, output: `Trying\n${says}\n` })
    expect(fault).toMatchObject({ code, exitCode: 1 })
    expect(fault.message).not.toContain('docker://')
  })
})
