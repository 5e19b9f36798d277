import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** A bash whose stdin is a socket, as Node's pipes are, reads its start-up files unless another shell has started it. */
const env = { SHLVL: '2' }
const alias = { 'switchyard-deploy': fileURLToPath(new URL('index.ts', import.meta.url)) }

/** How long `expect.poll` waits where a host has to come to a state: long, because the machine may be busy. */
const expect = { poll: { timeout: 120_000 } }

export default defineConfig({
  test: {
    // A test on a host needs a core or more, because its host, its application and its load run on this machine. More files in parallel would take as
    // long in all, and bring each test closer to its timeout.
    maxWorkers: 2,
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          exclude: ['test/unit/**/*.program.test.ts'],
          // Some tests start a hundred shells or several whole programs, and the machine may be busy.
          testTimeout: 600_000,
          hookTimeout: 600_000,
          env,
        },
      },
      // Tests of whole processes, which take longer than all other unit tests together.
      {
        resolve: { alias },
        test: {
          name: 'programs',
          include: ['test/unit/**/*.program.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          env,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'], tsconfig: 'tsconfig.json' },
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'hosts',
          expect,
          include: ['test/{contract,e2e}/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      // Every command beside those that deploy and switch, on hosts of their own: `npm run test:commands`.
      {
        resolve: { alias },
        test: {
          name: 'commands',
          expect,
          include: ['test/commands/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      // Slots that are containers, on hosts with Podman and Docker: `npm run test:engines`.
      {
        resolve: { alias },
        test: {
          name: 'engines',
          expect,
          include: ['test/engines/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      // Applications on several hosts: `npm run test:fleet`.
      {
        resolve: { alias },
        test: {
          name: 'fleet',
          expect,
          include: ['test/fleet/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      // Three engines as a swarm, as root on Linux: `npm run test:swarm`. One file after the other, because a machine has one
      // swarm at a time.
      {
        resolve: { alias },
        test: {
          name: 'swarm',
          expect,
          include: ['test/swarm/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'faults',
          expect,
          include: ['test/faults/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 300_000,
        },
      },
      // Peculiarities of real hosts, accounts and applications: the second part of `npm run test:faults`.
      {
        resolve: { alias },
        test: {
          name: 'situations',
          expect,
          include: ['test/situations/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 300_000,
        },
      },
      // The documentation site, built and opened in Chromium: `npm run test:docs`.
      {
        test: { name: 'docs', include: ['test/docs/**/*.test.ts'], testTimeout: 240_000, hookTimeout: 240_000 },
      },
      {
        resolve: { alias },
        test: {
          name: 'switch',
          expect,
          include: ['test/switch/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
