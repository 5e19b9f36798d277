/** The table of `task config`, and the parts of it that an engine's table has too. */
import { table } from '../../runner/output/table.ts'
import { HIDDEN } from '../health/headers.ts'
import type { PluginConfig, ProjectConfig, SourceConfig, Variable } from './config.ts'

export type Row = readonly [name: string, value: string]
type Settings = Readonly<Record<string, unknown>>

/** One section per part of the project, with its settings indented below it. */
export function configTable(config: ProjectConfig, columns?: number): string {
  const { app, destination, hosts, strategy, balancer, folders, shared, slots, health, probe, environment } = config
  const { root, ...below } = folders
  const { path, ...check } = health
  const rows: readonly Row[] = [
    ['application', app],
    ...(destination === undefined ? [] : [['destination', destination] as const]),
    ...hosts.flatMap(({ name, endpoint }) => section('host', name, rowsOf({ ...endpoint }))),
    ...(strategy === undefined ? [] : [['strategy', strategy] as const]),
    ...(balancer
      ? section('balancer', balancer.name, rowsOf({ ...balancer.endpoint, upstream: balancer.upstream }))
      : []),
    ...section('folder', root, rowsOf(below)),
    ['shared paths', words(shared.map(entry => (typeof entry === 'string' ? entry : `${entry.file} (a file)`)))],
    ...(config.packages ? [['packages', words(config.packages)] as const] : []),
    ...(config.databases ? [['databases', words(config.databases)] as const] : []),
    ...(config.notify ? [['notifications', words(config.notify)] as const] : []),
    ...slots.flatMap(({ name, port, variables }) => slotSection(name, `port ${port}`, variables)),
    ...pluginRows('build source', config.build),
    ...pluginRows('runtime', config.runtime),
    ...pluginRows('router', config.router),
    ...section('health check', path, rowsOf(check)),
    ...probeSection(probe),
    ...environmentSection(environment),
  ]
  return table(rows, { columns })
}

export const slotSection = (name: string, value: string, variables: readonly Variable[]): readonly Row[] =>
  section(`slot ${name}`, value, variables.map(variableRow))

export const probeSection = (probe: ProjectConfig['probe']): readonly Row[] =>
  section('probes', probe ? words(probe.paths) : 'off', rowsOf({ ...probe, paths: undefined }))

export const environmentSection = (environment: ProjectConfig['environment']): readonly Row[] =>
  section('environment', environment ? environmentTitle(environment) : 'no file', [
    ...(environment?.sources ?? []).map(sourceRow),
    ...(environment?.variables ?? []).map(variableRow),
  ])

export const section = (name: string, value: string, rows: readonly Row[]): readonly Row[] => [
  [name, value],
  ...rows.map(([key, text]): Row => [`  ${key}`, text]),
]

const pluginRows = (kind: string, { plugin, settings }: PluginConfig) =>
  section(kind, `${plugin}()`, rowsOf(settings ?? {}))

const variableRow = ({ name, value = HIDDEN }: Variable): Row => [name, value]

/** The only source, or how many there are. */
const environmentTitle = ({ problem, file, sources }: NonNullable<ProjectConfig['environment']>) =>
  sources && sources.length > 1 ? `${sources.length} sources` : (problem ?? file)

const sourceRow = ({ source, state, problem }: SourceConfig): Row => [source, problem ?? state]

export const rowsOf = (settings: Settings): readonly Row[] =>
  Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, MILLISECONDS.has(name) ? `${value} ms` : words(value)])

/** Settings of the health check and of the probes that are times. */
const MILLISECONDS = new Set(['every', 'patience', 'within', 'soak', 'watch'])

/** A setting as text: lists and objects are separated by commas. */
function words(value: unknown): string {
  if (value === '') return 'none'
  if (value === true || value === false) return value ? 'yes' : 'no'
  const list = Array.isArray(value) ? value : undefined
  if (list) return list.map(words).join(', ') || 'none'
  if (typeof value !== 'object' || value === null) return String(value)
  return (
    Object.entries(value)
      .map(([name, item]) => `${name} ${words(item)}`)
      .join(', ') || 'none'
  )
}
