/** PHP: under PHP-FPM, or the server of Laravel Octane. */
import { randomBytes } from 'node:crypto'
import { type Folder, jsonIn, objectIn } from '../folder.ts'
import { BUILT_BY, builtBy, call, quoted, ROUTERS, type Stack, sameAs } from '../stack.ts'

/** That of Debian 12. */
const VERSION = '8.2'

/** What most applications need beside PHP itself, with the driver of a database to add. */
const EXTENSIONS = ['php-curl', 'php-mbstring', 'php-xml', 'php-zip']

const hasOctane = (folder: Folder): boolean =>
  Object.hasOwn(objectIn(jsonIn(folder, 'composer.json').require), 'laravel/octane')

export const php: Stack = {
  name: 'php',
  title: 'a PHP application',
  found: folder => (folder.has('composer.json') ? 'composer.json' : undefined),
  nameIn(folder) {
    const { name } = jsonIn(folder, 'composer.json')
    return typeof name === 'string' ? name.split('/').at(-1) : undefined
  },
  // nginx speaks with PHP-FPM; Octane is a server of its own.
  routers: folder => (hasOctane(folder) ? ROUTERS : ['nginx']),
  parts(folder, { app, site }) {
    const octane = hasOctane(folder)
    const laravel = octane || folder.has('artisan')
    const root = folder.has('public') || laravel ? 'public' : '.'
    const commands = {
      migrate: laravel ? quoted('php artisan migrate --force') : undefined,
      console: laravel ? quoted('php artisan tinker') : undefined,
    }
    return {
      imports: [...BUILT_BY, octane ? 'service' : 'php'],
      build: builtBy('composer install --no-dev --no-interaction --optimize-autoloader'),
      runtime: octane
        ? call('service', { start: quoted('php artisan octane:start --host=127.0.0.1 --port=$PORT'), ...commands })
        : call('php', { version: quoted(VERSION), root: root === 'public' ? undefined : quoted(root), ...commands }),
      ...(laravel && { options: ["shared: ['storage']"], tasks: ['migrate', 'console'] }),
      packages: octane ? ['php-cli', ...EXTENSIONS] : EXTENSIONS,
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
          : `\`version\` is that of PHP on the host: ${VERSION} on Debian 12, 8.4 on Debian 13, 8.3 on Ubuntu 24.04.`,
        sameAs('version of PHP, with its extensions'),
      ],
      ci: {
        github: ['- uses: shivammathur/setup-php@v2', '  with:', "    php-version: '8.3'"],
        gitlab: ['apt-get update -q && apt-get install -y -q composer'],
      },
    }
  },
}
