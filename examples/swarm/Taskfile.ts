// A clock on Docker Swarm: three tasks in each slot, and a router on each node.
import { readFileSync } from 'node:fs'
import { env, image, ssh, swarm } from 'switchyard-deploy'

const at = (name: string) => ssh(name, { configFile: env.SSH_CONFIG })

const clock = swarm({
  app: 'clock',
  manager: at(env.MANAGER ?? 'deploy@m1'),
  image: image({
    context: 'app',
    version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  registry: `${env.REGISTRY ?? 'registry.lan:5000'}/clock`,
  port: 4000,
  replicas: 3,
  router: { port: 80, image: env.ROUTER_IMAGE },
  slots: { blue: {}, green: {} },
  migrate: ['python3', '/app/clock.py', 'migrate'],
  console: 'python3',
  limits: { memory: '64M' },
  nodes: ({ name }) => at(name),
})

export const { setup, deploy, promote, rollback, restart, migrate, console, exec, logs, status, watch } = clock.tasks
export const { scale, history, pending, config, envDiff, doctor, repair, remove } = clock.tasks
