/** A dry run reads the host, prints each write, and changes nothing. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

let site: Site
const dotenv = (text: string) => writeFile(join(site.folder, '.env'), text)
beforeAll(async () => {
  site = await startSite({ more: "env: '.env',", tasks: 'export const { doctor } = tasks' })
  await dotenv("KEPT=same\nGONE=any\nCHANGED='the old one'\n")
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

/** Everything on the host that a command of ours could change. */
const state = async () =>
  (
    await site.host.exec(
      `find /srv /etc/nginx /etc/sudoers.d /etc/systemd/system -printf '%p %m %u %l %T@\\n' | grep -v '/lock ' | sort; ss -Hltn | sort;
       systemctl list-units --plain --no-legend 'life@*'`,
    )
  ).stdout

async function dry(...args: string[]): Promise<string> {
  const before = await state()
  const { code, stdout, stderr } = await site.task(...args, '--dry-run', '--verbose')
  expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
  expect(await state()).toBe(before)
  return stdout
}

const wet = async (...args: string[]) => {
  const { code, stdout, stderr } = await site.task(...args)
  expect(stdout + stderr, args.join(' ')).toSatisfy(() => code === 0)
}

describe('a dry run', () => {
  it('of setup prints what it would install, as a diff', async () => {
    const printed = await dry('setup')
    expect(printed).toContain('new folder /srv/life')
    expect(printed).toContain('+++ /etc/systemd/system/life@.service')
    expect(printed).toMatch(/^\+vagrant ALL=\(root\) NOPASSWD: /m)
  })

  it('of setup and of a deploy says in sentences what they would do, and the commands only with --verbose', async () => {
    const said = await site.task('setup', '--dry-run')
    expect(said.stdout).toMatch(/A setup would:\n {2}1\. create \d+ folders.*\n {2}2\. write \/etc\//)
    expect(said.stdout).not.toContain('  | ')
    const verbose = await site.task('setup', '--dry-run', '--verbose')
    expect(verbose.stdout).toMatch(/^ {2}\| .*systemctl daemon-reload$/m)
  })

  it('of a second setup reports that nothing would change, and the second setup changes nothing', async () => {
    await wet('setup')
    expect(await dry('setup')).toContain('Nothing would change.')
    const before = await state()
    await wet('setup')
    expect(await state()).toBe(before)
  })

  it('of a setup after the site was disabled reports that, as doctor does, and the setup enables it again', async () => {
    const enabled = '/etc/nginx/sites-enabled/life.conf'
    await site.host.exec(`rm ${enabled}; ${RELOAD_NGINX}`)
    expect(await dry('setup')).toContain(`new link ${enabled}`)
    const doctor = await site.task('doctor')
    expect(doctor.code).toBe(3)
    expect(doctor.stdout).toMatch(/fail +router .*sites-enabled\/life\.conf does not exist/)
    await wet('setup')
    expect(await dry('setup')).toContain('Nothing would change.')
    await expect.poll(() => site.live()).toBe('no slot is live')
  })

  it('of a deploy prints each write on the host', async () => {
    const printed = await dry('deploy')
    expect(printed).toContain('/srv/life/releases/')
    expect(printed).toContain('/srv/life/slots/blue/env')
    expect(printed).toMatch(/systemctl start life@blue\.service/)
    const said = await site.task('deploy', '--dry-run', '--promote')
    expect(said.stdout).toContain('  3. start 0.1.0 in blue, on port 4000, with ')
    expect(said.stdout).toContain('  6. send the traffic to blue while requests are sent')
    expect(said.stdout).not.toContain('  | ')
  })

  it('of a promote prints the rename that switches the traffic, and does not switch it', async () => {
    await wet('deploy', '--promote')
    await wet('deploy')
    const printed = await dry('promote', 'green')
    expect(printed).toMatch(/mv -T live\.next live/)
    expect(await site.live()).toBe('blue')
  })

  it('of a deploy lists the variables of the environment that are new, gone or changed, and so does the deploy', async () => {
    await dotenv("KEPT=same\nNEW=any\nCHANGED='an0ther v4lue'\n")
    const changes = 'in green; environment: new NEW, changed CHANGED, gone GONE'
    const printed = await dry('deploy')
    expect(printed).toContain(changes)
    expect(printed).not.toContain('v4lue')
    const { stdout } = await site.task('deploy')
    expect(stdout).toContain(changes)
    expect(await dry('deploy')).not.toContain('environment: ')
  })

  it('of a deploy over a running slot completes', async () => {
    expect(await dry('deploy', '--promote')).toMatch(/units=\(life@green\.service\)[\s\S]*systemctl stop/)
  })
})
