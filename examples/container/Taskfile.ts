// Pastes: a container image, which travels to the host without a registry.
import { readFileSync } from 'node:fs'
import { container, env, image, nginx, project, ssh } from 'switchyard-deploy'

const { tasks } = project({
  app: 'pastes',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: image({
    context: 'app',
    version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: container({
    engine: env.ENGINE === 'docker' ? 'docker' : 'podman',
    start: ['serve'],
    migrate: ['migrate'],
    volumes: { data: '/data' },
    memoryMax: '128M',
  }),
  router: nginx({ site: 'pastes.example' }),
  shared: ['data'],
  slots: {
    blue: { port: 4500 },
    green: { port: 5500 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, logs, exec, prune, remove } = tasks
