// Files: a Node.js server and its worker, without dependencies, which keep what their users upload.
import { command, env, nginx, project, service, ssh } from 'switchyard-deploy'

const { tasks } = project({
  app: 'files',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: command({ cwd: 'app', run: 'npm ci --omit=dev && npm test', artifact: '.' }),
  runtime: service({
    start: 'node server.js',
    migrate: 'node migrate.js',
    console: 'node console.js',
    processes: { worker: 'node worker.js' },
    memoryMax: '512M',
  }),
  router: nginx({ site: 'files.example' }),
  shared: ['uploads'],
  slots: {
    blue: { port: 4100 },
    green: { port: 5100 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, console, history } = tasks
