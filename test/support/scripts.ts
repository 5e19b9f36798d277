/**
 * A sample of each script that the program generates, by the name of its function, for checks that apply to all of them.
 * `test/unit/scripts.test.ts` reports a missing one.
 */

import { receive as receiveFile } from '../../host/exec/transfer.ts'
import { guardAgain, guardFunction } from '../../host/exec/write-guard.ts'
import { digestScript, locateScript } from '../../host/files/locate.ts'
import { receiveFolder } from '../../host/files/put-folder.ts'
import { limited } from '../../host/limited.ts'
import { raw, type Script, sh } from '../../host/script.ts'
import { asReader, asRoot, readAsRoot, rootReader, rootShell } from '../../host/sudo.ts'
import { keepAssets } from '../../plugins/router/assets.ts'
import * as caddy from '../../plugins/router/caddy/scripts.ts'
import * as canary from '../../plugins/router/canary.ts'
import { guardOf } from '../../plugins/router/guard.ts'
import * as haproxyCanary from '../../plugins/router/haproxy/canary.ts'
import { readHost } from '../../plugins/router/haproxy/conflicts.ts'
import { haproxy as haproxyPlugin } from '../../plugins/router/haproxy/haproxy.ts'
import * as haproxyMaintenance from '../../plugins/router/haproxy/maintenance.ts'
import * as haproxyMaps from '../../plugins/router/haproxy/maps.ts'
import * as haproxy from '../../plugins/router/haproxy/scripts.ts'
import { moveLink, readLink, removeLink } from '../../plugins/router/live-link.ts'
import * as maintenance from '../../plugins/router/maintenance.ts'
import { certificateOf, checkScript } from '../../plugins/router/nginx/check.ts'
import { readConfiguration } from '../../plugins/router/nginx/conflicts.ts'
import { moveSite } from '../../plugins/router/nginx/reload.ts'
import * as site from '../../plugins/router/nginx/site.ts'
import {
  forgetTls,
  http2Of,
  prepareCertbot,
  type Secured,
  tlsFiles,
  tlsLenient,
} from '../../plugins/router/nginx/tls.ts'
import { reloadScript } from '../../plugins/router/reloaded.ts'
import * as request from '../../plugins/router/site-request.ts'
import * as beam from '../../plugins/runtime/beam/commands.ts'
import { daemon } from '../../plugins/runtime/beam/daemon.ts'
import { APART, CLIENT } from '../../plugins/runtime/beam/nodes.ts'
import { readyScript } from '../../plugins/runtime/beam/ready.ts'
import { runErlPage } from '../../plugins/runtime/beam/run-erl-log.ts'
import * as containers from '../../plugins/runtime/container/scripts.ts'
import * as staticFiles from '../../plugins/runtime/files/scripts.ts'
import { hookScript } from '../../plugins/runtime/hooks.ts'
import { journalPage } from '../../plugins/runtime/journal.ts'
import * as units from '../../plugins/runtime/other-units.ts'
import { serveFiles } from '../../plugins/runtime/php/files.ts'
import * as runtimes from '../../plugins/runtime/scripts.ts'
import { migrateScript, oneCommand } from '../../plugins/runtime/service/command.ts'
import type { Supervisor } from '../../plugins/runtime/supervisor.ts'
import { systemd } from '../../plugins/runtime/systemd.ts'
import { asApplication } from '../../slots/as-application.ts'
import { accessoriesScript, makeDatabase, setPassword } from '../../slots/bootstrap/accessories.ts'
import { serverScript } from '../../slots/bootstrap/inspect-server.ts'
import * as bootstrap from '../../slots/bootstrap/scripts.ts'
import { askScript, watching, watchScript } from '../../slots/canary/ask.ts'
import type { HostFile } from '../../slots/contracts.ts'
import { environmentChanges } from '../../slots/environment/changes.ts'
import { compareScript } from '../../slots/environment/compare.ts'
import { healthLoop, healthQuery, healthRequest } from '../../slots/health/health.ts'
import { healthOf } from '../../slots/health/setting.ts'
import { append } from '../../slots/journal/journal.ts'
import { layout as layoutOf } from '../../slots/layout.ts'
import * as adopt from '../../slots/lifecycle/adopt.ts'
import * as connections from '../../slots/lifecycle/connections.ts'
import { pointAt } from '../../slots/lifecycle/start.ts'
import { fence } from '../../slots/lock/fence.ts'
import { holdLock, underLock } from '../../slots/lock/lock.ts'
import { closedScript } from '../../slots/lock/maintenance.ts'
import * as detached from '../../slots/migration/detached.ts'
import { besideRouter, identity, routerLayout } from '../../slots/place.ts'
import { inspectBalancer } from '../../slots/preflight/balancer.ts'
import { changedFiles } from '../../slots/preflight/changed.ts'
import { inspect } from '../../slots/preflight/inspect.ts'
import { mountLines } from '../../slots/preflight/mounts.ts'
import { probeLoop, probeTrouble, startProbes } from '../../slots/promote/probe.ts'
import { probingOf } from '../../slots/promote/probe-setting.ts'
import { assertReached, connect } from '../../slots/promote/reach.ts'
import { requestSlots } from '../../slots/promote/serving.ts'
import { socketScript } from '../../slots/promote/sockets.ts'
import { remainsScript } from '../../slots/remove/plan.ts'
import { foldersScript } from '../../slots/remove/remove.ts'
import { accountFor, makeAccount, ownerOf } from '../../slots/setup/account.ts'
import { makeUser } from '../../slots/setup/application-user.ts'
import { assertFree } from '../../slots/setup/claims.ts'
import { factsScript } from '../../slots/setup/facts.ts'
import { makeFolders, missingFolders } from '../../slots/setup/folders.ts'
import { hasLock, mayLock } from '../../slots/setup/owner.ts'
import * as transaction from '../../slots/setup/transaction.ts'
import { slotsOf } from '../../slots/slot.ts'
import { checkSudo } from '../../slots/sudo/refusal.ts'
import { missingTools } from '../../slots/tools.ts'
import { listScript } from '../../slots/upload/listed.ts'
import { prepareScript } from '../../slots/upload/prepare.ts'
import * as receive from '../../slots/upload/receive.ts'
import * as release from '../../slots/upload/release.ts'
import { askRegistry } from '../../swarm/commands/doctor.ts'
import { askEngine, engineApi, postEngine } from '../../swarm/engine.ts'
import { takeImage } from '../../swarm/image.ts'
import { listLayers } from '../../swarm/layers.ts'
import { engineFence, holdEngineLock } from '../../swarm/lock.ts'
import { readLogs } from '../../swarm/logs.ts'
import { followMigration } from '../../swarm/migration.ts'
import { removeObjects } from '../../swarm/removal.ts'
import { controlScript } from '../../swarm/router/control.ts'
import * as routers from '../../swarm/router/router-service.ts'
import { verifyNodes } from '../../swarm/router/verify.ts'
import * as services from '../../swarm/service.ts'
import { pluginKit } from './plugin-kit.ts'

const layout = layoutOf('/srv/life', ['uploads', 'cache/pages'])
/** With a user of its own. */
const owned = layoutOf('/srv/life', ['a/b'], 'life')
const slots = slotsOf({ blue: { port: 4000 }, green: { port: 5000 } })
const [blue] = slots.all as [(typeof slots.all)[0]]
const deploy = { id: '20261122T205541Z-3fa9', by: 'me', where: 'desk', began: 0 }
const step = { slot: 'blue', kind: 'migrate-0.1.1-3fa9c21', deploy: deploy.id, by: 'me' }
const made = { name: '0.1.1-3fa9c21', version: '0.1.1', sha256: '3fa9c21', dir: layout.release('0.1.1-3fa9c21') }
const health = healthOf({ headers: { Authorization: "it's secret" } })
const contained: containers.Containers = { app: 'life', layout, engine: 'podman', options: ['--network', 'host'] }
const pid = sh.read`cat /run/life.pid`
const runtime = { pid: () => pid }
const files: readonly HostFile[] = [
  { path: '/etc/sudoers.d/life', mode: 0o440, text: 'a\nb\n', check: ['visudo', '-cf'] },
  { path: '/etc/nginx/life.conf', mode: 0o644, text: '' },
]
const setup: transaction.Transaction = {
  app: 'life',
  deploy: deploy.id,
  groups: [{ files, links: ['/etc/nginx/sites-enabled/life.conf'], apply: [sh.write`nginx -t`] }],
  prepare: sh.write`mkdir -p /srv/life`,
}
const removal = {
  app: 'life',
  layout,
  runtime: { tools: {}, files: [], folders: [], sudo: [], apply: [] },
  router: haproxyPlugin({ site: 'life.example' })
    .create(pluginKit({ layout, slots: slots.all }))
    .provision({ user: 'deploy', group: 'deploy' }),
  root: true,
  shared: false,
}
const account = { user: 'deploy', group: 'deploy', absent: true, keys: ['ssh-ed25519 AAAA me@desk'] }
const nginx = site.programOf()
const at = site.defaultPaths('life')
const place = { url: new URL('https://life.example'), address: '127.0.0.1' }
const limits = { answers: 5, within: 5_000 }
const port = sh.read`cat /run/port`
const [guard, unguarded] = [guardOf('/', place, port), guardOf(undefined, place, port)]
const secured: Secured = {
  app: 'life',
  names: ['life.example'],
  tls: 'certbot',
  http2: true,
  listeners: [{ address: '*', port: 80 }],
  paths: at,
  program: nginx,
}
const checking = {
  program: nginx,
  files: [[at.include], at.enabled],
  own: [at.include],
  guard,
  certificate: certificateOf('certbot', secured),
}
const application = {
  app: 'life',
  site: 'life.example',
  slots: slots.all,
  router: '/srv/life/router',
  listen: ['80', '10.0.0.5:8080'],
  config: '/etc/haproxy/haproxy.cfg',
}
const caddySite = {
  ...application,
  url: place.url,
  bind: '',
  include: false,
  config: '/etc/caddy/Caddyfile',
}
const share = { slot: 'green', percent: 5, sticky: true, by: 'anna', since: '2026-11-26T09:15:00.123Z' }
const page = { path: '/etc/haproxy/switchyard/life.maintenance.html', text: '<p>', mode: 0o644 }
const adopted = { pid: 812, startTime: '77' }

const staticSite = { layout, slot: blue, service: 'nginx' }
const processes = [
  { name: 'worker', live: false, unitFile: () => '' },
  { name: 'scheduler', live: true, unitFile: () => '' },
  { name: 'report', live: true, timer: '[Timer]\nOnCalendar=daily\n', unitFile: () => '' },
]
const others = units.othersOf('life', layout, processes)

const curl = (path: string) => ['-q', `https://life.example${path}`]
const prober = startProbes(
  { host: { spawn: () => new Promise(() => {}) } as never, router: { curl } as never, log() {} },
  probingOf({}, '/health'),
  '/srv/life/probes',
)

const supervised = (name: string, { start, stop, process, pid, log, page, follow }: Supervisor) => {
  const filter = { lines: 200, since: 1_732_612_345_678, contains: `it's "50%"` }
  return {
    ...Object.fromEntries(
      Object.entries({ start, stop, process, pid, log }).map(([verb, script]) => [`${name} ${verb}`, script(blue)]),
    ),
    [`${name} page`]: page(blue, {}),
    [`${name} page of matching lines`]: page(blue, filter),
    [`${name} follow`]: follow(blue, {}, '1:5320 2:100').script,
    [`${name} follow of matching lines`]: follow(blue, filter, '').script,
  }
}

const routerPlan = routers.planRouter({
  app: 'life',
  port: 4000,
  router: { port: 80 },
  health: { path: '/health', host: 'life.example' },
  slots: slots.names,
  image: 'haproxy:3.0',
})

/** Functions that do not return a whole script, but a part of one or a batch of others. */
export const PARTS = new Set(
  'defineRemove refuseOutside isShared headerInput startTime withRepeatedSigterm whose clock'.split(' '),
)

export function samples(): Readonly<Record<string, Script>> {
  return {
    receiveFile: receiveFile({ path: '/srv/life/env', mode: 0o600, size: 5, sha256: 'abc' }, 'd1'),
    engineApi: sh.lines(engineApi, sh.read`api /info`),
    askEngine: askEngine(['/nodes', '/services?filters={"label":["a=it\'s"]}']),
    postEngine: postEngine('/configs/life_records/update?version=7'),
    engineFence: engineFence('life', deploy.id),
    holdEngineLock: holdEngineLock('life', deploy.id, 5_000),
    takeImage: takeImage('.switchyard-life.tar.gz', 'localhost/life:a', 'registry.lan:5000/life:0.1.1'),
    'takeImage without a registry': takeImage('.switchyard-life.tar.gz', 'localhost/life:a', ''),
    askRegistry: askRegistry('registry.lan:5000'),
    readLogs: readLogs({ app: 'life', slots: ['blue', 'green'], lines: 20, since: new Date(0), follow: false }),
    'readLogs that follows': readLogs({
      app: 'life',
      slots: ['blue'],
      lines: undefined,
      since: undefined,
      follow: true,
    }),
    removeObjects: removeObjects(
      'life',
      { app: 'life', live: null, services: ['a', 'b'], configs: ['c'], networks: [], kept: [] },
      90,
    ),
    listLayers: listLayers({ name: 'localhost/life:a', layers: ['sha256:a', 'sha256:b'] }),
    createService: services.createService({
      name: 'life_blue',
      deploy: deploy.id,
      options: ['--label', "it's"],
      command: ['image', 'serve'],
    }),
    removeService: services.removeService('life_blue', 30),
    scaleService: services.scaleService('life_blue', 3),
    stopService: services.stopService('life_blue'),
    serviceLog: services.serviceLog('life_blue', 20),
    followMigration: followMigration('life_migration', 60),
    controlScript: controlScript('life', 'haproxy:3.0', ['n1=10.0.2.2']),
    startRouter: routers.startRouter('life_routers'),
    createRouter: routers.createRouter('life', routerPlan),
    updateRouter: routers.updateRouter('life', routerPlan, ['life_old']),
    resumeRouter: routers.resumeRouter('life'),
    makeNetwork: routers.makeNetwork('life', 'life_control').script,
    removeConfigs: routers.removeConfigs(['life_old']),
    verifyNodes: verifyNodes(
      [],
      { slot: 'blue', generation: '1-d' },
      { port: 80, host: 'life.example', path: '/health' },
    ),
    locateScript: locateScript("it's here"),
    digestScript: digestScript(),
    receiveFolder: receiveFolder('/srv/life/shared/uploads', '.switchyard-d1'),
    guardFunction: sh.lines(guardFunction(fence(layout, deploy.id)), guardAgain),
    guardAgain,
    limited: sh.lines(limited(sh.read`bash -c ls`, 60), sh.read`echo "$code"`),
    raw: raw('echo 127.0.0.1'),
    asRoot: asRoot(['/usr/bin/systemctl', 'start', 'life@blue']),
    readAsRoot: readAsRoot(['/usr/sbin/nginx', '-t']),
    asReader: asReader(true, sh.read`cat /etc/shadow`),

    'receive by manifests': receive.receive(layout, made, '/srv/life/releases/.x', '{"a":"it\'s"}', 'by manifests'),
    'receive by contents': receive.receive(layoutOf('/srv/life'), made, '/srv/life/releases/.x', '{}', 'by contents'),
    makeWayFor: sh.lines(receive.defineRemove, receive.makeWayFor(layout, made)),
    linkShared: receive.linkShared(layout),
    prepareScript: prepareScript(layout, made, deploy.id, { command: oneCommand('npm ci'), limit: 60 }),
    releaseRecord: release.releaseRecord(made),
    unpack: release.unpack(layout, made, '/srv/life/releases/.x.tar.gz', '/srv/life/releases/.x'),
    releaseThere: release.releaseThere(layout, made).script,
    prune: release.prune(layout),
    prunable: release.prunable(layout),
    listScript: listScript(layout, slots),

    compareScript: compareScript(layout, blue),
    environmentChanges: environmentChanges(layout.slot('blue').env, '-'),
    pointAt: pointAt(layout, blue, made),
    portFree: connections.assertPortFree(blue).script,
    connections: connections.connections(blue),
    drainLoop: connections.drainLoop(blue, 30_000),
    findRunning: adopt.findRunning(blue).script,
    asApplication: asApplication('life', sh.write`umask 027; echo "$path"`, sh.read`printf 'path=%q\\n' /srv`),
    'healthLoop of an application with a user': healthLoop(blue, pid, health, { user: 'life' }),
    inSlot: runtimes.inSlot(owned, blue, sh.read`ls`),
    assertReadable: runtimes.assertReadable(owned, made),
    makeUser: makeUser('life', { user: 'life', absent: true, foreign: [] }),
    'linkShared of an application with a user': receive.linkShared(owned),
    adoptedPid: adopt.adoptedPid(layout, blue),
    adoptedUptime: adopt.adoptedUptime(adopted),
    stopAdopted: adopt.stopAdopted(adopted).script,
    healthRequest: healthRequest(blue, health, 2_000),
    healthLoop: healthLoop(blue, pid, health),
    'healthLoop of a process': healthLoop(blue, 812, health),
    healthQuery: healthQuery({ layout, runtime, health } as never, blue, made).script,

    fence: sh.lines(fence(layout, deploy.id), fence(layout, deploy.id, true)),
    holdLock: holdLock(layout, 5_000),
    'holdLock of a destination': holdLock(layout, 0, 'staging'),
    underLock: underLock(layout, deploy),
    closedScript: closedScript(layout),
    append: append(layout, deploy, { event: 'deploy', slot: 'blue', result: 'done' }).script,
    follow: detached.follow(layout, step),
    launch: detached.launch(layout, step),
    newestScript: detached.newestScript(layout),

    probeTrouble,
    probeLoop: probeLoop(curl, probingOf({}, '/health'), '/srv/life/probes'),
    startProbes: sh.lines(
      ...(prober ? [prober.beforeSwitch(), prober.afterSwitch(), prober.watched()] : []).map(it => it.script),
    ),
    connect: connect({ ...blue, address: 'fd00::5' }),
    besideRouter: besideRouter({ machine: 'balancer' }, sh.read`true`),
    assertReached: sh.lines(
      ...assertReached({ machine: 'balancer' } as never, { ...blue, address: '10.0.0.5' }).map(({ script }) => script),
    ),
    identity: identity.script,
    requestSlots: requestSlots(slots.all, ['/health'], place.url),

    inspect: inspect({ layout, slots, runtime: runtime as never, health }, [['/usr/sbin/nginx', '-t']], made),
    'inspect without a release': inspect({ layout, slots, runtime: runtime as never, health }, []),
    inspectBalancer: inspectBalancer({ layout: routerLayout(layout), upstream: '10.0.0.5' }, slots.all, [
      ['/usr/sbin/nginx', '-t'],
    ]),
    mountLines: mountLines(layout),
    changedFiles: changedFiles(layout, slots),
    checkSudo: checkSudo([['/usr/sbin/nginx', '-t']]),
    missingTools: missingTools(['find', 'tar']),

    ownerOf: ownerOf(layout),
    accountFor: accountFor('deploy', { user: 'me', group: 'me', root: true, missing: [] }).script,
    makeAccount: makeAccount(account),
    assertFree: assertFree({ app: 'life', layout, slots: slots.all, provisions: [{ files }] }, false).script,
    factsScript: factsScript(['find']),
    makeFolders: makeFolders(layout, [{ path: layout.releases, mode: 0o755 }], account),
    missingFolders: missingFolders(layout, [{ path: layout.releases, mode: 0o755 }], account),
    mayLock: mayLock(layout).script,
    hasLock: hasLock(layout).script,
    writeScript: transaction.writeScript(setup, false),
    'writeScript with hold': transaction.writeScript(setup, true),
    applyScript: transaction.applyScript(setup),
    takeBackScript: transaction.takeBackScript(setup),
    deleteScript: transaction.deleteScript({
      app: 'life',
      deploy: deploy.id,
      paths: files.map(({ path }) => path),
      apply: [sh.write`nginx -t`],
      unapply: [site.forget(nginx)],
    }),
    rootShell,
    rootReader,
    remainsScript: remainsScript(removal),
    foldersScript: foldersScript(layout, 'deploy', ['releases', 'slots']),
    interruptedSetup: transaction.interruptedSetup('life'),

    get: request.get(place, '/health', 5, { Authorization: 'x' }),
    getFollowing: request.getFollowing(place, '/health'),
    getOutside: request.getOutside(place, '/health'),
    status: request.status(place, '/'),
    statusOf: request.statusOf(place, '/', port),
    verifyLoop: request.verifyLoop(place, { slot: 'blue', generation: 'g1' }, { ...limits, path: '/health' }),
    'verifyLoop of no slot': request.verifyLoop(place, { slot: undefined, generation: undefined }, limits),
    checkScript: checkScript(checking),
    'checkScript of a reload': checkScript({ ...checking, own: undefined, guard: unguarded }),
    'end of a guard': sh.lines(guard.begin, guard.end),
    livePort: haproxy.livePort(application),
    switchScript: haproxy.switchScript(application, { slot: 'blue', generation: 'g1' }),
    check: haproxy.check(application, guard),
    'check without a guard': haproxy.check(application, unguarded),
    apply: haproxy.apply(application, 'deploy'),
    toSocket: haproxyMaps.toSocket('life'),
    changeMaps: haproxyMaps.changeMaps(application, { files: { '/srv/life/router/live.map': 'live blue.g1' } }),
    requireInstalled: haproxyMaintenance.requireInstalled(application, page),
    setMaintenance: haproxyMaintenance.setMaintenance(application, {
      check: haproxyMaintenance.requireInstalled(application, page),
      state: ['state on', 'message Back at 12.'],
      networks: ['10.0.0.0/8 pass'],
    }),
    beginMaintenance: maintenance.beginMaintenance(
      '/srv/life/router',
      { since: '2026-11-26T09:15:00.123Z', retryAfter: 120 },
      { installed: ['/etc/nginx/switchyard/life.conf'], needle: '-f /srv/life/router/maintenance/on' },
    ),
    beginCanary: canary.beginCanary(
      '/srv/life/router',
      share,
      { slot: 'blue', generation: 'g1' },
      {
        installed: ['/etc/nginx/switchyard/life.conf'],
        needle: '-f /srv/life/router/live/canary/on',
      },
    ),
    readCanary: canary.readCanary('/srv/life/router'),
    endCanary: canary.endCanary('/srv/life/router'),
    'beginCanary of HAProxy': haproxyCanary.beginCanary(application, share, { slot: 'blue', generation: 'g1' }),
    'endCanary of HAProxy': haproxyCanary.endCanary(application),
    'readCanary of HAProxy': haproxyCanary.readCanary(application),
    endCanaryOf: haproxyCanary.endCanaryOf(application, { slot: 'blue', generation: 'g1' }),
    readServed: haproxyCanary.readServed(application),
    askScript: askScript(
      curl,
      { path: '/health', headers: { 'X-A': 'b' } },
      { paths: ['/'], numbers: ['000'], sample: 400 },
    ),
    socketScript: socketScript(curl, 'https://life.example', ['/live/websocket?vsn=2.0.0', '/cable']),
    watching: watching({ curl } as never, ['/']),
    watchScript: watchScript(curl, ['/', '/a']),
    readMaintenance: maintenance.readMaintenance('/srv/life/router'),
    endMaintenance: maintenance.endMaintenance('/srv/life/router'),
    requireMarker: caddy.requireMarker('/srv/life/router'),
    'check of Caddy': caddy.check(caddySite, place, guard),
    'check of Caddy without a guard': caddy.check(caddySite, place, unguarded),
    'apply of Caddy': caddy.apply(caddySite, 'deploy'),
    readCaddyfiles: caddy.readCaddyfiles('/etc/caddy/Caddyfile'),
    readHost: readHost(application.config),
    readConfiguration: readConfiguration(nginx.path),
    moveSite: moveSite(nginx, at, 'life', 'blue', ['blue', 'green']),
    readLink: readLink('/srv/life/router/live', '/etc/nginx/life.conf'),
    moveLink: moveLink('/srv/life/router', 'blue', 'g1'),
    removeLink: removeLink('/srv/life/router'),
    enable: site.enable({ program: nginx, target: at.available, enabled: at.enabled, lenient: [at.available] }),
    'enable at one place': site.enable({
      program: nginx,
      target: at.available,
      enabled: at.enabled.slice(1),
      lenient: [],
    }),
    'enable with the second HTTP': site.enable({
      program: nginx,
      target: at.available,
      enabled: at.enabled,
      lenient: tlsLenient(secured),
      http2: http2Of(secured),
    }),
    prepareCertbot: prepareCertbot(secured),
    'the hook of certbot': sh.write`${{ writes: true, text: tlsFiles(secured).at(-1)?.text ?? '' }}`,
    forgetTls: forgetTls('life', at),
    refresh: site.refresh(nginx),
    keepAssets: keepAssets(layout, 'blue', { path: '/assets/', folder: 'lib/life-*/priv/static' }),
    'forget of nginx': site.forget(nginx),
    'forget of HAProxy': haproxy.forget(application),
    reloadScript: reloadScript('caddy'),
    'forget of Caddy': caddy.forget(caddySite),

    serverScript: serverScript({
      user: 'deploy',
      keys: ['ssh-ed25519 AAAA me@desk'],
      tools: { certbot: 'certbot' },
      packages: ['nodejs'],
      groups: ['docker'],
      server: { unit: 'nginx', processes: ['nginx'], ports: [80] },
    }),
    installPackages: bootstrap.installPackages(['nginx'], 300),
    startServer: bootstrap.startServer('nginx'),
    prepareAccount: bootstrap.prepareAccount('deploy', { account, groups: ['docker'], sudo: true }),
    callUfw: bootstrap.callUfw([['allow', '80/tcp']]),
    hardenSshd: bootstrap.hardenSshd(true),
    softenSshd: bootstrap.softenSshd(),
    RELOAD: bootstrap.softenSshd(),
    accessoriesScript: accessoriesScript({ database: 'life', redis: true }),
    makeDatabase: makeDatabase('life'),
    setPassword: setPassword('life'),

    withEnvironment: runtimes.withEnvironment(layout, blue),
    assertStartable: runtimes.assertStartable(layout, made, blue, 'bin/life'),
    'assertStartable of no program': runtimes.assertStartable(layout, made, blue),
    startable: runtimes.startable(layout, blue, 'bin/life'),
    migration: runtimes.migration({
      layout,
      release: made,
      slot: blue,
      limit: 60,
      command: migrateScript('bin/migrate'),
    }),
    migrateScript: migrateScript(['bin/migrate', 'all of it']),
    oneCommand: oneCommand(['bin/queues', 'resume all']),
    hookScript: hookScript({ layout, slot: blue, pid, command: oneCommand('bin/queues resume'), limit: 30 }),
    rpcCommand: beam.rpcCommand('life', 'IO.puts("it\'s")'),
    untilStdinEnds: runtimes.untilStdinEnds(sh.read`tail -F log`),
    journalPage: journalPage(['life@blue.service'], { contains: 'é' }),
    runErlPage: runErlPage('/srv/life/slots/blue/tmp/log', {}),
    execScript: runtimes.execScript({ layout, slot: blue, command: ['ls', '-l', "it's"] }),
    loadImage: containers.loadImage(contained, blue, made.dir),
    obtainImage: containers.obtainImage(contained, blue, made.dir, 'registry.example:5000'),
    startContainer: containers.startContainer(contained, 'blue', 'switchyard-life-blue', ['bin/server', "it's"]),
    execInContainer: containers.execInContainer(contained, blue, ['ls', '-l', "it's"]),
    runInContainer: containers.runInContainer(contained, blue, {
      folder: made.dir,
      task: 'migrate',
      command: ['bin/migrate'],
    }),
    sweepImages: containers.sweepImages(contained, layout.releases),
    containerPid: containers.containerPid({ ...contained, engine: 'docker' }, blue),
    APART,
    CLIENT,
    readyScript: readyScript({ layout, slot: blue, name: 'life', expression: 'Life.ready?()', limit: 60 }),
    makeCookie: beam.makeCookie,
    evaluate: beam.evaluate({
      layout,
      release: made,
      slot: blue,
      name: 'life',
      expression: 'Life.Release.migrate()',
      limit: 60,
    }),
    rpc: beam.rpc(layout, blue, 'life', 'IO.puts("it\'s")'),
    remoteConsole: { writes: true, text: beam.remoteConsole(layout, blue, 'life') },
    ...supervised(
      'systemd',
      systemd({ app: 'life', layout, slots: slots.all, startable: () => sh.read`true`, unitFile: () => '' }),
    ),
    ...supervised(
      'systemd with processes',
      systemd({ app: 'life', layout, slots: slots.all, startable: () => sh.read`true`, unitFile: () => '', processes }),
    ),
    stopUnits: units.stopUnits([{ name: 'worker', unit: 'life-worker@blue.service' }], { disable: true }),
    begun: units.begun(sh.read`life@blue.service`),
    forgetFailures: units.forgetFailures({ app: 'life', layout }, 'worker', blue),
    startOthers: units.startOthers({ app: 'life', layout: owned }, processes, blue),
    otherStates: units.otherStates('life', layout, processes, blue),
    systemctl: sh.lines(sh.read`set -- life@blue.service`, units.systemctl('start')),
    ...Object.fromEntries(
      Object.entries({
        complete: others?.complete(blue),
        promoted: others?.promoted(blue),
        demoted: others?.demoted(blue, undefined),
      }).map(([name, script]) => [`othersOf ${name}`, script ?? sh.read``]),
    ),
    startScript: staticFiles.startScript({
      ...staticSite,
      release: made,
      folder: '/public',
      config: '/etc/nginx/x.conf',
    }),
    serveFiles: serveFiles(layout, { folder: '/public', index: 'index.php', anyScript: false }, made, blue),
    stopScript: staticFiles.stopScript(layout, blue),
    pidScript: staticFiles.pidScript(layout, blue, 'nginx'),
    processScript: staticFiles.processScript(layout, blue, 'nginx'),
    reloadCaddy: staticFiles.reloadCaddy({
      path: '/etc/caddy/switchyard/life.slots.caddy',
      port: 4000,
      unread: 'Caddy does not read it.',
    }),
    ...supervised('daemon', daemon({ layout, release: 'life', stopLimit: 60 })),
  }
}
