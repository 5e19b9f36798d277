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
    const members = membersOf(folder, mix)
    const all = [mix, ...members.map(member => folder.text(`${member}mix.exs`))].join('\n')
    const release = releaseIn(mix) ?? nameOf(folder) ?? app
    const migrate = migrateIn(folder, members)
    const stage = dockerStage(folder)
    const tls = ['config/prod.exs', 'config/runtime.exs'].some(file =>
      /^(?!\s*#).*\bforce_ssl\b/m.test(folder.text(file)),
    )
    const ecto = /:ecto_sql\b|:phoenix_ecto\b/.test(all)
    return {
      imports: ['beam', 'git', ...(stage ? ['docker'] : BUILT_BY.filter(name => name !== 'git'))],
      build: call('git', { build: stage ? inDocker(stage, release, mix) : onThisMachine(folder, members, release) }),
      runtime: call('beam', {
        release: release === app ? undefined : quoted(release),
        migrate: !ecto || migrate === undefined || migrate === defaultMigrate(app) ? undefined : quoted(migrate),
      }),
      // Without it, Phoenix answers every request over plain HTTP with a redirect, the health check's among them.
      ...(tls && { healthHeaders: { 'X-Forwarded-Proto': 'https' } }),
      tasks: [...(ecto ? ['migrate'] : []), 'console', 'rpc'],
      // The libraries of Erlang itself, which is in the release.
      packages: ['openssl', 'libncurses6', 'libstdc++6'],
      env: variables({ site, app, phoenix: /:phoenix\b/.test(all), ecto }),
      notes: notes({ mix, ecto, migrate, docker: stage !== undefined }),
      ...(stage === undefined && { ci: CI(folder) }),
    }
  },
}

/** The name in `app: :life`; for an umbrella, which has none, that of its release. */
function nameOf(folder: Folder): string | undefined {
  const mix = folder.text('mix.exs')
  return /\bapp:\s*:(\w+)/.exec(mix)?.[1] ?? releaseIn(mix)
}

/** The folders of the applications of an umbrella, each with a slash at its end; none for another project. */
function membersOf(folder: Folder, mix: string): readonly string[] {
  const [, apps] = /\bapps_path:\s*"([^"]+)"/.exec(mix) ?? []
  if (apps === undefined) return []
  return folder
    .list(apps)
    .map(name => `${apps}/${name}/`)
    .filter(member => folder.has(`${member}mix.exs`))
}

/** The name of the first release that `mix.exs` defines. */
const releaseIn = (mix: string): string | undefined => /\breleases:\s*\[\s*(\w+):/.exec(mix)?.[1]

/** The expression that runs the migrations, if a module `Release` is there: in an umbrella that of the application with the repository. */
function migrateIn(folder: Folder, members: readonly string[]): string | undefined {
  const texts = ['', ...members].flatMap(member =>
    folder.list(`${member}lib`).map(name => folder.text(`${member}lib/${name}/release.ex`)),
  )
  const [module] = texts.flatMap(text => /\bdefmodule\s+([\w.]+\.Release)\b/.exec(text)?.[1] ?? [])
  return module === undefined ? undefined : `${module}.migrate()`
}

/** As `beam()` has it. */
const defaultMigrate = (app: string): string =>
  `${app.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}.Release.migrate()`

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

/** The assets of an umbrella are built in the folder of their application, because mix runs an alias only in the project that defines it. */
const onThisMachine = (folder: Folder, members: readonly string[], release: string): string =>
  call('command', {
    run: quoted(
      [
        'export MIX_ENV=prod',
        'mix deps.get --only prod',
        ...['', ...members].flatMap(member => {
          const mix = folder.text(`${member}mix.exs`)
          const aliases = ['assets.setup', 'assets.deploy'].filter(alias => mix.includes(`"${alias}"`))
          if (member === '') return aliases.map(alias => `mix ${alias}`)
          return aliases.length === 0
            ? []
            : [`(cd ${member.slice(0, -1)} && ${aliases.map(alias => `mix ${alias}`).join(' && ')})`]
        }),
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

function notes(of: { mix: string; ecto: boolean; migrate: string | undefined; docker: boolean }): string[] {
  return [
    ...(/\bapps_path:/.test(of.mix) && releaseIn(of.mix) === undefined
      ? [
          'An umbrella project defines its release itself: add `releases: [shop: [version: "0.1.0", applications: [shop_web: :permanent]]]`, with the names of yours, to mix.exs, and name it in `release` of beam() and in the path of the artifact.',
        ]
      : []),
    ...(of.ecto && of.migrate === undefined
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
