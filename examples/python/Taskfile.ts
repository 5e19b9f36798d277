// Notes: a Django application under gunicorn, both from Debian packages.
import { readFileSync } from 'node:fs'
import { env, nginx, project, service, ssh, tarball } from 'switchyard-deploy'

const { tasks } = project({
  app: 'notes',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({
    path: 'app',
    version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: service({
    prepare: 'python3 manage.py collectstatic --no-input',
    start: 'gunicorn notes.wsgi',
    migrate: 'python3 manage.py migrate --no-input',
    console: 'python3 manage.py shell',
    memoryMax: '512M',
  }),
  router: nginx({ site: 'notes.example', assets: { path: '/static/', folder: '.' } }),
  shared: ['data'],
  slots: {
    blue: { port: 4400 },
    green: { port: 5400 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, console, history } = tasks
