/** Two hosts for one application: `web-1` has its slots, and `lb-1` is for the router. */
import type { TestHost } from '../../dev/host.ts'
import { type Machines, startMachines } from './machines.ts'

export interface Pair extends Machines {
  readonly web: TestHost
  readonly lb: TestHost
  /** The address of `web-1`, at which the other one reaches it. */
  readonly upstream: string
  /** The URL of the router on `lb-1`, from this machine. */
  readonly url: string
}

/** Boots both hosts and writes a Taskfile, which gets SSH_CONFIG and UPSTREAM. Sets up nothing. The application is `app/bin/server`. */
export async function startPair(taskfile: string): Promise<Pair> {
  const variables = async ([web]: readonly TestHost[]) => ({ UPSTREAM: await web?.address() })
  const machines = await startMachines(['web-1', 'lb-1'], taskfile, variables)
  const [web, lb] = machines.hosts
  if (!web || !lb) throw new TypeError('two hosts were started')
  return { ...machines, web, lb, upstream: await web.address(), url: `http://127.0.0.1:${lb.httpPort}` }
}
