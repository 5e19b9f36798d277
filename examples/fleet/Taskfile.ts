// A clock on one host, or on several: `HOSTS` has their names, and all else is the same.
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'

const { tasks } = project({
  app: 'clock',
  hosts: (env.HOSTS ?? 'deploy@web-1').split(',').map(name => ssh(name, { configFile: env.SSH_CONFIG })),
  build: tarball({
    path: '../swarm/app',
    version: () => readFileSync(new URL('../swarm/app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: service({
    start: 'python3 clock.py serve',
    migrate: 'python3 clock.py migrate',
    console: 'python3',
  }),
  router: nginx({ site: 'clock.example' }),
  slots: {
    blue: { port: 4800 },
    green: { port: 5800 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, console, history, repair } = tasks
