import { swarmFaults } from './faults.ts'
import { MAX_REPLICAS } from './router/haproxy-config.ts'

/** @throws REPLICAS_TOO_MANY */
export function assertReplicas(replicas: number): void {
  if (replicas > MAX_REPLICAS) throw swarmFaults.REPLICAS_TOO_MANY({ replicas, most: MAX_REPLICAS })
}
