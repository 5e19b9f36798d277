// Guests: a Sinatra application under Puma, both from Debian packages.
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'

const { tasks } = project({
  app: 'guests',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({
    path: 'app',
    version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: service({
    start: 'puma',
    socket: true,
    migrate: 'ruby migrate.rb',
    console: 'irb -r ./book.rb',
    memoryMax: '512M',
  }),
  router: nginx({ site: 'guests.example' }),
  shared: ['data'],
  slots: {
    blue: { port: 4300 },
    green: { port: 5300 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, console, history } = tasks
