/** Projects of strangers, one of each kind that `init` knows, as small as their tools make them. */

export interface Stranger {
  /** For `--stack`. */
  readonly stack: string
  /** What `init` names it. */
  readonly app: string
  readonly files: Readonly<Record<string, string>>
  /** Standard tasks that its Taskfile has beside those of all. */
  readonly tasks: readonly string[]
}

const phoenix = {
  'mix.exs': `defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [app: :shop, version: "0.1.0", elixir: "~> 1.15", deps: deps(), aliases: aliases()]
  end

  defp deps, do: [{:phoenix, "~> 1.8"}, {:phoenix_ecto, "~> 4.5"}, {:ecto_sql, "~> 3.13"}]

  defp aliases do
    [
      "assets.setup": ["tailwind.install --if-missing"],
      "assets.deploy": ["tailwind shop --minify", "phx.digest"]
    ]
  end
end
`,
  'config/prod.exs': 'import Config\nconfig :shop, ShopWeb.Endpoint, force_ssl: [rewrite_on: [:x_forwarded_proto]]\n',
  'assets/package.json': '{ "dependencies": { "topbar": "3" } }',
  '.gitignore': '/_build/\n/deps/\n',
}

export const STRANGERS: Readonly<Record<string, Stranger>> = {
  'Phoenix, built on this machine': {
    stack: 'elixir',
    app: 'shop',
    tasks: ['migrate', 'console', 'rpc'],
    files: phoenix,
  },
  'Phoenix, with the Dockerfile of its generator': {
    stack: 'elixir',
    app: 'shop',
    tasks: ['migrate', 'console', 'rpc'],
    files: {
      ...phoenix,
      Dockerfile:
        'FROM hexpm/elixir:1.18 AS builder\nWORKDIR /app\nENV MIX_ENV="prod"\nRUN mix release\n\nFROM debian:bookworm AS final\nWORKDIR "/app"\nCMD ["/app/bin/server"]\n',
      'lib/shop/release.ex': 'defmodule Shop.Release do\nend\n',
    },
  },
  'Elixir without Phoenix': {
    stack: 'elixir',
    app: 'clock',
    tasks: ['console', 'rpc'],
    files: { 'mix.exs': 'defmodule Clock.MixProject do\n  def project, do: [app: :clock, version: "1.0.0"]\nend\n' },
  },
  'Phoenix as an umbrella': {
    stack: 'elixir',
    app: 'store',
    tasks: ['migrate', 'console', 'rpc'],
    files: {
      'mix.exs':
        'defmodule Store.Umbrella.MixProject do\n  def project, do: [apps_path: "apps", releases: [store: [version: "1.0.0", applications: [store_web: :permanent]]]]\nend\n',
      'apps/store/mix.exs': 'defmodule Store.MixProject do\n  defp deps, do: [{:ecto_sql, "~> 3.13"}]\nend\n',
      'apps/store/lib/store/release.ex': 'defmodule Store.Release do\nend\n',
      'apps/store_web/mix.exs':
        'defmodule StoreWeb.MixProject do\n  defp deps, do: [{:phoenix, "~> 1.8"}]\n  defp aliases, do: ["assets.setup": [], "assets.deploy": []]\nend\n',
    },
  },
  'Node.js with a start script': {
    stack: 'node',
    app: 'files',
    tasks: [],
    files: {
      'package.json': '{ "name": "@team/files", "version": "1.2.3", "scripts": { "start": "node server.js" } }',
      'package-lock.json': '{}',
      'server.js': '',
    },
  },
  'Node.js with a build, migrations, pnpm and a tsconfig of its own': {
    stack: 'node',
    app: 'my_app2',
    tasks: ['migrate'],
    files: {
      'package.json':
        '{ "name": "My.App2", "type": "module", "scripts": { "build": "tsc", "start": "NODE_ENV=production tsx src/main.ts", "migrate": "knex migrate:latest" } }',
      'pnpm-lock.yaml': '',
      'tsconfig.json':
        '{ "compilerOptions": { "module": "nodenext", "strict": true, "noEmit": true, "skipLibCheck": true }, "include": ["Taskfile.ts"] }',
    },
  },
  'Rails, with a package.json for its assets': {
    stack: 'ruby',
    app: 'my_shop',
    tasks: ['migrate', 'console'],
    files: {
      Gemfile: "source 'https://rubygems.org'\ngem 'rails'\ngem 'puma'\n",
      'config/application.rb':
        'require_relative "boot"\n\nmodule MyShop\n  class Application < Rails::Application\n  end\nend\n',
      'config/environments/production.rb': 'Rails.application.configure do\n  config.force_ssl = true\nend\n',
      'package.json': '{ "name": "app", "private": true, "scripts": { "build": "esbuild" }, "dependencies": {} }',
      'yarn.lock': '',
      '.ruby-version': '3.3.0\n',
      Dockerfile: 'FROM ruby:3.3\n',
      '.gitignore': '/.env*\n/node_modules\n',
    },
  },
  'Sinatra under Rack': {
    stack: 'ruby',
    app: 'guests',
    tasks: [],
    files: { Gemfile: "gem 'sinatra'\n", 'config.ru': 'run Guests\n' },
  },
  'Sinatra without a Gemfile': {
    stack: 'ruby',
    app: 'wall',
    tasks: [],
    files: { 'config.ru': "require 'sinatra/base'\nrun Sinatra::Base\n" },
  },
  Django: {
    stack: 'python',
    app: 'library',
    tasks: ['migrate', 'console'],
    files: {
      'manage.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "library.settings")\n',
      'requirements.txt': 'Django\ngunicorn\n',
    },
  },
  'FastAPI with uv': {
    stack: 'python',
    app: 'api',
    tasks: ['console'],
    files: {
      'pyproject.toml': '[project]\nname = "api"\ndependencies = ["fastapi[standard]"]\n',
      'uv.lock': '',
      'main.py': 'app = None\n',
      '.python-version': '3.12\n',
    },
  },
  Go: {
    stack: 'go',
    app: 'links',
    tasks: [],
    files: { 'go.mod': 'module example.com/team/links/v2\n\ngo 1.22\n', 'cmd/links/main.go': 'package main\n' },
  },
  Laravel: {
    stack: 'php',
    app: 'blog',
    tasks: ['migrate', 'console'],
    files: { 'composer.json': '{ "name": "team/blog", "require": { "laravel/framework": "^12" } }', artisan: '' },
  },
  'PHP with Octane': {
    stack: 'php',
    app: 'blog',
    tasks: ['migrate', 'console'],
    files: { 'composer.json': '{ "name": "team/blog", "require": { "laravel/octane": "^2" } }', artisan: '' },
  },
  'a Dockerfile alone': {
    stack: 'docker',
    app: 'thing',
    tasks: ['console'],
    files: {
      Dockerfile: 'FROM rust AS build\nRUN cargo build\nFROM debian\nWORKDIR /srv/thing\nCMD ["./thing", "it\'s"]\n',
    },
  },
  'a static site': { stack: 'static', app: 'pages', tasks: [], files: { 'index.html': '<p>', 'style.css': '' } },
  'an empty folder': { stack: 'other', app: 'nothing', tasks: [], files: {} },
}
