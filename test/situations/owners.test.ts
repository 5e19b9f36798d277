/** Several projects, several people and a new server: who owns the application on a host, and for which account it is set up. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lifeTarball } from '../../dev/life.ts'
import { type Ended, runTask, type Site } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'
import { assertCleanAfter, faultSite, liveState, succeeds, underFault } from '../support/invariant.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

let site: Site
let folder: string
beforeAll(async () => {
  site = await faultSite({ tasks: 'export const { doctor, history, lock, unlock, preflight } = tasks' })
  folder = await mkdtemp(join(tmpdir(), 'switchyard-owners-'))
  await root(`sed -i 's/^PermitRootLogin no/PermitRootLogin prohibit-password/' /etc/ssh/sshd_config.d/*.conf
mkdir -p -m 700 /root/.ssh; cp /home/vagrant/.ssh/authorized_keys /root/.ssh/; systemctl reload ssh
useradd --create-home --shell /bin/bash --password '*' bob
install -d -o bob -g bob -m 700 /home/bob/.ssh; install -o bob -g bob /root/.ssh/authorized_keys /home/bob/.ssh/
echo 'bob ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/bob`)
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const root = async (command: string) => (await runAsRoot(site.host, command)).trimEnd()

interface Project {
  readonly app: string
  readonly root?: string
  readonly user?: string
  readonly ports?: readonly [number, number]
  readonly release?: string
  readonly slots?: readonly [string, string]
}

/** Runs a command of another project on the same host. */
async function task({ app, ports: [a, b] = [6000, 7000], ...more }: Project, ...args: string[]): Promise<Ended> {
  const { root = `/srv/${app}`, user = 'vagrant', release = 'life', slots = ['blue', 'green'] } = more
  const at = await mkdtemp(join(folder, 'project-'))
  await mkdir(at, { recursive: true })
  const config = join(at, 'ssh_config')
  await writeFile(config, (await readFile(site.host.sshConfigFile, 'utf8')).replace(/^ *User .*\n/m, ''))
  await writeFile(
    join(at, 'Taskfile.ts'),
    `import { beam, env, nginx, project, ssh, tarball } from 'switchyard-deploy'
const { tasks } = project({
  app: '${app}', root: '${root}', host: ssh('${user}@life-test', { configFile: ${JSON.stringify(config)} }),
  build: tarball({ path: env.LIFE_TARBALL ?? '', version: '0.1.0' }),
  runtime: beam({ release: '${release}', stopLimit: 3 }), router: nginx({ site: '${app}.example' }),
  slots: { ${slots[0]}: { port: ${a} }, ${slots[1]}: { port: ${b} } },
  health: { patience: 1_000, soak: 0, within: 60_000 },
})
export const { setup, deploy, promote, rollback, migrate, console, status, doctor, history, lock, unlock, retire, repair, upload } = tasks
`,
  )
  return runTask(at, { ...process.env, CI: '1', LIFE_TARBALL: await lifeTarball('0.1.0') }, args).ended
}

const ours = { app: 'life', ports: [4000, 5000] } as const
/** All files that a setup may change, and their owners. */
const state = () =>
  root(`find /etc/nginx /etc/sudoers.d /etc/systemd/system /var/lib/switchyard -printf '%p %m %u %l\\n' | sort
find /etc/nginx /etc/sudoers.d /etc/systemd/system -type f | sort | xargs sha256sum
find /srv -not -name lock -printf '%p %m %u %g %l\\n' | grep -v journal | sort`)

async function isRefused(work: () => Promise<Ended>, cause: RegExp, next: RegExp): Promise<void> {
  const before = await state()
  await underFault(site, work, { exit: 3, cause, next, noDeploy: true })
  expect(await state()).toBe(before)
}

describe('F55 a setup', () => {
  it('F55 that changes the port of the live slot is refused, and a later reload of nginx breaks nothing', async () => {
    await isRefused(
      () => task({ ...ours, ports: [4100, 5000] }, 'setup'),
      /blue is live on .* and listens on port 4000, but the Taskfile has 4100.*\[SETUP_MOVES_LIVE\]/,
      /Change only that of green/,
    )
    await root(RELOAD_NGINX)
    await expect.poll(() => site.live()).toBe('blue')
    expect((await fetch(site.url)).status).toBe(200)
  })

  it('F55 that changes the name of the live slot is refused', () =>
    isRefused(
      () => task({ ...ours, slots: ['red', 'green'] }, 'setup'),
      /blue is live on .*, but the Taskfile has no slot of that name.*\[SETUP_FORGETS_LIVE\]/,
      /Keep the name blue/,
    ))

  it('F55 with a unit under which the live slot would not start again is refused', () =>
    isRefused(
      () => task({ ...ours, release: 'other' }, 'setup'),
      /could not be restarted with the new files: its release has no bin\/other.*\[SETUP_STRANDS_LIVE\]/,
      /Nothing was changed/,
    ))

  it('F55 that changes the port of the idle slot is needed before a deploy, says when the port changes, and a deploy with a promote works', async () => {
    const moved = { ...ours, ports: [4000, 5100] } as const
    const early = await task(moved, 'deploy')
    expect(early.code, early.stdout + early.stderr).toBe(3)
    expect(early.stderr).toMatch(/does not send the traffic of green to its port 5100/)
    const setup = await underFault(site, () => task(moved, 'setup'), {
      exit: 0,
      resets: 'nginx reloads',
      noDeploy: true,
    })
    expect(setup.stdout).toMatch(/green stays on port 5000 until its next deploy, then moves to 5100/)
    const deployed = await task(moved, 'deploy', '--promote')
    expect(deployed.code, deployed.stdout + deployed.stderr).toBe(0)
    expect(await site.live()).toBe('green')
    // Back to blue on its old port for the other rows.
    const back = await task(moved, 'rollback')
    expect(back.code, back.stdout + back.stderr).toBe(0)
    expect(await site.live()).toBe('blue')
    await succeeds(site, 'setup')
    await assertCleanAfter(site, early, setup, deployed)
  })
})

describe('F57 a second project on a host', () => {
  it.each([
    {
      label: 'the same name and another folder',
      other: { app: 'life', root: '/srv/staging' },
      cause: /\/etc\/\S+ on .* belongs to the application in \/srv\/life, which is also named life.*\[APP_TAKEN\]/,
      next: /app: 'life_staging'/,
    },
    {
      label: 'another name and the same folder',
      other: { app: 'second', root: '/srv/life' },
      cause: /\/srv\/life on .* is the folder of another application: \/etc\/\S*life\S* names it.*\[ROOT_TAKEN\]/,
      next: /another `root`/,
    },
    {
      label: 'the same port',
      other: { app: 'second', ports: [6000, 5000] as const },
      cause: /The port 5000 of green belongs to another application .*life\.conf names it.*\[PORT_CLAIMED\]/,
      next: /another port/,
    },
    {
      label: "the name of one of the system's own units",
      other: { app: 'getty' },
      cause: /systemd\/system\/getty@\.service already exists on .*, and was not created by setup.*\[FILE_NOT_OURS\]/,
      next: /another name than getty/,
    },
  ])('F57 with $label is refused by setup, which names the owner', ({ other, cause, next }) =>
    isRefused(() => task(other, 'setup'), cause, next),
  )

  it('F57 does not overwrite a site or a unit that was written by hand', async () => {
    const site = '/etc/nginx/sites-available/second.conf'
    await root(`echo 'server { listen 8080; }' > ${site}`)
    await isRefused(
      () => task({ app: 'second' }, 'setup'),
      /second\.conf already exists on .*\[FILE_NOT_OURS\]/,
      /another name/,
    )
    await root(
      `rm ${site}; mkdir -p /etc/systemd/system; printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/second@blue.service`,
    )
    await isRefused(
      () => task({ app: 'second' }, 'setup'),
      /second@blue\.service already exists on .*\[FILE_NOT_OURS\]/,
      /another name/,
    )
    await root('rm /etc/systemd/system/second@blue.service')
  })
})

describe('F70 a user other than the owner', () => {
  const bob = { ...ours, user: 'bob' }
  it.each([
    ['setup'],
    ['deploy'],
    ['promote', 'green'],
    ['rollback'],
    ['status'],
    ['doctor'],
    ['history'],
    ['migrate'],
    ['retire'],
    ['repair'],
    ['upload'],
    ['lock', '--reason', 'mine'],
    ['unlock'],
  ])('F70 is refused `%s %s` with the owner and a hint, and no owner changes', (...args) =>
    isRefused(
      () => task(bob, ...args),
      /\/srv\/life on .* belongs to vagrant, but the deploying user is bob.*\[NOT_OURS\]/,
      /Deploy as vagrant: .*npx task setup --user vagrant/,
    ),
  )

  it('F70 is refused as root too, except for setup, which works for the owner', async () => {
    const as = { ...ours, user: 'root' }
    for (const args of [['status'], ['deploy']])
      await isRefused(
        () => task(as, ...args),
        /belongs to vagrant, but the deploying user is root.*\[NOT_OURS\]/,
        /Deploy as vagrant/,
      )
    const before = await state()
    const setup = await task(as, 'setup')
    expect(setup.code, setup.stdout + setup.stderr).toBe(0)
    expect(await state()).toBe(before)
  })

  it('F70 with root rights adds their keys to the deploying account by setup --user', async () => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0Gq0Zb6mZ3mQp2r1c0W0m8m3o1bM0s9m1Jm0dG2k3B bob@desk'
    await root(`echo '${key}' >> /home/bob/.ssh/authorized_keys`)
    const { slot } = await liveState(site)
    const setup = await task({ ...ours, user: 'bob' }, 'setup', '--user', 'vagrant')
    expect(setup.code, setup.stdout + setup.stderr).toBe(0)
    expect(await root('cat /home/vagrant/.ssh/authorized_keys')).toContain(key)
    expect((await root('stat -c "%U %a" /home/vagrant/.ssh/authorized_keys /srv/life')).split('\n')).toEqual([
      'vagrant 600',
      'vagrant 711',
    ])
    expect(await site.live()).toBe(slot)
  })
})

describe('F71 a server on which only root exists', () => {
  const fresh = { app: 'fresh', user: 'deploy', ports: [6100, 7100] as const }

  it('F71 refuses to set up an application that runs as root, and the hint names the way', async () => {
    await isRefused(
      () => task({ ...fresh, user: 'root' }, 'setup'),
      /would run as root.*\[SETUP_AS_ROOT\]/,
      /setup --user deploy/,
    )
  })

  it('F57 refuses a site that nginx would read first and that would take requests for no known name', async () => {
    await isRefused(
      () => task(fresh, 'setup', '--login', 'root'),
      /whose host name matches no site go to \S+life.conf:\d+, the first .*\[NGINX_DEFAULT_TAKEN\]/,
      /`default_server` to the `listen` line/,
    )
    await root(`sed -i -E 's/^( *listen .*80);/\\1 default_server;/' /etc/nginx/sites-available/life.conf
${RELOAD_NGINX}`)
    // That edit is not reported as drift.
    const setup = await task(ours, 'setup')
    expect(setup.stdout).toMatch(/^ok: Prepare the host {2}0 folders and 0 files changed/m)
    expect(await root('grep -c default_server /etc/nginx/sites-available/life.conf')).toBe('2')
  })

  it('F71 refuses setup by a user without sudo, with the command that helps', async () => {
    await root('mv /etc/sudoers.d/bob /root/bob')
    await isRefused(
      () => task({ ...fresh, user: 'bob' }, 'setup'),
      /bob may not use sudo without a password.*\[SETUP_NEEDS_ROOT\]/,
      /npx task setup --login root --user bob/,
    )
    await root('mv /root/bob /etc/sudoers.d/bob')
  })

  it('F71 is prepared by one command that creates the account of the Taskfile, which then deploys and owns the application', async () => {
    const dry = await task(fresh, 'setup', '--login', 'root', '--dry-run')
    expect(dry.stdout).toMatch(/^new user deploy$/m)
    expect(dry.stdout).toMatch(/^new key of deploy: ssh-ed25519 \.\.\./m)
    expect((await site.host.exec('id deploy')).code).not.toBe(0)
    const setup = await underFault(site, () => task(fresh, 'setup', '--login', 'root'), {
      exit: 0,
      resets: 'nginx reloads',
      noDeploy: true,
    })
    const deployed = await task(fresh, 'deploy', '--promote')
    expect(deployed.code, deployed.stdout + deployed.stderr).toBe(0)
    expect(await root('ps -o user= -p "$(systemctl show --value -p MainPID fresh@blue.service)"')).toBe('deploy')
    expect(await root('find /srv/fresh ! -user deploy')).toBe('')
    expect(await root('sudo -l -U deploy | grep -c "NOPASSWD: ALL" || true')).toBe('0')
    const again = await task(fresh, 'setup', '--login', 'root')
    expect(again.stdout).toMatch(/^ok: Prepare the host {2}0 folders and 0 files changed/m)
    await assertCleanAfter(site, dry, setup, deployed, again)
  })

  it('F71 is prepared by an administrator for another account, or for root on request, of which doctor warns', async () => {
    const admin = await task({ app: 'third', user: 'bob', ports: [6200, 7200] }, 'setup', '--user', 'deploy')
    expect(admin.code, admin.stdout + admin.stderr).toBe(0)
    expect(admin.stdout).toContain("ssh('deploy@...')")
    expect(await root('find /srv/third ! -user deploy')).toBe('')
    const asRoot = { app: 'fourth', user: 'root', ports: [6300, 7300] as const }
    const setup = await task(asRoot, 'setup', '--user', 'root')
    expect(setup.code, setup.stdout + setup.stderr).toBe(0)
    const doctor = await task(asRoot, 'doctor')
    expect(doctor.stdout).toMatch(/warn +account +the application runs as root/)
  })
})
