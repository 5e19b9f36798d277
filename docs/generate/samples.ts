/** The applications of the quick starts: as little of each as `init` looks at. */
import type { Folder } from '../../init/folder.ts'

export interface Sample {
  /** The page is `quick-start-<name>.md`. */
  readonly name: string
  readonly title: string
  /** What `init` reads. */
  readonly files: Readonly<Record<string, string>>
  /** Packages of the host beside nginx, curl and sudo. */
  readonly packages: string
  /** What the host does not need, or needs otherwise. One sentence each. */
  readonly host: readonly string[]
  /** Whether there are migrations to run. */
  readonly migrates?: true
  /** What to do once it is live. Markdown, one sentence each. */
  readonly later: readonly string[]
  /** Another kind of application of the same page. */
  readonly also?: { readonly title: string; readonly files: Readonly<Record<string, string>> }
}

const HEALTH =
  'Answer `/health` with 200 and the version, such as `{"version":"1.2.3"}`, and remove the line `health`: then an old process cannot pass for the new release.'

export const SAMPLES: readonly Sample[] = [
  {
    name: 'phoenix',
    title: 'Phoenix',
    files: {
      'mix.exs':
        'defmodule Shop.MixProject do\n  def project, do: [app: :shop, version: "0.1.0", deps: deps()]\n  defp deps, do: [{:phoenix, "~> 1.8"}, {:phoenix_ecto, "~> 4.5"}, {:ecto_sql, "~> 3.13"}]\n  defp aliases, do: ["assets.setup": [], "assets.deploy": []]\nend\n',
      'config/prod.exs': 'config :shop, ShopWeb.Endpoint, force_ssl: [rewrite_on: [:x_forwarded_proto]]\n',
      'lib/shop/release.ex': 'defmodule Shop.Release do\nend\n',
    },
    packages: '',
    host: [
      'A release contains Erlang, so the host needs neither Erlang nor Elixir, but the same distribution and processor as the machine that builds.',
    ],
    migrates: true,
    later: [
      '`mix phx.gen.release --docker` adds a Dockerfile: `init` then builds in it, so that your machine need not be like the host.',
      "`npx task console blue` opens IEx in the running application, `npx task rpc 'Shop.Repo.aggregate(Shop.User, :count)'` evaluates one expression.",
      'WebSockets stay on the old slot until it is retired: [what is not promised](reliability.md#what-is-not-promised). Until then `beam({ cluster: true })` lets PubSub reach the users of both slots: [a cluster of both slots](application.md#a-cluster-of-both-slots).',
      HEALTH,
      'A whole application: [examples/life](../examples/life/README.md).',
    ],
  },
  {
    name: 'node',
    title: 'Node.js',
    files: {
      'package.json':
        '{ "name": "shop", "version": "1.0.0", "scripts": { "build": "tsc", "start": "node dist/server.js", "migrate": "node dist/migrate.js" } }',
      'package-lock.json': '{}',
    },
    packages: 'nodejs',
    host: ['Use the same major version of Node.js on the host and where you build.'],
    migrates: true,
    later: [
      'Next.js, Nuxt, Remix and others work the same way, if their start script listens on `PORT`.',
      "Listen on loopback: `server.listen(process.env.PORT, process.env.LISTEN_ADDRESS ?? '127.0.0.1')`.",
      'Workers and schedulers are [`processes`](application.md) of the same slot.',
      HEALTH,
      'A whole application: [examples/node](../examples/node/README.md).',
    ],
  },
  {
    name: 'rails',
    title: 'Rails',
    files: {
      Gemfile: "gem 'rails'\ngem 'puma'\n",
      'config/application.rb': 'module Shop\n  class Application < Rails::Application\n  end\nend\n',
      'config/environments/production.rb': '  config.force_ssl = true\n',
      '.ruby-version': '3.3.0\n',
    },
    packages: 'ruby ruby-bundler',
    host: [
      'The host needs the same version of Ruby as the machine that builds, and the libraries of your gems, such as `libpq5` for PostgreSQL.',
    ],
    migrates: true,
    later: [
      "Solid Queue or Sidekiq is one more process of the slot: `processes: { worker: 'bin/jobs' }` of [service()](application.md).",
      "Add `assets: { path: '/assets/', folder: 'public' }` to nginx(), so that pages of the previous release still find theirs.",
      "With Rails 7.1 or later `/up` answers 200 without a version: `health: { path: '/up', version: false }`.",
      'A whole application in Ruby: [examples/ruby](../examples/ruby/README.md).',
    ],
  },
  {
    name: 'python',
    title: 'Django and Flask',
    files: {
      'manage.py': 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
      'requirements.txt': 'Django\ngunicorn\n',
    },
    packages: 'python3',
    host: [
      'The host needs the same minor version of Python as the machine that builds, because packages with compiled parts belong to one.',
    ],
    migrates: true,
    later: [
      'Files that users upload belong in [`shared`](application.md): a release cannot be written.',
      "Celery is one more process of the slot, its scheduler one with `when: 'live'`: [workers and schedulers](application.md).",
      HEALTH,
      'A whole application: [examples/python](../examples/python/README.md).',
    ],
    also: { title: 'Flask', files: { 'requirements.txt': 'Flask\ngunicorn\n', 'app.py': 'app = None\n' } },
  },
  {
    name: 'laravel',
    title: 'Laravel and PHP',
    files: { 'composer.json': '{ "name": "team/shop", "require": { "laravel/framework": "^12" } }', artisan: '' },
    packages: 'php-fpm php-cli php-curl php-mbstring php-xml php-zip',
    host: ["Each slot has a PHP-FPM of its own, which runs as the deploying user: Debian's own service is not needed."],
    migrates: true,
    later: [
      "The queue is one more process of the slot: `processes: { queue: 'php artisan queue:work', schedule: { start: 'php artisan schedule:work', when: 'live' } }`.",
      'A whole application, which Composer prepares on the host: [examples/php](../examples/php/README.md).',
    ],
    also: {
      title: 'Laravel Octane',
      files: { 'composer.json': '{ "name": "team/shop", "require": { "laravel/octane": "^2" } }', artisan: '' },
    },
  },
  {
    name: 'go',
    title: 'Go',
    files: { 'go.mod': 'module example.com/team/shop\n\ngo 1.22\n', 'cmd/shop/main.go': 'package main\n' },
    packages: '',
    host: ['The release is one static program: the host needs nothing of Go.'],
    later: [
      'On SIGTERM finish what has begun: `server.Shutdown(ctx)`. A slot is stopped only after it has lost the traffic.',
      HEALTH,
      'A whole application: [examples/go](../examples/go/README.md).',
    ],
  },
  {
    name: 'container',
    title: 'Containers',
    files: { Dockerfile: 'FROM debian:bookworm\n' },
    packages: 'podman crun uidmap',
    host: ['No registry is needed: the image travels over the SSH connection, without the layers that the host has.'],
    later: [
      'The container has the network of the host, so it listens on `PORT`, on 127.0.0.1: nothing is published.',
      "`processes: { worker: ['bin/worker'], scheduler: { start: ['bin/tick'], when: 'live' } }` of container() runs more containers of the image in a slot.",
      "`image({ pull: 'registry.example/shop:1.2.0' })` takes an image that CI has pushed to a registry: each host pulls its digest.",
      "`volumes: { storage: '/app/storage' }` of container() keeps what it writes, in a path of `shared`.",
      'Old images are removed together with their releases.',
      HEALTH,
      'A whole application: [examples/container](../examples/container/README.md).',
    ],
  },
  {
    name: 'static',
    title: 'A static site',
    files: { 'index.html': '' },
    packages: '',
    host: ['nginx serves the files itself: there is no process.'],
    later: [
      "A site that is built: `build: git({ build: command({ run: 'npm ci && npm run build', artifact: 'dist' }) })`.",
      'Behind Caddy, which then serves the files: `init --router caddy`.',
      'A whole site: [examples/static](../examples/static/README.md).',
    ],
  },
]

/** A folder with these files, and nothing else. */
export const folderWith = (files: Readonly<Record<string, string>>): Folder => ({
  name: 'shop',
  has: path => Object.hasOwn(files, path) || Object.keys(files).some(name => name.startsWith(`${path}/`)),
  text: path => files[path] ?? '',
  list: path => {
    const below =
      path === '.'
        ? Object.keys(files)
        : Object.keys(files).flatMap(name => (name.startsWith(`${path}/`) ? [name.slice(path.length + 1)] : []))
    return [...new Set(below.map(name => name.split('/')[0] ?? ''))].sort()
  },
})
