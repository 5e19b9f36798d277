// Example: deploys `life`, an Elixir release, to the rehearsal host defined in vagrant/.
import { beam, docker, env, nginx, project, ssh } from 'switchyard-deploy'

const { tasks, task } = project({
  app: 'life',
  host: ssh(env.HOST ?? 'vagrant@192.168.33.40', { configFile: env.SSH_CONFIG }),
  build: docker({ context: 'examples/life' }),
  runtime: beam(),
  router: nginx({ site: 'life.example' }),
  slots: {
    blue: { port: 4000 },
    green: { port: 5000 },
  },
})

export const { bootstrap, setup, build, upload, detectLive, stopIdle, startIdle, checkIdle } = tasks
export const { deploy, promote, rollback, restart, migrate, status, logs, exec, rpc, console } = tasks
export const { retire, repair, doctor, history, releases, prune, pending, lock, unlock, maintenance } = tasks
export const { config, envDiff, envPush, remove } = tasks

export const uptime = task('Ask the host how long it has been up', {
  async run({ host, show }) {
    show(await host.$readonly`uptime -p`.text())
  },
})
