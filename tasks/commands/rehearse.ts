import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Transport } from '../../host/host.ts'
import { rehearseFaults as faults } from '../../rehearse/faults.ts'
import { arg } from '../../runner/cli/args.ts'
import { valueIn } from '../../runner/cli/flags.ts'
import type { TaskDeps } from '../context.ts'

/** Read in place of the sources of the Taskfile. */
const ENV_FILE = '.env.rehearsal'

export const rehearse = <S extends string>({ task, machines, ofRouter, sources, accessories }: TaskDeps<S>) =>
  task('Rehearse the Taskfile on throw-away hosts', {
    description:
      'Starts a container for each host of the Taskfile, makes it ready with bootstrap and setup, deploys and promotes this commit, then deploys it again\n' +
      'and promotes and rolls back under load. Prints what the load measured, removes the hosts, and exits with 1 if a request was lost. Needs Docker on\n' +
      'this machine. The real hosts are not contacted, nobody is notified, and the variables are those of .env.rehearsal.',
    examples: ['rehearse', 'rehearse --dry-run', 'rehearse --image ubuntu:24.04', 'rehearse --keep'],
    args: {
      env: arg.text(`The variables of the application (default ${ENV_FILE})`, { placeholder: 'file' }).optional(),
      image: arg
        .text('The image of Debian or Ubuntu for the hosts (default debian:bookworm-slim)', { placeholder: 'image' })
        .optional(),
      keep: arg.flag('Leave the hosts running, and print how to log in'),
    },
    once: true,
    streams: true,
    async run({ env: named, image, keep, dryRun, print, show, signal, folder, destination, ...context }) {
      const { router, runtime, slots, provisions, probe, health } = context
      if (ofRouter) throw faults.REHEARSAL_BALANCER({ host: ofRouter.name })
      const hosts = await Promise.all(machines.map(wanted))
      const env = variablesOf(folder, named, sources)
      const needed = provisions({ user: hosts[0]?.user ?? '', group: hosts[0]?.user ?? '' })
      const tools = needed.flatMap(({ tools }) => Object.keys(tools))
      const servers = needed.flatMap(({ server }) => server ?? [])
      const ports = servers.flatMap(({ ports }) => ports)
      const certificate = needed.find(({ certificate }) => certificate)?.certificate
      const { host: site = '', https = false } = router.site ?? {}
      const secure = (https || certificate !== undefined) && ports.includes(443)
      const [first, second] = slots.names
      if (first === undefined || second === undefined) throw new TypeError('a project has two slots')
      const plan = {
        slots: [first, second],
        migrates: runtime.migrate !== undefined,
        fills: accessories !== undefined && env !== undefined,
      } as const
      // Loaded here, because no other command needs it.
      const { rehearse, planOf } = await import('../../rehearse/rehearse.ts')
      if (dryRun) {
        const planned = planOf(hosts, plan)
        return show(planned.text, planned.data)
      }
      const result = await rehearse({
        ...plan,
        ...{ hosts, folder, destination, signal, print, env },
        program: programOf(process.argv),
        base: image,
        server: servers.map(({ unit }) => unit).join(' and '),
        machine: {
          keep,
          https: secure,
          certificate: certificate && { ...certificate, site },
          port: secure ? 443 : (ports.find(port => port !== 443) ?? 80),
          engines: tools.some(tool => tool === 'podman' || tool === 'docker'),
        },
        site: { host: site, path: probe?.paths[0] ?? health.path },
      })
      show(result.sentence, result)
      return { exitCode: result.lost ? 1 : 0 }
    },
  })

/** @throws REHEARSAL_NOT_SSH */
async function wanted(machine: Transport) {
  const { name } = machine
  if (!machine.rehearsed) throw faults.REHEARSAL_NOT_SSH({ host: name })
  const { user = '' } = (await machine.endpoint?.()) ?? {}
  return { name, user }
}

/** @throws REHEARSAL_ENV_MISSING */
function variablesOf(folder: string, named: string | undefined, sources: readonly string[]): string | undefined {
  const path = resolve(folder, named ?? ENV_FILE)
  if (existsSync(path)) return path
  if (named === undefined && sources.length === 0) return undefined
  throw faults.REHEARSAL_ENV_MISSING({ path: named ?? ENV_FILE, sources })
}

/** This program, with the Taskfile that it was started with. */
function programOf([node = process.execPath, program = '', ...argv]: readonly string[]): [string, ...string[]] {
  const taskfile = valueIn(argv, 'taskfile')
  return [node, program, ...(taskfile === undefined ? [] : ['--taskfile', resolve(taskfile)])]
}
