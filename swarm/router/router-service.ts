/** The service of the routers, and the config objects that it needs. Pure. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { program } from '../../host/program.ts'
import { perform, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { type Cluster, ROUTER_LABEL } from '../cluster.ts'
import type { AnySwarmDefinition } from '../definition.ts'
import { APP_LABEL, namesOf } from '../names.ts'
import { haproxyConfig, SITE_PORT } from './haproxy-config.ts'

interface RouterOptions extends Pick<AnySwarmDefinition, 'app' | 'port' | 'router'> {
  readonly health: { readonly path: string; readonly host: string }
  readonly slots: readonly string[]
  readonly image: string
}

export interface RouterPlan {
  /** Of everything that the service is made of: another digest is another router. */
  readonly digest: string
  /** Their names, the paths in the container, and their text. */
  readonly configs: readonly { readonly name: string; readonly path: string; readonly text: string }[]
  readonly image: string
  readonly port: number
}

/** The program that starts a router. */
export const startRouter = (peers: string): Script =>
  program(new URL('./start-router.sh', import.meta.url), { parameters: { peers } })

export function planRouter({ app, port, router, health, slots, image }: RouterOptions): RouterPlan {
  const names = namesOf(app)
  const files = {
    'haproxy.cfg': haproxyConfig({ names, slots, port, health }),
    'route.lua': readFileSync(new URL('./route.lua', import.meta.url), 'utf8'),
    'start-router': `#!/bin/bash\nset -eu\n${startRouter(names.peers).text}\n`,
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([files, image, router.port]))
    .digest('hex')
    .slice(0, 12)
  return {
    digest,
    configs: Object.entries(files).map(([file, text]) => ({
      name: `${app}_${file.replaceAll('.', '_')}_${digest}`,
      path: `/switchyard/${file}`,
      text,
    })),
    image,
    port: router.port,
  }
}

/** The networks that do not exist yet. */
export function missingNetworks(app: string, existing: Cluster['networks']): readonly string[] {
  const { network, control } = namesOf(app)
  return [network, control].filter(name => existing.every(known => known.name !== name))
}

/** Creates a network. The slots are not on the one of the routers, so no application can move the traffic. */
export function makeNetwork(app: string, network: string): Query<void> {
  const options = ['--driver', 'overlay', '--attachable', '--label', `${APP_LABEL}=${app}`]
  const internal = network === namesOf(app).control ? ['--internal'] : []
  return perform(sh.write`docker network create ${[...options, ...internal]} ${network} > /dev/null`)
}

export const makeConfig = (app: string, { name, text }: RouterPlan['configs'][number]): Query<void> =>
  perform(
    {
      ...sh.write`docker config create --label ${`${APP_LABEL}=${app}`} ${name} - > /dev/null`,
      label: `docker config create ${name}`,
    },
    { input: text },
  )

const mounts = (plan: RouterPlan) => plan.configs.map(({ name, path }) => `source=${name},target=${path},mode=0555`)
const published = (port: number) => `mode=host,published=${port},target=${SITE_PORT}`
/** One node after the other, because a node has the port once. */
const UPDATES = [
  '--update-order',
  'stop-first',
  '--update-parallelism',
  '1',
  '--update-delay',
  '2s',
  '--update-failure-action',
  'pause',
]

/** The subnet of a network, for a script. */
const subnetOf = (network: string): Script =>
  sh.read`docker network inspect --format '{{(index .IPAM.Config 0).Subnet}}' ${network}`

/** One router on each node, which keeps its route in a volume of its node. */
export function createRouter(app: string, plan: RouterPlan): Script {
  const { router, network, control, peers, volume } = namesOf(app)
  const options = [
    ...[
      '--detach',
      '--quiet',
      '--with-registry-auth',
      '--name',
      router,
      '--mode',
      'global',
      '--endpoint-mode',
      'dnsrr',
    ],
    ...['--label', `${APP_LABEL}=${app}`, '--label', `${ROUTER_LABEL}=${plan.digest}`],
    ...['--network', network, '--network', `name=${control},alias=${peers}`],
    ...['--publish', published(plan.port), '--mount', `type=volume,source=${volume},target=/route`],
    ...mounts(plan).flatMap(mount => ['--config', mount]),
    ...['--env', 'NODE={{.Node.Hostname}}', '--user', 'root', '--entrypoint', 'bash'],
    // HAProxy finishes its requests on SIGUSR1, and drops them on SIGTERM.
    ...['--stop-signal', 'SIGUSR1', '--stop-grace-period', '30s', '--restart-condition', 'any', ...UPDATES],
  ]
  return sh.write`
subnet=$(${subnetOf(control)})
docker service create ${options} --env "CONTROL=$subnet" ${plan.image} /switchyard/start-router > /dev/null`
}

/** Replaces the routers, one node after the other. Each comes up with the route that it had. */
export function updateRouter(app: string, plan: RouterPlan, old: readonly string[]): Script {
  const { router, control } = namesOf(app)
  const options = [
    ...[
      '--detach',
      '--quiet',
      '--with-registry-auth',
      '--image',
      plan.image,
      '--label-add',
      `${ROUTER_LABEL}=${plan.digest}`,
    ],
    ...old.flatMap(name => ['--config-rm', name]),
    ...mounts(plan).flatMap(mount => ['--config-add', mount]),
    ...['--publish-rm', String(SITE_PORT), '--publish-add', published(plan.port), ...UPDATES],
  ]
  return sh.write`
subnet=$(${subnetOf(control)})
docker service update ${options} --env-add "CONTROL=$subnet" ${router} > /dev/null`
}

/** Goes on with an update that the engine has given up. */
export const resumeRouter = (app: string): Script =>
  sh.write`docker service update --detach --quiet --force ${namesOf(app).router} > /dev/null`

/** Removes configs of earlier routers, once no task uses them. */
export const removeConfigs = (names: readonly string[]): Script =>
  sh.write`docker config rm ${names} > /dev/null 2>&1 || :`
