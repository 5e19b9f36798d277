/** The context that a plugin is created with, for its contract suite. */
import { expect } from 'vitest'
import { type Fault, isFault } from '../../runner/fault.ts'
import type { Fleet } from '../../runner/task.ts'
import type { PluginContext } from '../../slots/contracts.ts'
import { layout } from '../../slots/layout.ts'

/**
 * A plugin context for tests: application `life`, host `web-1`, the slots blue (4000) and green (5000), and a `$` that fails the test.
 *
 * @param parts replaces fields of it
 */
export const pluginKit = (parts: Partial<PluginContext> = {}): PluginContext => ({
  app: 'life',
  folder: '/nowhere',
  host: 'web-1',
  layout: layout('/srv/life'),
  slots: [
    { name: 'blue', port: 4000, env: {} },
    { name: 'green', port: 5000, env: {} },
  ],
  $: () => expect.fail('The plugin used `$`, which this context does not provide.'),
  signal: new AbortController().signal,
  dryRun: false,
  log: () => {},
  note: () => {},
  show: () => {},
  print: () => {},
  terminal: false,
  confirm: async () => false,
  ask: async () => undefined,
  ...parts,
})

/** The hosts of a run that has one. */
export const oneHost = (host = 'web-1'): Fleet => ({
  hosts: [host],
  host,
  first: true,
  limit: undefined,
  gather: async value => [{ host, value }],
  batch: async () => oneHost(host),
})

/** Resolves to the fault that a promise was rejected with. Fails the test if the promise resolves; rethrows any other error. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const reason = await promise.then(
    value => expect.fail(`The promise resolved to ${JSON.stringify(value)}.`),
    (error: unknown) => error,
  )
  // Not checked by its class: a plugin of another package has its own copy.
  if (!isFault(reason)) throw reason
  return reason
}
