/** A project for tests of its tasks alone: no run opens its host or creates one of its plugins. */
import { expect } from 'vitest'
import type { BuildSource, Plugin, Router, Runtime } from '../../slots/contracts.ts'

export const plugin = <T>(): Plugin<T> => ({ name: 'none', create: () => expect.fail('not made here') })

export const definition = {
  app: 'life',
  host: { name: 'web-1', open: () => expect.fail('not opened here') },
  build: plugin<BuildSource>(),
  runtime: plugin<Runtime>(),
  router: plugin<Router>(),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
} as const
