/** PHP, by an application server that one command starts. PHP-FPM has no runtime yet. */
import { randomBytes } from 'node:crypto'
import { jsonIn, objectIn } from '../folder.ts'
import { BUILT_BY, builtBy, call, quoted, type Stack, sameAs } from '../stack.ts'

export const php: Stack = {
  name: 'php',
  title: 'a PHP application',
  found: folder => (folder.has('composer.json') ? 'composer.json' : undefined),
  nameIn(folder) {
    const { name } = jsonIn(folder, 'composer.json')
    return typeof name === 'string' ? name.split('/').at(-1) : undefined
  },
  parts(folder, { app, site }) {
    const { require } = jsonIn(folder, 'composer.json')
    const octane = Object.hasOwn(objectIn(require), 'laravel/octane')
    const laravel = octane || folder.has('artisan')
    const root = folder.has('public') || laravel ? 'public' : '.'
    return {
      imports: [...BUILT_BY, 'service'],
      build: builtBy('composer install --no-dev --no-interaction --optimize-autoloader'),
      runtime: call('service', {
        start: quoted(
          octane
            ? 'php artisan octane:start --host=127.0.0.1 --port=$PORT'
            : `frankenphp php-server --listen 127.0.0.1:$PORT --root ${root}`,
        ),
        migrate: laravel ? quoted('php artisan migrate --force') : undefined,
        console: laravel ? quoted('php artisan tinker') : undefined,
      }),
      ...(laravel && { options: ["shared: ['storage']"], tasks: ['migrate', 'console'] }),
      // FrankenPHP has a PHP of its own, and is no package of Debian.
      ...(octane && { packages: ['php-cli', 'php-curl', 'php-mbstring', 'php-xml', 'php-zip'] }),
      env: laravel
        ? [
            { name: 'APP_ENV', value: 'production' },
            { name: 'APP_URL', value: `https://${site}` },
            { name: 'APP_KEY', secret: () => `base64:${randomBytes(32).toString('base64')}` },
            { name: 'DATABASE_URL', comment: `Such as mysql://${app}:PASSWORD@localhost/${app}` },
          ]
        : [],
      notes: [
        octane
          ? 'Laravel Octane serves the application; the host needs the server that Octane uses.'
          : 'PHP-FPM cannot be deployed yet. The Taskfile starts the application with FrankenPHP, one program that has to be installed on the host.',
        sameAs('version of PHP, with its extensions'),
      ],
      ci: {
        github: ['- uses: shivammathur/setup-php@v2', '  with:', "    php-version: '8.3'"],
        gitlab: ['apt-get update -q && apt-get install -y -q composer'],
      },
    }
  },
}
