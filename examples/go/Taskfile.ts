// Links: short links, as one static binary.
import { readFileSync } from 'node:fs'
import { command, env, nginx, project, service, ssh } from 'switchyard-deploy'

const { tasks } = project({
  app: 'links',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: command({
    cwd: 'app',
    run: 'CGO_ENABLED=0 go build -buildvcs=false -o build/links .',
    artifact: 'build',
    version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: service({ start: './links serve', migrate: './links migrate', memoryMax: '128M' }),
  router: nginx({ site: 'links.example' }),
  shared: ['data'],
  slots: {
    blue: { port: 4200 },
    green: { port: 5200 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, history } = tasks
