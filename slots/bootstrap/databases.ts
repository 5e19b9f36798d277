/** Creates the databases of a plan, and writes their URLs into the environment file of this machine. */
import type { Host } from '../../host/host.ts'
import { fillIn } from '../environment/fill-in.ts'
import {
  type AccessoryPlan,
  type AccessoryRequest,
  createDatabase,
  DATABASE_URL,
  databaseUrl,
  inspectAccessories,
  newPassword,
  planAccessories,
  REDIS,
  REDIS_URL,
  silent,
} from './accessories.ts'
import { bootstrapFaults as faults } from './bootstrap-faults.ts'

interface Work {
  readonly host: Host
  /** The environment file on this machine. */
  readonly path: string
  /** Hides values in all output. */
  hide(values: Iterable<string>): void
  log(line: string): void
}

/**
 * With a plan of nothing it only checks that the servers answer.
 *
 * @throws BOOTSTRAP_DATABASE_FAILED, BOOTSTRAP_PASSWORD_SET, BOOTSTRAP_ENV_FAILED, BOOTSTRAP_INCOMPLETE
 */
export async function prepareDatabases(
  { request, plan }: { readonly request: AccessoryRequest; readonly plan: AccessoryPlan },
  { host, path, hide, log }: Work,
): Promise<void> {
  const { database = '' } = request
  if (plan.create) {
    log(`creating the database ${database}`)
    await host.query(createDatabase(database))
  }
  const write = (name: string, value: string) =>
    fillIn(path, name, value).catch((error: Error) => {
      throw faults.BOOTSTRAP_ENV_FAILED({ path, host: host.name, database, why: error.message }, error)
    })
  if (plan.redis) await write(REDIS_URL, REDIS)
  if (plan.password) {
    const password = await host.query(newPassword(database))
    const url = databaseUrl(database, password)
    hide([password, url])
    await write(DATABASE_URL, url)
    log(`${DATABASE_URL} is written`)
  }
  const facts = await host.query(inspectAccessories(request))
  const left = [...planAccessories({ ...request, write: false }, facts).done, ...silent(request, facts)]
  if (left.length > 0) throw faults.BOOTSTRAP_INCOMPLETE({ host: host.name, left })
}
