import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Host, Transport } from '../../../host/host.ts'
import { bootstrapFaults, withReady } from '../../../slots/bootstrap/bootstrap-faults.ts'
import { parseServer, type ServerFacts } from '../../../slots/bootstrap/inspect-server.ts'
import { callersKeys, keysIn, readKeys, shortKey } from '../../../slots/bootstrap/keys.ts'
import { planBootstrap, planText, type Request, refusal } from '../../../slots/bootstrap/plan.ts'
import { chosenServers, connectTo } from '../../../slots/bootstrap/servers.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const MINE = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMineMineMineMineMineMineMineMineMineMineMine me@desk'
const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtherOtherOtherOtherOtherOtherOtherOther you@desk'

const request: Request = {
  host: 'deploy@web-1',
  user: 'deploy',
  keys: [MINE],
  tools: { '/usr/sbin/nginx': 'nginx', certbot: 'certbot' },
  packages: ['nodejs'],
  groups: [],
  server: { unit: 'nginx', processes: ['nginx'], ports: [80, 443] },
  sudo: true,
  harden: false,
  firewall: false,
}

const bare = `@@ system
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
ID=debian
@@ machine
systemd
apt
@@ listeners
@@ tools
/usr/sbin/nginx
sudo
visudo
certbot
@@ packages
nodejs
@@ interrupted
@@ unit
inactive
@@ account
@@ keys
${MINE}
@@ groups
@@ sudo
@@ sshd
port 2222
permitrootlogin without-password
passwordauthentication yes
@@ clock
no
@@ firewall
none
`

const facts = parseServer(bare, request)
const ready: ServerFacts = {
  ...facts,
  missing: [],
  serves: true,
  account: { absent: false, group: 'deploy', keys: [], groups: [], sudo: true },
  clock: 'synchronized',
}

describe('a bare server', () => {
  it('is read from the output of its script', () => {
    expect(facts).toEqual({
      system: 'Debian GNU/Linux 12 (bookworm)',
      debian: true,
      systemd: true,
      listeners: [],
      missing: ['nginx', 'sudo', 'certbot', 'nodejs'],
      interrupted: false,
      serves: false,
      account: { absent: true, group: 'deploy', keys: [MINE], groups: [], sudo: false },
      sshd: { permitrootlogin: 'without-password', passwordauthentication: 'yes' },
      sshPorts: [2222],
      clock: 'not synchronized',
      ufw: undefined,
    })
  })

  it.each([
    ['Ubuntu 24.04.1 LTS', 'ID=ubuntu\nID_LIKE=debian', true],
    ['Ubuntu 22.04.5 LTS', 'ID="ubuntu"\nID_LIKE="debian"', true],
    ['Linux Mint 22', 'ID=linuxmint\nID_LIKE="ubuntu debian"', true],
    ['Fedora Linux 41', 'ID=fedora', false],
    ['Not Debian', 'ID=debianish\nID_LIKE=arch', false],
  ])('is told by its os-release: %s', (name, ids, debian) => {
    const release = `PRETTY_NAME="${name}"\n${ids}\n`
    const found = parseServer(bare.replace(/PRETTY_NAME[^@]*/, release), request)
    expect(found).toMatchObject({ system: name, debian })
    expect(refusal(request, found)?.code).toBe(debian ? undefined : 'BOOTSTRAP_NOT_DEBIAN')
  })

  it('gets packages, the account, its key and sudo, and everything else is offered', () => {
    const plan = planBootstrap(request, facts)
    expect(
      planText({ ...plan, host: 'deploy@web-1', system: facts.system }),
    ).toBe(`deploy@web-1: Debian GNU/Linux 12 (bookworm)
There:
  - The clock is not synchronized: \`timedatectl set-ntp true\`, with the package systemd-timesyncd.
To do:
  1. Install nginx, sudo, certbot and nodejs with apt-get.
  2. Start nginx, also after a boot.
  3. Create the account deploy, without a password.
  4. Let deploy log in with ssh-ed25519 ...MineMineMine me@desk.
  5. Let deploy use sudo without a password, which \`npx task setup\` needs; --no-sudo leaves it out.
Left to you:
  - The firewall is left as it is. --firewall runs: \`ufw allow 2222/tcp\`, \`ufw allow 80/tcp\`, \`ufw allow 443/tcp\`, \`ufw --force enable\`.
  - sshd accepts passwords and logins of root. --harden-sshd ends that, once deploy has logged in to deploy@web-1.`)
    expect(plan.account).toEqual({
      user: 'deploy',
      group: 'deploy',
      absent: true,
      keys: [MINE],
      groups: [],
      sudo: false,
    })
  })

  it('keeps the login of root if the account gets no sudo', () => {
    const asked = { ...request, sudo: false, harden: true }
    expect(planBootstrap(asked, ready).done).toEqual(['Let sshd accept keys alone, once deploy has logged in.'])
    const keys = { passwordauthentication: 'no', permitrootlogin: 'without-password' }
    expect(planBootstrap(asked, { ...ready, sshd: keys }).done).toEqual([])
    expect(planBootstrap({ ...asked, sudo: true }, { ...ready, sshd: keys }).harden).toBe(true)
  })
})

describe('a server that is ready', () => {
  it('gets nothing', () => {
    const plan = planBootstrap(request, ready)
    expect(plan.done).toEqual([])
    expect(plan.account).toBeUndefined()
    expect(planText({ ...plan, host: 'web-1', system: ready.system })).toContain('\nNothing to do.\n')
  })

  it('gets what is new: a key, a group, a package, the rest of an interrupted installation', () => {
    const account = { ...ready.account, keys: [OTHER], groups: ['docker'] }
    const plan = planBootstrap(request, { ...ready, account, missing: ['ffmpeg'], interrupted: true })
    expect(plan.done).toEqual([
      'Complete the installation of packages that was interrupted.',
      'Install ffmpeg with apt-get.',
      'Let deploy log in with ssh-ed25519 ...therOtherOth you@desk.'.replace('therOtherOth', 'erOtherOther'),
      'Add deploy to docker.',
    ])
  })

  it('gets the firewall only when that was asked for, and only what is missing of it', () => {
    const asked = { ...request, firewall: true }
    expect(planBootstrap(asked, ready).packages).toEqual(['ufw'])
    const active = 'Status: active\n\nTo Action From\n-- ------ ----\n2222/tcp                   ALLOW       Anywhere\n'
    expect(planBootstrap(asked, { ...ready, ufw: active }).firewall).toEqual([
      ['allow', '80/tcp'],
      ['allow', '443/tcp'],
    ])
    const all = `${active}80/tcp                     ALLOW       Anywhere\n443                        ALLOW       Anywhere\n`
    const complete = planBootstrap(request, { ...ready, ufw: all })
    expect(complete.firewall).toEqual([])
    expect(complete.offered.join()).not.toContain('ufw')
  })
})

describe('a server is refused', () => {
  it.each([
    ['another system', { debian: false, system: 'Fedora Linux 40' }, 'BOOTSTRAP_NOT_DEBIAN'],
    ['no systemd', { systemd: false }, 'BOOTSTRAP_NO_SYSTEMD'],
    ['another web server', { listeners: [{ port: 80, program: 'apache2' }] }, 'BOOTSTRAP_PORT_TAKEN'],
  ] as const)('with %s', (_, part, code) => {
    expect(refusal(request, { ...facts, ...part })).toMatchObject({ code, exitCode: 3 })
  })

  it('but not with the server of the router, and not without a router', () => {
    const listeners = [{ port: 80, program: 'nginx' }]
    expect(refusal(request, { ...facts, listeners })).toBeUndefined()
    const unknown = [{ port: 80, program: '?' }]
    expect(refusal(request, { ...facts, serves: true, listeners: unknown })).toBeUndefined()
    expect(refusal(request, { ...facts, listeners: unknown })?.message).toContain('belongs to another program')
    const apache = [{ port: 80, program: 'apache2' }]
    expect(refusal({ ...request, server: undefined }, { ...facts, listeners: apache })).toBeUndefined()
  })
})

describe('an error of one host', () => {
  const locked = bootstrapFaults.BOOTSTRAP_APT_LOCKED({ host: 'web-3', output: 'E: held', seconds: 2 })

  it('is a refusal only if no other host was changed', () => {
    expect(withReady(locked, [])).toBe(locked)
    const { code, exitCode, message, hint } = withReady(locked, ['web-1', 'web-2']) as typeof locked
    expect([code, exitCode, message]).toEqual([locked.code, 1, locked.message])
    expect(hint).toBe(`${locked.hint} web-1 and web-2 are ready.`)
  })

  it('stays as it is if nobody can act on it', () => {
    const error = new Error('unknown')
    expect(withReady(error, ['web-1'])).toBe(error)
  })
})

describe('the keys of the caller', () => {
  it('are those that the account accepts, else the first one', () => {
    expect(callersKeys([OTHER, MINE], `# root\n${MINE.replace('me@desk', 'renamed')}\n`)).toEqual([MINE])
    expect(callersKeys([OTHER, MINE], '')).toEqual([OTHER])
    expect(callersKeys([], MINE)).toEqual([])
  })

  it('have no options', () => {
    expect(keysIn(`command="/bin/false" ${MINE}\n\n# comment\n${OTHER}\r\nssh-rsa\n`)).toEqual([OTHER])
    expect(shortKey('ssh-ed25519 AAAA')).toBe('ssh-ed25519 AAAA')
  })

  it('are read from a public key, also beside a private one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keys-'))
    try {
      const path = join(folder, 'id')
      await writeFile(path, '-----BEGIN OPENSSH PRIVATE KEY-----\n')
      await expect(readKeys(path)).rejects.toMatchObject({ code: 'BOOTSTRAP_KEY_INVALID', exitCode: 2 })
      await writeFile(`${path}.pub`, `${MINE}\n`)
      expect(await readKeys(path)).toEqual([MINE])
      expect(await readKeys(`${path}.pub`)).toEqual([MINE])
      await writeFile(join(folder, 'empty'), 'nothing\n')
      await expect(readKeys(join(folder, 'empty'))).rejects.toMatchObject({
        message: expect.stringContaining('no public key'),
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('the servers of a bootstrap', () => {
  const machine = (name: string, address = name): Transport => ({
    name,
    open: () => expect.fail('not contacted'),
    as: () => machine(name),
    endpoint: async () => ({ user: 'deploy', address, port: 22, through: [] }),
  })
  const machines = [machine('deploy@web-1', '203.0.113.7'), machine('ssh://deploy@lb-1:2222')]

  it('are those of the Taskfile, or one of them by its name or address', async () => {
    expect(await chosenServers(machines, undefined)).toEqual({ user: 'root', transports: machines })
    expect(await chosenServers(machines, 'root@203.0.113.7')).toEqual({ user: 'root', transports: [machines[0]] })
    expect(await chosenServers(machines, 'ubuntu@web-1')).toEqual({ user: 'ubuntu', transports: [machines[0]] })
    expect(await chosenServers(machines, 'lb-1')).toEqual({ user: 'root', transports: [machines[1]] })
    expect(await faultOf(chosenServers(machines, 'root@192.0.2.1'))).toMatchObject({
      code: 'BOOTSTRAP_OTHER_SERVER',
      exitCode: 2,
      message: 'The Taskfile deploys to web-1 and lb-1, and not to 192.0.2.1.',
    })
  })

  it('are refused if the application would be deployed by root, or if there is no login', async () => {
    const setting = { signal: new AbortController().signal, confirm: async () => false }
    const account = { account: async () => 'root', [Symbol.asyncDispose]: async () => undefined }
    const asRoot: Transport = { ...machine('root@web-1'), open: async () => account as unknown as Host }
    expect((await faultOf(connectTo(asRoot, 'root', setting))).code).toBe('BOOTSTRAP_FOR_ROOT')
    const { as: _, ...here } = asRoot
    expect((await faultOf(connectTo(here, 'root', setting))).code).toBe('LOGIN_IMPOSSIBLE')
  })
})
