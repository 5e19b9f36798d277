/** The service of a slot: what it is made of, and the scripts that create, stop and scale it. Pure. */
import { program } from '../host/program.ts'
import { type Script, sh } from '../host/script.ts'
import type { Environment } from '../slots/environment/environment.ts'
import { type AnySwarmDefinition, wordsOf } from './definition.ts'
import { engineApi } from './engine.ts'
import { APP_LABEL, namesOf, SLOT_LABELS } from './names.ts'

/** A release as an image that the nodes can run. */
export interface ImageRelease {
  /** `<version>-<first 7 digits of its content>` */
  readonly name: string
  readonly version: string
  /** What the services name: with its digest, or a name that only the nodes know. */
  readonly image: string
  /** Whether the nodes have it from us, so that no registry is asked. */
  readonly local: boolean
  /** Source revision, such as a git commit, when known. */
  readonly revision?: string
}

export type ServiceOptions = Pick<
  AnySwarmDefinition,
  'app' | 'port' | 'start' | 'migrate' | 'secrets' | 'limits' | 'networks' | 'constraints' | 'spread' | 'health'
>

/** How many tasks a slot gets that no Taskfile speaks of. */
export const REPLICAS = 2

interface Creation {
  readonly slot: string
  readonly release: ImageRelease
  readonly by: string
  readonly deploy: string
}

/** Seconds. */
const STOP = 30

const each = (flag: string, values: readonly string[] = []) => values.flatMap(value => [flag, value])

function common(
  { app, secrets, limits = {}, networks, constraints }: ServiceOptions,
  { slot, release, by, deploy }: Creation,
): readonly string[] {
  const { revision } = release
  const labels = { slot, release: release.name, version: release.version, by, deploy, ...(revision && { revision }) }
  return [
    ...['--detach', '--quiet', '--with-registry-auth'],
    ...(release.local ? ['--no-resolve-image'] : []),
    ...each('--label', [
      `${APP_LABEL}=${app}`,
      ...Object.entries(labels).map(([key, value]) => `${SLOT_LABELS[key as keyof typeof SLOT_LABELS]}=${value}`),
    ]),
    ...each('--network', [namesOf(app).network, ...(networks ?? [])]),
    ...each('--secret', secrets),
    ...each('--constraint', constraints),
    ...(limits.memory === undefined ? [] : ['--limit-memory', limits.memory]),
    ...(limits.cpus === undefined ? [] : ['--limit-cpu', String(limits.cpus)]),
    ...['--stop-grace-period', `${limits.stop ?? STOP}s`],
  ]
}

/** The arguments of `docker service create` for a slot, without its variables. Names of tasks lead to their addresses, because not every kernel has IPVS. */
export const slotArguments = (options: ServiceOptions, creation: Creation, replicas: number): readonly string[] => [
  ...['--endpoint-mode', 'dnsrr', '--replicas', String(replicas)],
  ...common(options, creation),
  ...reserved(options),
  ...(options.spread === undefined ? [] : ['--placement-pref', `spread=${options.spread}`]),
  ...['--restart-condition', 'any', '--restart-delay', '2s'],
  ...(options.health?.command === undefined
    ? []
    : ['--health-cmd', options.health.command, '--health-interval', '2s', '--health-start-period', '30s']),
]

/** A migration reserves nothing: it has to run beside the tasks of both slots. */
const reserved = ({ limits: { reserve = {} } = {} }: ServiceOptions): readonly string[] => [
  ...(reserve.memory === undefined ? [] : ['--reserve-memory', reserve.memory]),
  ...(reserve.cpus === undefined ? [] : ['--reserve-cpu', String(reserve.cpus)]),
]

/** The same for a migration, which is one task that runs once. */
export const migrationArguments = (options: ServiceOptions, creation: Creation): readonly string[] => [
  ...['--mode', 'replicated-job', '--replicas', '1', '--restart-condition', 'none'],
  ...common(options, creation),
  ...['--no-healthcheck'],
]

/** Variables that every task gets. */
export const taskVariables = (options: Pick<ServiceOptions, 'port'>, slot: string): Environment => ({
  PORT: String(options.port),
  LISTEN_ADDRESS: '0.0.0.0',
  SLOT: slot,
  NODE: '{{.Node.Hostname}}',
})

/** The variables as the script reads them. */
export const variablesInput = (variables: Environment): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\0`)
    .join('')

interface NewService {
  readonly name: string
  /** The run that creates it. */
  readonly deploy: string
  readonly options: readonly string[]
  /** What the container runs, with its image first. */
  readonly command: readonly string[]
}

export const createService = ({ name, deploy, options, command }: NewService): Script => ({
  ...sh.lines(
    engineApi,
    program(new URL('./create-service.sh', import.meta.url), {
      writes: true,
      parameters: { name, deploy, options, command },
    }),
  ),
  label: 'docker service create',
})

export const slotCommand = ({ start }: Pick<ServiceOptions, 'start'>, image: string): readonly string[] => [
  image,
  ...wordsOf(start),
]

/** Stops the tasks of a service and removes it; does nothing if there is none. Waits until they have ended, at most `within` seconds. */
export const removeService = (service: string, within: number): Script => ({
  ...sh.lines(
    engineApi,
    program(new URL('./remove-service.sh', import.meta.url), { writes: true, parameters: { service, within } }),
  ),
  label: `docker service rm ${service}`,
})

export const scaleService = (service: string, replicas: number): Script =>
  sh.lines(engineApi, sh.write`patient docker service scale --detach ${`${service}=${replicas}`}`)

/** Ends the tasks of a service, if there is one. */
export const stopService = (service: string): Script =>
  sh.lines(
    engineApi,
    sh.write`found=$(api ${`/services/${service}`})
if [ "\${found##*$'\\n'}" != 404 ]; then patient docker service scale --detach ${`${service}=0`}; fi`,
  )

/** The newest lines of a service's log. */
export const serviceLog = (service: string, lines: number): Script =>
  sh.read`timeout 20 docker service logs --raw --tail ${lines} ${service} 2>&1 || :`

/** Seconds that the tasks of a slot get to end. */
export const stopLimit = ({ limits = {} }: Pick<ServiceOptions, 'limits'>): number => limits.stop ?? STOP
