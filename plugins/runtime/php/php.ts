/**
 * Runtime for PHP: a service with PHP-FPM on a unix socket. nginx, which is the router too, serves the files of each slot's release on the slot's port on
 * loopback, and passes the scripts to the socket.
 */
import { EXIT } from '../../../host/exit-codes.ts'
import {
  anyText,
  checked,
  count,
  type Fields,
  fields,
  flag,
  optional,
  record,
  text,
  thing,
} from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Provision, Runtime } from '../../../slots/contracts.ts'
import { plainWord } from '../../router/nginx/templates.ts'
import { runtimeFaults as faults } from '../faults.ts'
import { linksFolder } from '../files/scripts.ts'
import { slotServers } from '../nginx-slots.ts'
import { limitRules, type ProcessLimits, type Resources } from '../service/processes.ts'
import { type CommandsOfRelease, commandRules } from '../service/release-commands.ts'
import { serviceRuntime, withDefaults } from '../service/runtime.ts'
import { configOf, fpmConfig, fpmFile, type PhpSite, serveFiles } from './files.ts'

export interface PhpOptions extends CommandsOfRelease, Pick<ProcessLimits, 'stopLimit' | Resources> {
  /**
   * The version of PHP, as in the names of Debian's packages: PHP-FPM is `/usr/sbin/php-fpm<version>`, of the package `php<version>-fpm`.
   *
   * @example '8.2'
   */
  readonly version: string
  /**
   * The folder in the release that is the root of the site; `.` for the release itself.
   *
   * @default 'public'
   */
  readonly root?: string
  /**
   * The script in the root that gets each request for which the root has no file.
   *
   * @default 'index.php'
   */
  readonly index?: string
  /**
   * Whether a request can execute each script below the root, as WordPress needs, and not `index` alone. Never one in a shared path, where users upload
   * files.
   *
   * @default false
   */
  readonly anyScript?: boolean
  /**
   * The number of PHP's processes in each slot, and so of the requests that a slot handles at the same time.
   *
   * @default 8
   */
  readonly workers?: number
  /**
   * Settings of PHP, as in `php.ini`, that differ from those of the host.
   *
   * @example { memory_limit: '256M', upload_max_filesize: '20M', post_max_size: '20M' }
   */
  readonly ini?: Readonly<Record<string, string>>
}

type OwnOptions = Omit<PhpOptions, keyof CommandsOfRelease | keyof ProcessLimits>

const own: Fields<OwnOptions> = {
  version: thing('a version such as "8.2"', value => typeof value === 'string' && /^\d+\.\d+$/.test(value)),
  root: optional(text),
  index: optional(
    thing(
      'the name of a script such as "index.php"',
      value => typeof value === 'string' && /^[\w-]+\.php$/.test(value),
    ),
  ),
  anyScript: optional(flag),
  workers: optional(count(1)),
  ini: optional(record(anyText)),
}
const { stopLimit, memoryMax, cpuMax, filesMax } = limitRules
const OPTIONS = fields<PhpOptions>({ ...own, ...commandRules, stopLimit, memoryMax, cpuMax, filesMax })

export function php(options: PhpOptions): Plugin<Runtime> {
  checked('php()', OPTIONS, options)
  const {
    version,
    workers = 8,
    ini = {},
    root = 'public',
    index = 'index.php',
    anyScript = false,
    ...commands
  } = options
  const folder = plainWord('root', root)
    .replace(/^\.?\/|\/$/g, '')
    .replace(/^\.$/, '')
  const site: PhpSite = { folder: folder === '' ? '' : `/${folder}`, index, anyScript }
  const settings = withDefaults({ ...commands, stopSignal: 'SIGQUIT' as const, start: '' })
  const shown = { version, root, index, anyScript, workers, ini }
  return {
    name: 'php',
    kind: 'runtime',
    routers: ['nginx'],
    ...(options.prepare !== undefined && { prepares: true }),
    ...(options.user !== undefined && { user: options.user }),
    settings() {
      const { start, ...rest } = settings
      return { ...shown, ...rest }
    },
    create(context) {
      const flags = Object.entries(ini).flatMap(([name, value]) => ['-d', `${name}=${value}`])
      // -F: in the foreground, -O: with the log on stderr.
      const start = [fpmProgram(version), '-F', '-O', '-y', fpmFile(context.app, version), ...flags]
      return create(context, { ...settings, start }, site, { version, workers })
    },
  }
}

const fpmProgram = (version: string) => `/usr/sbin/php-fpm${version}`

function create(
  context: PluginContext,
  settings: ReturnType<typeof withDefaults>,
  site: PhpSite,
  { version, workers }: Required<Pick<PhpOptions, 'version' | 'workers'>>,
): Runtime {
  const { app, layout } = context
  const nginx = slotServers(app, configOf(context, site))
  const commands = [settings.prepare, settings.migrate, settings.console, ...Object.values(settings.processes ?? {})]
  const servers: Provision = {
    ...nginx,
    tools: {
      ...nginx.tools,
      [fpmProgram(version)]: `php${version}-fpm`,
      ...(commands.some(command => command !== undefined) && { [`/usr/bin/php${version}`]: `php${version}-cli` }),
    },
    files: [fpmConfig({ app, version, workers, stopLimit: settings.stopLimit }), ...nginx.files],
    folders: [{ path: linksFolder(layout), mode: 0o755 }],
  }
  const runtime = serviceRuntime(context, settings, {
    servers,
    // nginx serves what users upload.
    settings: ['UMask=0022'],
    before: (release, slot) => serveFiles(layout, site, release, slot),
  })
  return {
    ...runtime,
    start(release, slot) {
      const start = runtime.start(release, slot)
      return {
        ...start,
        read(output, host) {
          const details = { release: release.name, path: output.stdout.trim() }
          if (output.code === EXIT.files.noFolder) throw faults.FILES_FOLDER_MISSING(details)
          if (output.code === EXIT.files.unreadable) throw faults.FILES_UNREADABLE(details)
          return start.read(output, host)
        },
      }
    },
  }
}
