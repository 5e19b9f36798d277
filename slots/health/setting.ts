/** The setting of the health check in a Taskfile. */
import {
  anyText,
  atLeast,
  count,
  either,
  fields,
  oneOf,
  optional,
  path,
  record,
  text,
} from '../../runner/taskfile/shape.ts'
import type { Router } from '../contracts.ts'
import type { Health, HealthCheck } from '../model.ts'
import { headersOf } from './headers.ts'

export const healthRules = fields<HealthCheck>({
  path: optional(path),
  host: optional(text),
  headers: optional(record(anyText)),
  version: optional(either(text, oneOf(false), 'the name of a field such as "version", or false')),
  passes: optional(count(1)),
  every: optional(atLeast(0, 'milliseconds')),
  patience: optional(atLeast(1, 'milliseconds')),
  within: optional(atLeast(1, 'milliseconds')),
  soak: optional(atLeast(0, 'milliseconds')),
})

/** Applies the defaults. `site`: the router's site, so that health requests look like those of the router. */
export const healthOf = ({ host, headers, ...check }: HealthCheck = {}, site?: Router['site']): Health => ({
  path: '/health',
  host: host ?? site?.host ?? '',
  headers: headersOf({ ...(site?.https && { 'X-Forwarded-Proto': 'https' }) }, headers),
  version: 'version',
  passes: 3,
  every: 50,
  patience: 2_000,
  within: 60_000,
  soak: 0,
  ...check,
})
