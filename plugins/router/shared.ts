/**
 * Everything that a router's folder imports beside its own files: `npm run check:lint` rejects any other import. A comment here says how its names are used;
 * plugins.md has a whole router and what an author has to think of.
 */

// The contract: a factory returns a `Plugin<Router>`.

export type {
  Canary,
  HostFacts,
  HostFile,
  Plugin,
  PluginContext,
  Provision,
  Route,
  Router,
  SiteMaintenance,
  Slot,
} from '../../slots/contracts.ts'

// Scripts, and queries that read their output.

/** `program(new URL('./check.sh', import.meta.url), { parameters: { siteFile, down: 81 }, writes: true })`: a file and its variables, such as `$site_file`. */
export { program } from '../../host/program.ts'
/**
 * `capture(script, text => ...)` for a script that has to exit with 0. Else a query is `{ script, read({ code, stdout, stderr }, host) }`, with
 * `commandFailed(host, script, output)` as the error for a code that it does not know.
 */
export { capture, commandFailed, type Query } from '../../host/query.ts'
/** `` sh.read`readlink ${path}` `` and `` sh.write`...` `` quote each value; `sh.lines(first, second)` joins scripts. */
export { type Script, sh } from '../../host/script.ts'
/** `${asRoot(['/usr/bin/systemctl', 'reload', 'x'])}` in a script; `Provision.sudo` lists the same words. `readAsRoot` if the command changes nothing. */
export { asRoot, readAsRoot } from '../../host/sudo.ts'

// Errors.

/** `catalogue({ CODE: fault<{ host: string }>({ exitCode: 3, message: d => ..., hint: d => ... }) })`, then `throw myFaults.CODE({ host })`. */
export { catalogue, type Fault, fault } from '../../runner/fault.ts'
/** `await sudoRefusal(host, [command])` after a failure: undefined unless sudo refused it. `checkQuery` calls it. */
export { type Refusal, sudoRefusal } from '../../slots/sudo/refusal.ts'
/** Errors of all routers, such as `ROUTE_UNREADABLE({ host, why })` for a state that nobody of ours has written. */
export { routerFaults } from './faults.ts'

// The options of the router itself.

/**
 * `const OPTIONS = fields<MyOptions>({ site: hostName, url: optional(thing('a URL', isUrl)) })` needs a rule for each; `checked('my()', OPTIONS, options)` throws
 * for a value that no rule allows.
 */
export {
  checked,
  either,
  fields,
  flag,
  hostName,
  isUrl,
  list,
  oneOf,
  optional,
  path,
  type Rule,
  text,
  thing,
  type Wrong,
} from '../../runner/taskfile/shape.ts'
/** `listening(option).listeners`: the addresses of an option `listen`; `.requestAt`: that for our own requests. `overlap` finds a conflict of two. */
export {
  formatListener,
  type Listen,
  type Listener,
  type Listening,
  listenersOf,
  listening,
  listenLines,
  mostSpecific,
  overlap,
} from './listen.ts'

// The options of all routers. Each has a type to extend, a rule, and what `Plugin.settings` shows of it.

/**
 * `bytesOf('20m')` is the number of a `bodySize`; a larger body gets 413 and the text `The body of the request is larger than 20m, the limit of this site.`, as
 * `text/plain`. `CLIENT_CLAIMS` are headers that a router removes from every request, also from one of a trusted proxy.
 */
export {
  bodySizeRule,
  bytesOf,
  CLIENT_CLAIMS,
  type ClientOptions,
  clientSettings,
  trustedProxiesRule,
} from './client-options.ts'
/** `on` and `upstream`: `...placeRules` in the rules, `...placeOf('my()', options)` in the plugin. The slots then have an `address`. */
export { type PlaceOptions, placeOf, placeRules, placeSettings } from './place.ts'
/**
 * `previewRule(userRule(bcryptHash))`, if the server can check bcrypt. `previewOf(option)`: the long form, which has a `host` of its own, or the `header` or the
 * `cookie` and its `value` that a request to the site has, and maybe `auth`. `idleSlot(slots, live)`: the slot that it shows.
 * `hashesOf(preview)` for `Plugin.secrets`, `shownOf(siteNames(site, preview), url)` for `Plugin.shown`, `previewAddress` for `Router.preview`.
 */
export {
  bcryptHash,
  cryptHash,
  hashesOf,
  idleSlot,
  type Preview,
  type PreviewOption,
  type PreviewUser,
  previewAddress,
  previewOf,
  previewRule,
  previewSetting,
  shownOf,
  siteNames,
  userRule,
} from './preview.ts'

// The files of the site.

/** A file of this package, such as `nginx/site.conf`. */
export { packageUrl } from '../../runner/package.ts'
/** Undefined unless the hosts are the throw-away ones of a rehearsal, for which nobody issues a certificate. */
export { rehearsal } from '../../runner/rehearsal.ts'
/** `slotAt(slot)`: such as `127.0.0.1:4000`. `hostPart(address)`: the same without the port. */
export { hostPart, slotAt } from '../../slots/address.ts'
/** For HAProxy's section that balances over the hosts of a slot. */
export { MEMBER_RULES } from '../../slots/haproxy-members.ts'

// The requests to the site, and the route.

/**
 * `check(path)`: its script exits with `ROUTER_EXIT.down`, `missing`, `stale`, `guarded` or `invalid`, and `checkQuery(script, test, faults)` makes each an error.
 * Their functions get what the script has printed as `output`, and the last line of it as `status`. With exit code 0 that is a warning,
 * so drop what a test of the configuration prints when it passes.
 */
export { type CheckFaults, checkQuery, ROUTER_EXIT } from './check.ts'
/** `queries.guard(path, livePort)`: `begin` before the other scripts of the check, `end` behind them. */
export type { Guard } from './guard.ts'
/**
 * The route of a server that looks for a file on each request: `liveLink(layout.router, slots, (slot, target) => target)` has `live()`, `switchTo(route)` and
 * `livePort`. The link `live` in `layout.router` leads to the folder `<slot>.<generation>`, with one file, whose name the function returns.
 */
export { linkPath, linkQuery, liveLink, readLink } from './live-link.ts'
/** `reloaded: () => reloadedQuery('caddy')`, with the server's unit. */
export { reloadedQuery } from './reloaded.ts'
/**
 * `const queries = siteQueries(context, { url, address, generations: true, moved: new Map() })` has `answer`, `fetch`, `curl`, `verify`, `outside` and `site`.
 * Create `moved` once for all steps, in the factory.
 */
export { type SiteAccess, siteQueries } from './site-queries.ts'
/**
 * `status(queries.place(), path)`: prints the HTTP status of a path. `NO_SLOT_LIVE`: what `/deployment_id` answers with 503, followed by a line break, while no
 * slot is live.
 */
export { NO_SLOT_LIVE, type Place, portOf, status } from './site-request.ts'

// A maintenance.

/** Reads the record of a maintenance, for a server that looks for no files. */
export { parseSiteMaintenance } from '../../slots/maintenance/site.ts'
/**
 * `...maintenanceByFiles(context, { installed: [siteFile], needle, page })` in the router, where `needle` is a text that the site's file contains if it knows of a
 * maintenance. While `maintenance/on` in `layout.router` exists, a client gets `page.html` of that folder, which has the message in it, with status 503 and the
 * headers `Content-Type: text/html; charset=utf-8`, `X-Maintenance: on` and, from the name of the file `retry.<seconds>` or `"retryAfter":<seconds>` in
 * `record.json`, `Retry-After`; unless `allow/` has a file whose name is the beginning of its address (`10.`, `10.1.`, `10.1.2.`; `2001:`, `2001:db8:`, `2001:db8:1:`, `2001:db8:1:2`) or all of it. A preview goes on.
 */
export { beginMaintenanceQuery, maintenanceByFiles } from './maintenance.ts'
/** `pageSetting(option)` for `Plugin.settings`. The others are for a server that cannot read the page while it runs. */
export { escapeHtml, pageSetting, pageText, withMessage } from './maintenance-page.ts'

// A canary.

/** A number from 0 to 4095 goes to the canary if it is below `numbersOf(percent)`. `NUMBER_COOKIE`: the cookie that keeps it, as three hexadecimal digits. */
export { NUMBER_COOKIE, numbersOf } from '../../slots/canary/share.ts'
/** For `served`. */
export { NO_REQUESTS, type Tally } from '../../slots/promote/tally.ts'
/**
 * `...canaryByFiles(context, { installed: [siteFile], needle })` in the router, with `canaryMarker(layout.router)` as `needle` if the site's file has that path. While
 * `live/canary/on` in `layout.router` exists, a request goes to the other slot if `share/` beside it has a file whose name is the first one, two or three digits of
 * its number. If `sticky` exists there, a response sets the cookie, unless the request has it.
 */
export {
  beginCanaryQuery,
  type CanaryMethods,
  type CanaryOption,
  canaryByFiles,
  canaryMarker,
  canaryRule,
  parseCanary,
} from './canary.ts'

// Assets of the previous release.

/**
 * `switchKeeping(layout, assets, link.switchTo)`: a switch that remembers the release. The site looks for a file that the live slot lacks in `keptFolder`, below
 * each of `keptLinks(assets)`. `assetPathRule('HAProxy')` for a server that serves no files.
 */
export {
  type AssetOptions,
  type AssetPath,
  assetPathRule,
  assetsApart,
  assetsRule,
  keptFolder,
  keptLinks,
  switchKeeping,
} from './assets.ts'
