/** What a plugin gets to work with, for its contract suite. */
import { expect } from 'vitest'
import { type Fault, isFault } from '../../runner/fault.ts'
import type { PluginContext } from '../../slots/contracts.ts'
import { layout } from '../../slots/layout.ts'

/** A kit without a shell of this machine. */
export const pluginKit = (parts: Partial<PluginContext> = {}): PluginContext => ({
  app: 'life',
  folder: '/nowhere',
  host: 'web-1',
  layout: layout('/srv/life'),
  slots: [
    { name: 'blue', port: 4000, env: {} },
    { name: 'green', port: 5000, env: {} },
  ],
  $: () => expect.fail('this kit runs nothing on this machine'),
  signal: new AbortController().signal,
  dryRun: false,
  log: () => {},
  note: () => {},
  show: () => {},
  confirm: async () => false,
  ...parts,
})

/** The fault that a promise was rejected with; fails when it was not. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const reason = await promise.then(
    value => expect.fail(`it succeeded: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  // By what it is, and not by its class: a plugin of another package has its own copy.
  if (!isFault(reason)) throw reason
  return reason
}
