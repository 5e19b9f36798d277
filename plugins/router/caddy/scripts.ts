/** The scripts of the Caddy router. */
import {
  type Guard,
  linkPath,
  type Place,
  program,
  ROUTER_EXIT,
  readAsRoot,
  type Script,
  sh,
  status,
} from '../shared.ts'
import { type Application, configTest, IMPORT, sitePath } from './files.ts'

/** Fails if the link exists without the file that Caddy looks for: then Caddy answers that no slot is live, and the link says otherwise. */
export const requireMarker = (router: string): Script => sh.read`
target=$(readlink ${linkPath(router)} || :)
if [ -n "$target" ] && ! [ -f ${router}/"$target/$target" ]; then echo "$target/$target does not exist" >&2; exit 1; fi`

export function check({ app, include, config }: Application, place: Place, guard: Guard): Script {
  const { down, missing, invalid, stale } = ROUTER_EXIT
  return program(new URL('./caddy-check.sh', import.meta.url), {
    parameters: {
      siteFile: sitePath(app, include),
      testConfig: readAsRoot(configTest(config)),
      siteStatus: status(place, '/deployment_id'),
      beginGuard: guard.begin,
      endGuard: guard.end,
      down,
      missing,
      invalid,
      stale,
    },
  })
}

export const apply = ({ app, include, config, router }: Application, user: string): Script =>
  program(new URL('./caddy-apply.sh', import.meta.url), {
    writes: true,
    parameters: {
      siteFile: sitePath(app, include),
      config,
      configTest: configTest(config),
      user,
      router,
      notImported: include
        ? ''
        : `${config} does not import our file. Add this line to it, outside any block: ${IMPORT}`,
    },
  })

/** Run as root after the file of a site was deleted: tests the rest of the configuration, and reloads Caddy if it runs. */
export const forget = ({ config }: Pick<Application, 'config'>): Script => sh.write`
if ! systemctl is-active --quiet caddy; then exit 0; fi
${configTest(config)} > /dev/null
systemctl reload caddy`

export const readCaddyfiles = (config: string): Script =>
  program(new URL('./caddyfiles.sh', import.meta.url), { parameters: { config } })
