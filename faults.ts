/** All error catalogues, by module. */
import { hostFaults } from './host/faults.ts'
import { initFaults } from './init/faults.ts'
import { registryFaults } from './plugins/registry/faults.ts'
import { caddyFaults } from './plugins/router/caddy/faults.ts'
import { routerFaults } from './plugins/router/faults.ts'
import { haproxyFaults } from './plugins/router/haproxy/faults.ts'
import { runtimeFaults } from './plugins/runtime/faults.ts'
import { secretsFaults } from './plugins/secrets/faults.ts'
import { buildFaults } from './plugins/source/faults.ts'
import { rehearseFaults } from './rehearse/faults.ts'
import { runnerFaults } from './runner/faults.ts'
import { bootstrapFaults } from './slots/bootstrap/bootstrap-faults.ts'
import { canaryFaults } from './slots/canary/canary-faults.ts'
import { environmentFaults } from './slots/environment/environment-faults.ts'
import { slotFaults } from './slots/faults.ts'
import { gitFaults } from './slots/git/faults.ts'
import { probeFaults } from './slots/promote/probe-faults.ts'
import { removeFaults } from './slots/remove/remove-faults.ts'
import { swarmFaults } from './swarm/faults.ts'

export const faultCatalogue = {
  runner: runnerFaults,
  init: initFaults,
  host: hostFaults,
  slots: slotFaults,
  bootstrap: bootstrapFaults,
  environment: environmentFaults,
  probe: probeFaults,
  canary: canaryFaults,
  git: gitFaults,
  remove: removeFaults,
  rehearse: rehearseFaults,
  secrets: secretsFaults,
  build: buildFaults,
  registry: registryFaults,
  router: routerFaults,
  caddy: caddyFaults,
  haproxy: haproxyFaults,
  runtime: runtimeFaults,
  swarm: swarmFaults,
}
