// Recipes: a PHP application under PHP-FPM, both from Debian packages.
import { readFileSync } from 'node:fs'
import { env, nginx, php, project, ssh, tarball } from 'switchyard-deploy'

const { tasks } = project({
  app: 'recipes',
  host: ssh(env.HOST ?? 'deploy@web-1', { configFile: env.SSH_CONFIG }),
  build: tarball({
    path: 'app',
    version: () => readFileSync(new URL('app/VERSION', import.meta.url), 'utf8').trim(),
  }),
  runtime: php({
    version: '8.2',
    ini: { post_max_size: '20M' },
    prepare: 'composer install --no-dev --no-interaction --optimize-autoloader',
    migrate: 'php migrate.php',
    console: 'php -d auto_prepend_file=console.php -a',
  }),
  router: nginx({ site: 'recipes.example', bodySize: '20m' }),
  shared: ['data'],
  slots: {
    blue: { port: 4700 },
    green: { port: 5700 },
  },
})

export const { setup, deploy, migrate, promote, rollback, status, console, history } = tasks
