/**
 * Runtime for a static site, with no process: nginx or Caddy, which is the router too, serves the release of each slot on the slot's port on loopback. So
 * the router, the health check and the proofs of a switch are the same as for an application.
 */
import { EXIT } from '../../../host/exit-codes.ts'
import { capture, commandFailed } from '../../../host/query.ts'
import { checked, fields, optional, path, text } from '../../../runner/taskfile/shape.ts'
import type { Plugin, PluginContext, Runtime } from '../../../slots/contracts.ts'
import { plainWord } from '../../router/nginx/templates.ts'
import { runtimeFaults as faults } from '../faults.ts'
import { execScript } from '../scripts.ts'
import { environment } from '../service/command.ts'
import type { StaticSite } from './config.ts'
import { linksFolder, parseProcess, pidScript, processScript, startScript, stopScript } from './scripts.ts'
import { FILES_ROUTERS, otherServer, serverBehind } from './server.ts'

export interface FilesOptions {
  /**
   * The folder in the release that is the root of the site.
   *
   * @example 'dist'
   * @default the release itself
   */
  readonly folder?: string
  /**
   * The page for paths without a file, with status 200, for an application that runs in the browser and has paths of its own. Without it such a path
   * gets status 404, with the page `404.html` if the site has one.
   *
   * @example '/index.html'
   */
  readonly fallback?: string
  /**
   * The beginning of paths whose files never change, because their names contain a hash of their content. Browsers keep them for a year; for all other
   * files they ask each time whether there is a new release.
   *
   * @example '/assets/'
   */
  readonly immutable?: string
}

const OPTIONS = fields<FilesOptions>({ folder: optional(text), fallback: optional(path), immutable: optional(path) })

export function files(options: FilesOptions = {}): Plugin<Runtime> {
  checked('files()', OPTIONS, options)
  const site = {
    folder: options.folder === undefined ? '' : `/${plainWord('folder', options.folder).replace(/^\.?\/|\/$/g, '')}`,
    fallback: options.fallback && plainWord('fallback', options.fallback),
    immutable: options.immutable && plainWord('beginning of paths', options.immutable),
  }
  return {
    name: 'files',
    kind: 'runtime',
    routers: FILES_ROUTERS,
    settings: () => ({ folder: site.folder || '/', fallback: site.fallback, immutable: site.immutable }),
    create: context => create(context, site),
  }
}

function create({ app, layout, slots, router }: PluginContext, site: StaticSite): Runtime {
  const server = serverBehind(router)
  const config = server.file(app)
  const { service } = server
  const link = { layout, folder: site.folder, config, service }
  return {
    server: `${service}.service`,

    environment: slot => environment(layout, slot),

    start(release, slot) {
      const script = startScript({ ...link, release, slot })
      return {
        script,
        read(output, host) {
          const { code, stdout } = output
          const file = stdout.trim()
          const details = { release: release.name, path: file }
          if (code === EXIT.process.missing) throw server.missing({ host: host.name, path: file })
          if (code === EXIT.process.already) throw faults.SLOT_RUNS_ALREADY({ slot: slot.name })
          if (code === EXIT.files.down) throw server.down({ host: host.name })
          if (code === EXIT.files.noFolder) throw faults.FILES_FOLDER_MISSING(details)
          if (code === EXIT.files.unreadable) throw faults.FILES_UNREADABLE(details)
          if (code === EXIT.startable.otherRelease)
            throw faults.SLOT_NAMES_OTHER_RELEASE({ slot: slot.name, release: release.name })
          if (code !== 0) throw commandFailed(host, script, output)
        },
      }
    },

    stop: slot =>
      capture(stopScript(layout, slot), was => ({ was: was === 'running' ? 'running' : 'stopped', killed: false })),

    process: slot => capture(processScript(layout, slot, service), parseProcess),

    pid: slot => pidScript(layout, slot, service),

    log: () => capture({ text: ':', writes: false }, () => ''),

    exec: (slot, command) => execScript({ layout, slot, command }),

    provision: () => ({
      ...server.provision({ app, layout, slots }, site),
      folders: [{ path: linksFolder(layout), mode: 0o755 }],
      obsolete: otherServer(router).obsolete({ app, layout, slots }),
    }),
  }
}
