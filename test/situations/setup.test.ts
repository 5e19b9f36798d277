/** Setup on hosts that are set up already: what it writes takes effect, or every file is unchanged. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'
import { assertCleanAfter, faultSite, succeeds, underFault } from '../support/invariant.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite({
    runtime: 'beam({ stopLimit: Number(env.STOP_LIMIT ?? 3) })',
    router: "nginx({ site: env.SITE ?? 'life.example' })",
    tasks: 'export const { doctor, history } = tasks',
  })
})
afterAll(() => site?.[Symbol.asyncDispose]())

const root = async (command: string) => (await runAsRoot(site.host, command)).trimEnd()

const INCLUDE = '/etc/nginx/switchyard/life.conf'
const AVAILABLE = '/etc/nginx/sites-available/life.conf'
const ENABLED = '/etc/nginx/sites-enabled/life.conf'
const UNIT = '/etc/systemd/system/life@.service'
const SUDOERS = '/etc/sudoers.d/switchyard-life'

/** Every file that a setup may change, with its content, mode and owner, and the backups of an interrupted setup. */
const files = () =>
  root(`find /etc/nginx /etc/sudoers.d /etc/systemd/system /var/lib/switchyard -printf '%p %m %u %l\\n' | sort
find /etc/nginx /etc/sudoers.d /etc/systemd/system -type f | sort | xargs sha256sum`)
const reloads = async () => (await root('journalctl --no-pager -u nginx | grep -c "Reloaded nginx" || true')).trim()
const shown = (property: string) => root(`systemctl show --value -p ${property} life@blue.service`)
/** The reason why idle connections may be closed. */
const RELOAD = 'nginx is reloaded'

const changedLine = /^ok: Prepare the host {2}0 folders and 1 files changed/m
const sameLine = /^ok: Prepare the host {2}0 folders and 0 files changed/m

describe('F54 a setup that changes one file', () => {
  const changes: { kind: string; mutate: string; inForce: () => Promise<unknown>; reloaded: boolean }[] = [
    {
      kind: 'the site',
      mutate: `sed -i '/server_name/d' ${AVAILABLE}; ${RELOAD_NGINX}`,
      inForce: () => root('nginx -T 2>/dev/null | grep "server_name life.example;"'),
      reloaded: true,
    },
    { kind: 'the site, removed', mutate: `rm ${AVAILABLE}`, inForce: () => root('nginx -t 2>&1'), reloaded: true },
    {
      kind: 'the include',
      mutate: `sed -i 's/^set .switchyard_slot "";/& add_header X-Old yes;/' ${INCLUDE}; ${RELOAD_NGINX}`,
      inForce: async () =>
        !(await root('curl -sD - -o /dev/null -H "Host: life.example" http://127.0.0.1/')).includes('X-Old'),
      reloaded: true,
    },
    { kind: 'the include, removed', mutate: `rm ${INCLUDE}`, inForce: () => root('nginx -t 2>&1'), reloaded: true },
    {
      kind: 'the link of the site, removed',
      mutate: `rm ${ENABLED}`,
      inForce: () => root('nginx -t 2>&1'),
      reloaded: true,
    },
    {
      kind: 'the unit',
      mutate: `sed -i s/LimitNOFILE=65536/LimitNOFILE=4321/ ${UNIT}; systemctl daemon-reload`,
      inForce: async () => (await shown('LimitNOFILE')) === '65536',
      reloaded: false,
    },
    {
      kind: 'the unit, removed',
      mutate: `rm ${UNIT}`,
      inForce: async () => (await shown('LoadState')) === 'loaded',
      reloaded: false,
    },
    {
      kind: 'the sudoers file',
      mutate: `sed -i '/reset-failed/d' ${SUDOERS}`,
      inForce: () => root('sudo -l -U vagrant | grep -F "reset-failed life@blue.service"'),
      reloaded: false,
    },
    {
      kind: 'the sudoers file, removed',
      mutate: `rm ${SUDOERS}`,
      inForce: () => root('sudo -l -U vagrant | grep -F "reset-failed life@blue.service"'),
      reloaded: false,
    },
  ]
  it.each(changes)(
    'F54 ($kind) makes it take effect, touches nothing else, and a second one changes nothing',
    async change => {
      const before = await files()
      await root(change.mutate)
      const reloadsBefore = await reloads()
      const first = await underFault(site, () => site.task('setup'), { exit: 0, resets: RELOAD, noDeploy: true })
      expect(first.stdout).toMatch(changedLine)
      await expect.poll(() => change.inForce()).toBeTruthy()
      expect(await shown('NeedDaemonReload')).toBe('no')
      expect(await files()).toBe(before)
      const reloadsAfter = await reloads()
      expect(Number(reloadsAfter) - Number(reloadsBefore)).toBe(change.reloaded ? 1 : 0)
      const second = await succeeds(site, 'setup')
      expect(second.stdout).toMatch(sameLine)
      expect(await reloads()).toBe(reloadsAfter)
      await assertCleanAfter(site, first, second)
    },
  )
})

describe('F54 a setup that fails', () => {
  /** Changes unit and site, and the sudoers file because a line is missing there. */
  const all = { STOP_LIMIT: '7', SITE: 'other.example' }

  it('F54 because nginx refuses its configuration restores unit, site and sudoers, and nothing is reloaded', async () => {
    await root(
      `sed -i '/reset-failed/d' ${SUDOERS}; echo 'server { listen 81; nonsense; }' > /etc/nginx/conf.d/broken.conf`,
    )
    const before = await files()
    const loaded = [await shown('TimeoutStopUSec'), await reloads()]
    const refused = await underFault(site, () => site.taskWith(all, 'setup'), {
      exit: 1,
      cause: /could not be activated on .*nginx.*\[SETUP_TAKEN_BACK\]/,
      next: /Every file was restored/,
      noDeploy: true,
    })
    expect(refused.output).toContain('unknown directive "nonsense"')
    expect(await files()).toBe(before)
    expect([await shown('TimeoutStopUSec'), await reloads()]).toEqual(loaded)
    expect(await shown('NeedDaemonReload')).toBe('no')
    await root('rm /etc/nginx/conf.d/broken.conf')
    const mended = await succeeds(site, 'setup')
    expect(mended.stdout).toMatch(changedLine)
  })

  it.each([
    {
      fault: 'because sudo refuses the new file',
      inject:
        'mv /usr/sbin/visudo /usr/sbin/visudo.real; printf "#!/bin/sh\\necho syntax error near line 1; exit 1\\n" > /usr/sbin/visudo; chmod 755 /usr/sbin/visudo',
      heal: 'mv /usr/sbin/visudo.real /usr/sbin/visudo',
      output: /syntax error near line 1/,
    },
    {
      fault: 'because a folder of root is read-only',
      inject: 'mount --bind /etc/systemd/system /etc/systemd/system; mount -o remount,ro,bind /etc/systemd/system',
      heal: 'umount /etc/systemd/system',
      output: /Read-only file system/,
    },
  ])('F54 $fault changes no file', async ({ inject, heal, output }) => {
    await root(`sed -i '/reset-failed/d' ${SUDOERS}`)
    const before = await files()
    await root(inject)
    const refused = await underFault(site, () => site.taskWith(all, 'setup'), {
      exit: 1,
      cause: /rejected the setup: .*\[SETUP_REFUSED\]/,
      next: /No file was changed/,
      heal: () => root(heal),
      noDeploy: true,
    })
    expect(refused.output).toMatch(output)
    expect(await files()).toBe(before)
    await succeeds(site, 'setup')
  })
})

describe('F54 an interrupted setup', () => {
  const MARK = '/run/testing'
  const HOLD = '/run/hold'
  /** Makes nginx wait in its config test until it is released, so that an interruption comes in the middle of the setup. */
  const slow = `touch ${HOLD}; mv /usr/sbin/nginx /usr/sbin/nginx.real
printf '#!/bin/sh\\nif [ "$1" = -t ]; then touch ${MARK}; while [ -e ${HOLD} ]; do sleep 0.1; done; fi\\nexec /usr/sbin/nginx.real "$@"\\n' > /usr/sbin/nginx; chmod 755 /usr/sbin/nginx`
  const release = `rm -f ${HOLD}`
  const swift = `rm -f ${MARK}; mv /usr/sbin/nginx.real /usr/sbin/nginx`
  const inTheMiddle = async () => {
    const setup = site.start({ STOP_LIMIT: '7', SITE: 'other.example' }, 'setup')
    await expect.poll(async () => (await site.host.exec(`test -e ${MARK}`)).code).toBe(0)
    return setup
  }
  /** Checks that either all of the old files are in effect, or all of the new ones. */
  const isWhole = async (before: string) => {
    await expect.poll(() => root('ls -A /var/lib/switchyard')).toBe('')
    const old = (await files()) === before
    expect(await root(`cat ${AVAILABLE}`)).toContain(old ? 'life.example;' : 'other.example;')
    expect(await root(`cat ${UNIT}`)).toContain(`TimeoutStopSec=${old ? 3 : 7}`)
    expect(await shown('TimeoutStopUSec')).toBe(old ? '3s' : '7s')
    expect(await shown('NeedDaemonReload')).toBe('no')
    await expect
      .poll(() => root('nginx -T 2>/dev/null | grep -c "server_name life.example;" || true'))
      .toBe(old ? '1' : '0')
  }

  it.each([
    { cause: 'Ctrl-C', signal: 'SIGINT', code: 130 },
    { cause: 'a kill of the client', signal: 'SIGKILL', code: 128 },
  ] as const)('F54 by $cause is applied completely or not at all', async ({ signal, code }) => {
    const before = await files()
    await root(slow)
    const ended = await underFault(
      site,
      async () => {
        const setup = await inTheMiddle()
        setup.kill(signal)
        await root(release)
        return setup.ended
      },
      { exit: code, silent: true, resets: RELOAD, lockWithin: 20_000, noDeploy: true },
    )
    await expect.poll(() => root('ls -A /var/lib/switchyard')).toBe('')
    await root(swift)
    await isWhole(before)
    await succeeds(site, 'setup')
    expect(await files()).toBe(before)
    await assertCleanAfter(site, ended)
  })

  /** Kills the processes of the setup on the host, as an out-of-memory killer or a shutdown does; its children may go on. */
  const endedByTheHost = `kill -9 $(pgrep -f '^bash -c set -eu -o pipefail; eval') $(pgrep -f '^sudo -n bash -c')`

  it('F54 that the host kills has every file restored immediately by the client', async () => {
    const before = await files()
    await root(slow)
    const cut = await underFault(
      site,
      async () => {
        const setup = await inTheMiddle()
        await root(endedByTheHost)
        await root(release)
        return setup.ended
      },
      { exit: 1, cause: /\[COMMAND_FAILED\]/, resets: RELOAD, noDeploy: true },
    )
    await root(swift)
    expect(cut.output).toMatch(/^failed: Prepare the host {2}the files that were written have been restored/m)
    expect(await files()).toBe(before)
    await isWhole(before)
    const next = await succeeds(site, 'setup')
    expect(next.stdout).toMatch(sameLine)
    await assertCleanAfter(site, cut, next)
  })

  it('F54 that loses host process and client is reported by doctor, and the next setup restores the files and completes', async () => {
    const before = await files()
    await root(slow)
    const setup = await inTheMiddle()
    setup.kill('SIGKILL')
    const cut = await setup.ended
    await root(endedByTheHost)
    await root(release)
    await root(swift)
    expect(await root('ls -A /var/lib/switchyard')).toBe('life.setup')
    const doctor = await site.task('doctor')
    expect(doctor.code).toBe(3)
    expect(doctor.stdout).toMatch(/fail +setup +a setup was interrupted/)
    const next = await succeeds(site, 'setup')
    expect(await files()).toBe(before)
    expect(await shown('TimeoutStopUSec')).toBe('3s')
    expect((await succeeds(site, 'setup')).stdout).toMatch(sameLine)
    await assertCleanAfter(site, cut, next)
  })
})
