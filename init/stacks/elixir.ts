/** Elixir releases, Phoenix among them. */
import { randomBytes } from 'node:crypto'
import type { Folder } from '../folder.ts'
import { BUILT_BY, call, quoted, type Stack, type StackParts, type Variable } from '../stack.ts'

export const elixir: Stack = {
  name: 'elixir',
  title: 'an Elixir application',
  found: folder => (folder.has('mix.exs') ? 'mix.exs' : undefined),
  nameIn: nameOf,
  parts(folder, { app, site }) {
    const mix = folder.text('mix.exs')
    const release = /\breleases:\s*\[\s*(\w+):/.exec(mix)?.[1] ?? nameOf(folder) ?? app
    const stage = dockerStage(folder)
    const tls = ['config/prod.exs', 'config/runtime.exs'].some(file =>
      /^(?!\s*#).*\bforce_ssl\b/m.test(folder.text(file)),
    )
    const ecto = /:ecto_sql\b|:phoenix_ecto\b/.test(mix)
    return {
      imports: ['beam', 'git', ...(stage ? ['docker'] : BUILT_BY.filter(name => name !== 'git'))],
      build: call('git', { build: stage ? inDocker(stage, release, mix) : onThisMachine(mix, release) }),
      runtime: call('beam', release === app ? {} : { release: quoted(release) }),
      // Without it, Phoenix answers every request over plain HTTP with a redirect, the health check's among them.
      ...(tls && { healthHeaders: { 'X-Forwarded-Proto': 'https' } }),
      tasks: [...(ecto ? ['migrate'] : []), 'console', 'rpc'],
      // The libraries of Erlang itself, which is in the release.
      packages: ['openssl', 'libncurses6', 'libstdc++6'],
      env: variables({ site, app, phoenix: /:phoenix\b/.test(mix), ecto }),
      notes: notes(folder, { app, mix, ecto, docker: stage !== undefined }),
      ...(stage === undefined && { ci: CI(folder) }),
    }
  },
}

/** The name in `app: :life`; undefined for an umbrella, which has none. */
function nameOf(folder: Folder): string | undefined {
  return /\bapp:\s*:(\w+)/.exec(folder.text('mix.exs'))?.[1]
}

interface DockerStage {
  readonly name: string | undefined
  readonly folder: string
}

/** The stage of the Dockerfile that runs `mix release`. */
function dockerStage(folder: Folder): DockerStage | undefined {
  const stages = folder.text('Dockerfile').split(/^(?=FROM\s)/im)
  const stage = stages.find(text => /\bmix\s+release\b/.test(text))
  if (stage === undefined) return undefined
  const places = [...stage.matchAll(/^WORKDIR\s+"?([^"\s]+)"?/gim)].map(([, place = '']) => place)
  return { name: /^FROM\s.*\sAS\s+(\S+)/i.exec(stage)?.[1], folder: places.at(-1) ?? '/app' }
}

/** A stage that makes a tarball, by the step `:tar` of the release, needs no option. */
const inDocker = ({ name, folder }: DockerStage, release: string, mix: string): string =>
  call('docker', {
    target: name && quoted(name),
    artifact: /:tar\b/.test(mix) && folder === '/app' ? undefined : quoted(`${folder}/_build/prod/rel/${release}`),
  })

const onThisMachine = (mix: string, release: string): string =>
  call('command', {
    run: quoted(
      [
        'export MIX_ENV=prod',
        'mix deps.get --only prod',
        ...['assets.setup', 'assets.deploy'].filter(alias => mix.includes(`"${alias}"`)).map(alias => `mix ${alias}`),
        'mix release --overwrite',
      ].join(' && '),
    ),
    artifact: quoted(`_build/prod/rel/${release}`),
  })

function variables(of: { site: string; app: string; phoenix: boolean; ecto: boolean }): Variable[] {
  return [
    ...(of.phoenix
      ? [
          { name: 'PHX_SERVER', value: 'true' },
          { name: 'PHX_HOST', value: of.site },
          {
            name: 'SECRET_KEY_BASE',
            secret: () => randomBytes(48).toString('base64'),
            comment: 'As of `mix phx.gen.secret`.',
          },
        ]
      : []),
    ...(of.ecto
      ? [{ name: 'DATABASE_URL', comment: `Such as ecto://${of.app}:PASSWORD@localhost/${of.app}_prod` }]
      : []),
  ]
}

function notes(folder: Folder, of: { app: string; mix: string; ecto: boolean; docker: boolean }): string[] {
  const own = nameOf(folder) ?? of.app
  return [
    ...(/\bapps_path:/.test(of.mix)
      ? ['This is an umbrella project: check that `release` of beam() and the path of the artifact name its release.']
      : []),
    ...(of.ecto && !folder.has(`lib/${own}/release.ex`)
      ? ['`mix phx.gen.release` writes the module Release, which runs the migrations on the host.']
      : []),
    ...(of.docker
      ? []
      : [
          'This machine builds, so it needs the system and the processor of the host. `mix phx.gen.release --docker` writes a Dockerfile, and `npx task init` in a folder with one builds there.',
        ]),
  ]
}

const CI = (folder: Folder): NonNullable<StackParts['ci']> => ({
  github: folder.has('.tool-versions')
    ? ['- uses: erlef/setup-beam@v1', '  with:', '    version-file: .tool-versions', '    version-type: strict']
    : ['- uses: erlef/setup-beam@v1', '  with:', "    otp-version: '27'", "    elixir-version: '1.18'"],
  gitlab: ['apt-get update -q && apt-get install -y -q elixir'],
})
