/** Ruby applications: Rails, and any other that Rack can start. */
import { randomBytes } from 'node:crypto'
import { type Folder, firstOf } from '../folder.ts'
import { BUILT_BY, builtBy, call, quoted, type Stack, type StackParts, sameAs } from '../stack.ts'

export const ruby: Stack = {
  name: 'ruby',
  title: 'a Ruby application',
  found: folder => firstOf(folder, 'Gemfile', 'config.ru'),
  nameIn: folder => /^module (\w+)$/m.exec(folder.text('config/application.rb'))?.[1],
  parts(folder, { site, app }) {
    if (!folder.has('Gemfile')) return ofDistribution(folder)
    const rails = folder.has('config/application.rb')
    const start = startOf(folder)
    const tls = /^\s*config\.force_ssl\s*=\s*true/m.test(folder.text('config/environments/production.rb'))
    return {
      imports: [...BUILT_BY, 'service'],
      build: builtBy(
        'bundle config set --local deployment true',
        "bundle config set --local without 'development test'",
        'bundle install',
        ...(rails ? ['SECRET_KEY_BASE_DUMMY=1 RAILS_ENV=production bundle exec rails assets:precompile'] : []),
      ),
      runtime: call('service', {
        start: quoted(start),
        migrate: rails ? quoted('bundle exec rails db:migrate') : undefined,
        console: rails ? quoted('bundle exec rails console') : undefined,
      }),
      packages: ['ruby', 'ruby-bundler', ...(/\bpg\b/.test(folder.text('Gemfile')) ? ['libpq5'] : [])],
      // A release is read-only: what Rails writes there outlives it.
      ...(rails && { options: ["shared: ['log', 'storage', 'tmp']"], tasks: ['migrate', 'console'] }),
      ...(tls && { healthHeaders: { 'X-Forwarded-Proto': 'https' } }),
      env: rails
        ? [
            { name: 'RAILS_ENV', value: 'production' },
            { name: 'RAILS_LOG_TO_STDOUT', value: '1' },
            { name: 'SECRET_KEY_BASE', secret: () => randomBytes(64).toString('hex') },
            { name: 'DATABASE_URL', comment: `Such as postgres://${app}:PASSWORD@localhost/${app}_production` },
          ]
        : [{ name: 'RACK_ENV', value: 'production' }],
      notes: [
        ...(rails ? [`Rails answers only for the hosts it knows: check \`config.hosts\` for ${site}.`] : []),
        sameAs('system and version of Ruby, with Bundler'),
      ],
      ci: {
        github: [
          '- uses: ruby/setup-ruby@v1',
          ...(folder.has('.ruby-version') ? [] : ['  with:', "    ruby-version: '3.3'"]),
        ],
        gitlab: ['apt-get update -q && apt-get install -y -q ruby-bundler ruby-dev build-essential'],
      },
    }
  },
}

/** Without a Gemfile the gems are packages of the host. */
function ofDistribution(folder: Folder): StackParts {
  const sinatra = /^\s*require\s*\(?['"]sinatra/m.test(folder.text('config.ru'))
  return {
    imports: ['git', 'service'],
    build: call('git', {}),
    runtime: call('service', { start: quoted('puma --bind tcp://127.0.0.1:$PORT') }),
    packages: ['puma', ...(sinatra ? ['ruby-sinatra'] : [])],
    env: [{ name: 'RACK_ENV', value: 'production' }],
    notes: [
      'There is no Gemfile: list the gems of the application in `packages`, as Debian names them, such as ruby-sinatra.',
    ],
  }
}

/** Puma and Unicorn listen where they are told to, whatever their configuration says. */
function startOf(folder: Folder): string {
  const gems = folder.text('Gemfile') + folder.text('Gemfile.lock')
  if (/\bfalcon\b/.test(gems)) return 'bundle exec falcon serve --bind http://127.0.0.1:$PORT'
  if (/\bunicorn\b/.test(gems)) return 'bundle exec unicorn --listen 127.0.0.1:$PORT'
  if (/\bpuma\b/.test(gems)) return 'bundle exec puma --bind tcp://127.0.0.1:$PORT'
  return 'bundle exec rackup --host 127.0.0.1 --port $PORT'
}
