// Status: a static site that nginx serves from its release, with no process.
import { readFileSync } from 'node:fs'
import { env, files, nginx, project, ssh, tarball } from 'switchyard-deploy'

const { tasks } = project({
  app: 'status',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({
    path: 'site',
    version: () => readFileSync(new URL('site/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: files({ immutable: '/assets/' }),
  router: nginx({ site: 'status.example' }),
  slots: {
    blue: { port: 4600 },
    green: { port: 5600 },
  },
})

export const { setup, deploy, promote, rollback, status, history } = tasks
