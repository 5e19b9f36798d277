/** The migrations of a release: one task that runs once. It goes on if the connection is lost, and the next run follows it. */
import { program } from '../host/program.ts'
import { capture, type Query } from '../host/query.ts'
import { type Script, sh } from '../host/script.ts'
import { engineApi } from './engine.ts'

/** Seconds. */
export const MIGRATION_LIMIT = 3600

export const followMigration = (service: string, limit: number): Script =>
  sh.lines(engineApi, program(new URL('./migrate-service.sh', import.meta.url), { parameters: { service, limit } }))

export interface Migrated {
  /** `complete`, or why not; `late` if it still runs. */
  readonly state: string
  readonly code: number
  readonly error: string
  readonly log: string
}

export const following = (service: string, limit: number, onLine: (line: string) => void): Query<Migrated> =>
  capture(followMigration(service, limit), parseMigrated, {
    onLine: line => {
      if (!OVER.test(line)) onLine(line)
    },
  })

const OVER = /^over (\w*) (\d+) ?(.*)$/

export function parseMigrated(text: string): Migrated {
  const lines = text.split('\n')
  const [, state = '', code = '0', error = ''] = OVER.exec(lines.at(-1) ?? '') ?? []
  return { state, code: Number(code), error: error.trim(), log: lines.slice(0, -1).join('\n') }
}
