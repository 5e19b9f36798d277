/** A host without a machine: the test provides the stdout of each script. */
import { oneByOne, queriesOver } from '../../host/exec/queries.ts'
import type { Host } from '../../host/host.ts'
import type { Script } from '../../host/script.ts'

export function fakeHost(answer: (script: Script) => string | Promise<string>): Host {
  const run: Host['run'] = async script => ({ code: 0, stdout: await answer(script), stderr: '' })
  return { name: 'web-1', run, ...queriesOver('web-1', oneByOne('web-1', run)) } as Partial<Host> as Host
}
