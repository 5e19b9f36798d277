/** The tests of `image({ pull })` with one engine: a private registry, a tag that moves, and everything that keeps an image from a host. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensureBaseImage } from '../../dev/engine.ts'
import type { EngineName } from '../../plugins/runtime/container/scripts.ts'
import { writeContainerApp } from './container-app.ts'
import { type ContainerSite, startContainerSite } from './container-site.ts'
import { PASSWORD, type Registry, startRegistry, USER } from './registry.ts'

const BUILD = `image({ pull: { image: env.IMAGE ?? '', user: '${USER}', password: env.REGISTRY_PASSWORD }, version: env.VERSION ?? '' })`

export function containerRegistry(engine: EngineName): void {
  let registry: Registry
  let site: ContainerSite
  let image: string
  beforeAll(async () => {
    await ensureBaseImage()
    registry = await startRegistry()
    image = `${registry.name}/life:stable`
    const env = {
      NODE_EXTRA_CA_CERTS: registry.certificate,
      REGISTRY_PASSWORD: PASSWORD,
      IMAGE: image,
      VERSION: '1.0.0',
    }
    site = await startContainerSite({ engine, build: BUILD, runtime: '', env, prepare: registry.trustedBy })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  const publish = async (version: string, tag = 'stable') => {
    await writeContainerApp(site.app, version)
    return registry.publish(site.app, tag)
  }
  async function deploy(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await site.task(env, 'deploy', ...args)
    expect(code, `${stdout}${stderr}`).toBe(0)
    return stdout + stderr
  }
  const ofSlot = (slot: string) => site.asRoot(`curl -sSf http://127.0.0.1:${slot === 'blue' ? 4000 : 5000}/health`)
  const images = async () =>
    (await site.engine("images --format '{{.Repository}}:{{.Tag}}'")).split('\n').filter(Boolean)
  const tagOf = (digest: string) => `localhost/switchyard/life:${digest.replace('sha256:', '').slice(0, 16)}`
  let first: string

  it('a deploy pulls the image that the tag stood for, with a login that stays nowhere', async () => {
    first = await publish('1.0.0')
    const said = await deploy({}, '--promote', '--verbose')
    expect(said).toContain(`${image} is ${first}`)
    expect(said).not.toContain(PASSWORD)
    expect(await site.live()).toBe('1.0.0')
    expect(await images()).toContain(tagOf(first))
    const found = `grep -rlsF '${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}' /run/user /tmp /home /srv/life /root || :`
    expect(await site.asRoot(found)).toBe('')
    expect(await site.asRoot('ls -A /run/user/1000 /tmp | grep -F switchyard. || :')).toBe('')
  })

  it('a tag that has moved makes a new release, and the old one stays what it was: also pulled again, into the other slot', async () => {
    const second = await publish('1.1.0')
    expect(second).not.toBe(first)
    await deploy({ VERSION: '1.1.0' }, '--promote')
    expect(await site.live()).toBe('1.1.0')
    await site.exits(0, 'retire')
    await site.engine(`rmi ${tagOf(first)} ${registry.name}/life@${first} || :`)
    expect(await images()).not.toContain(tagOf(first))
    await site.exits(0, 'deploy', '--release', '1.0.0')
    expect(JSON.parse(await ofSlot('blue'))).toEqual({ version: '1.0.0' })
    expect(await images()).toEqual(expect.arrayContaining([tagOf(first), tagOf(second)]))
  })

  it('an image that a host does not get is one error, before anything is stopped', async () => {
    const missing = `sha256:${'0'.repeat(64)}`
    const third = await publish('1.2.0')
    const pids = () => site.asRoot("for port in 4000 5000; do ss -Hltnp sport = :$port | grep -o 'pid=[0-9]*'; done")
    const before = await pids()
    async function refused(code: string, env: Readonly<Record<string, string>>): Promise<string> {
      const { code: exit, stdout, stderr } = await site.task({ VERSION: '1.2.0', ...env }, 'deploy')
      expect(exit, `${stdout}${stderr}`).toBe(1)
      expect(stdout + stderr).toContain(`[${code}]`)
      expect(await pids()).toBe(before)
      return stdout + stderr
    }
    // A tag is resolved on this machine, and nothing is uploaded.
    await refused('REGISTRY_IMAGE_UNKNOWN', { IMAGE: `${registry.name}/life:none` })
    await refused('REGISTRY_LOGIN_REFUSED', { REGISTRY_PASSWORD: 'wrong' })
    // For a digest only the host asks the registry.
    const pinned = { IMAGE: `${registry.name}/life@${third}` }
    expect(await refused('REGISTRY_IMAGE_UNKNOWN', { IMAGE: `${registry.name}/life@${missing}` })).toContain(missing)
    expect(await refused('REGISTRY_LOGIN_REFUSED', { ...pinned, REGISTRY_PASSWORD: 'wrong' })).toContain(`to ${USER}`)
    await registry.stop()
    await refused('REGISTRY_UNREACHABLE', {})
    expect(await refused('REGISTRY_UNREACHABLE', pinned)).toMatch(/connection refused/)
    await registry.start()
    await deploy({ VERSION: '1.2.0', ...pinned })
    expect(JSON.parse(await ofSlot('blue'))).toEqual({ version: '1.2.0' })
  })

  it('prune removes the images of the releases that it removes, and neither the live nor the previous one', async () => {
    await site.exits(0, 'promote', 'blue')
    await site.exits(0, 'prune', '--keep', '0')
    const left = await images()
    expect(left).not.toContain(tagOf(first))
    expect(left.filter(name => name.startsWith('localhost/switchyard/life:'))).toHaveLength(2)
    await site.exits(0, 'rollback')
    expect(await site.live()).toBe('1.1.0')
    await site.exits(0, 'remove', '--force', '--yes-remove', 'life')
    expect(await images()).toEqual([])
  })
}
