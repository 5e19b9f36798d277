/** A rehearsal of a Taskfile: its commands on throw-away hosts, with load on the site while the traffic moves. */
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Figures, figuresOf, type Measured, summary, verdict } from '../vagrant/summary.ts'
import { type Runs, runCommand } from './commands.ts'
import { assertEngine } from './docker.ts'
import { BASE, ensureImage } from './image.ts'
import { underLoad } from './load.ts'
import { type Machine, type MachineOptions, type Machines, startMachines, type Wanted } from './machine.ts'
import { commandsOf, type Rehearsed } from './plan.ts'

export interface RehearsalOptions extends Rehearsed, Omit<Runs, 'rehearsal'> {
  readonly hosts: readonly Wanted[]
  /** The image of Debian or Ubuntu that the hosts are made of. @default 'debian:bookworm-slim' */
  readonly base: string | undefined
  /** The unit of the router. */
  readonly server: string
  readonly machine: Pick<MachineOptions, 'port' | 'https' | 'certificate' | 'engines' | 'keep'>
  /** The variables of the application; undefined for one without. */
  readonly env: string | undefined
  readonly site: { readonly host: string; readonly path: string }
}

export interface RehearsalResult {
  readonly lost: boolean
  /** What was lost. */
  readonly sentence: string
  /** A switch on a host: its title, and what the load on that host measured. */
  readonly hosts: readonly { readonly host: string; readonly title: string; readonly measured: Figures }[]
}

/** What a rehearsal would do, as text and as data. */
export function planOf(hosts: readonly Wanted[], of: Rehearsed) {
  const commands = commandsOf(of)
  const names = hosts.map(({ name }) => name)
  const lines = commands.map(({ args, under }) => `  task ${args.join(' ')}${under ? ', under load' : ''}`)
  return {
    text: [`On a throw-away host for ${names.join(' and for ')}:`, ...lines].join('\n'),
    data: { hosts: names, commands },
  }
}

/** @throws the faults of `rehearse`. Removes what it created, in any case, unless it is to be kept. */
export async function rehearse(options: RehearsalOptions): Promise<RehearsalResult> {
  const { signal, print, hosts, machine } = options
  await assertEngine(signal)
  const image = await ensureImage(options.base ?? BASE, signal, print)
  print(hosts.length === 1 ? 'Creating a throw-away host.' : `Creating ${hosts.length} throw-away hosts.`)
  const machines = await startMachines(hosts, { ...machine, image, signal })
  try {
    return await play(machines, options)
  } finally {
    if (machine.keep) for (const line of keptLines(machines)) print(line)
    else await machines[Symbol.asyncDispose]()
    if (signal.aborted && !machine.keep) print('Interrupted: the throw-away hosts are gone.')
  }
}

async function play({ all, folder, rehearsal }: Machines, options: RehearsalOptions): Promise<RehearsalResult> {
  const { print, signal, site, env } = options
  const file = join(folder, 'rehearsal.json')
  const copy = join(folder, 'env')
  // A copy, because a bootstrap writes the URLs of its databases into it.
  if (env !== undefined) await copyFile(env, copy)
  await writeFile(file, JSON.stringify({ ...rehearsal, ...(env !== undefined && { env: copy }) }))
  const runs = { ...options, rehearsal: file }
  const measured: { title: string; all: readonly Measured[] }[] = []
  for (const { args, under } of commandsOf(options)) {
    if (under === undefined) await runCommand(args, runs)
    else {
      const sites = all.map(({ url }) => ({ url, ...site }))
      measured.push({ title: under, all: await underLoad(sites, () => runCommand(args, runs), signal) })
    }
  }
  const results = all.map((machine, i) => ({
    machine,
    of: measured.flatMap(({ title, all }) => (all[i] ? [{ title, measured: all[i] }] : [])),
  }))
  for (const { machine, of } of results) for (const line of reportLines(machine, of, options.server)) print(line)
  print('')
  const ended = verdict(results.flatMap(({ of }) => of.map(({ measured }) => measured)))
  const hosts = results.flatMap(({ machine: { name: host }, of }) =>
    of.map(({ title, measured }) => ({ host, title, measured: figuresOf(measured) })),
  )
  return { ...ended, hosts }
}

export const reportLines = (
  { name, description }: Pick<Machine, 'name' | 'description'>,
  measured: readonly { readonly title: string; readonly measured: Measured }[],
  server: string,
): readonly string[] => [
  '',
  `Results on a throw-away host for ${name}: ${description}, ${server}:`,
  ...measured.flatMap(({ title, measured }) => summary(title, measured).split('\n')),
]

const keptLines = ({ all, folder, rehearsal }: Machines): readonly string[] => [
  '',
  ...all.map(({ name, alias }) => `Log in to the host for ${name}: ssh -F ${rehearsal.sshConfig} ${alias}`),
  `Remove it: docker rm --force --volumes ${all.map(({ container }) => container).join(' ')} && rm -r ${folder}`,
]
