/** F68: unusual configurations of sudo that refuse commands, or only print warnings. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Ended, Site } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'
import { assertCleanAfter, deployNext, faultSite, succeeds, underFault } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite({ tasks: 'export const { doctor } = tasks' })
  // From now on only the rules of `setup` apply, as for an account that is used only for deploys.
  await root('mv /etc/sudoers.d/vagrant /root/everything && cp -a /etc/sudoers.d /root/sudoers.d')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = (command: string) => runAsRoot(site.host, command)
/** Puts a file into /etc/sudoers.d. */
const sudoers = (name: string, ...lines: readonly string[]) =>
  root(`cat > /etc/sudoers.d/${name} <<'END'
${lines.join('\n')}
END
chmod 0440 /etc/sudoers.d/${name} && visudo -c -q`)
const asBefore = () => root('rm -f /etc/sudoers.d/* && cp -a /root/sudoers.d/. /etc/sudoers.d/')

/** Follows the hint of the program: adds the line to the file that it names. */
async function followHint({ stderr }: Ended): Promise<void> {
  const [, file = '', line = ''] = /^ {2}next: .*`visudo -f (\S+)`: (.+)$/m.exec(stderr) ?? []
  expect(file, stderr).toMatch(/^\/etc\/sudoers\.d\/\S+$/)
  await sudoers(file.replace('/etc/sudoers.d/', ''), line)
}

const refused = async (cause: RegExp, next: RegExp): Promise<Ended> => {
  const ended = await site.task('doctor')
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 3 })
  expect(ended.stderr).toMatch(cause)
  expect(ended.stderr).toMatch(next)
  return ended
}

describe('F68 a sudo that refuses', () => {
  afterEach(asBefore)

  it('F68 because a rule is missing stops a deploy before anything is changed, and the line in the hint fixes it', async () => {
    const rules = /stop life@green|--unit.*life@blue/
    const installed = (await root('cat /etc/sudoers.d/switchyard-life')).split('\n')
    const missing = installed.filter(line => rules.test(line)).length
    await root("sed -i '/stop life@green/d; /--unit.*life@blue/d' /etc/sudoers.d/switchyard-life")
    let deployed: Ended | undefined
    await underFault(
      site,
      async () => {
        deployed = await deployNext(site)
        return deployed
      },
      {
        exit: 3,
        cause: new RegExp(`failed, sudo: \`sudo -n /usr/bin/.*\` is refused to vagrant, and ${missing - 1} more`),
        next: /: vagrant ALL=\(root\) NOPASSWD: \/usr\/bin\/.*life@green\.service/,
        heal: async () => deployed && followHint(deployed),
      },
    )
  })

  it('F68 because of a later rule, requiretty or a broken file gets a hint for each cause', async () => {
    await sudoers('vagrant', 'vagrant ALL=(ALL) ALL')
    const later = await refused(/is refused to vagrant/, /next: A later rule requires a password/)
    await followHint(later)
    const fit = [await succeeds(site, 'doctor')]
    await asBefore()

    await sudoers('00-terminal', 'Defaults requiretty')
    await followHint(await refused(/is refused to vagrant/, /next: .*requiretty.*: Defaults:vagrant !requiretty$/m))
    fit.push(await succeeds(site, 'doctor'))
    await asBefore()

    await root('chmod 0666 /etc/sudoers.d/switchyard-life')
    await refused(/is refused to vagrant/, /next: First repair sudo itself .*switchyard-life is world writable/)
    await assertCleanAfter(site, later, ...fit)
  })

  it('F68 is not assumed for a rule without NOPASSWD but with !authenticate, or for a `sudo -l` that needs a password', async () => {
    await root('rm /etc/sudoers.d/switchyard-life')
    await sudoers('vagrant', 'Defaults:vagrant !authenticate', 'vagrant ALL=(ALL) ALL')
    const { stdout } = await succeeds(site, 'doctor')
    expect(stdout).toMatch(/^ok +sudo +\d+ commands allowed without a password/m)
    await asBefore()
    // `sudo -l` needs a password here, the commands do not.
    await sudoers('00-list', 'Defaults listpw=always')
    expect(await root('runuser -u vagrant -- sudo -n -l 2>&1 || echo refused')).toMatch(/refused$/m)
    await succeeds(site, 'doctor')
  })

  it('F68 makes a single step without a preflight fail with the line to add, and nothing is stopped', async () => {
    await root("sed -i '/life@green/d' /etc/sudoers.d/switchyard-life")
    const pid = await root('systemctl show -p MainPID --value life@green.service')
    const ended = await site.task('stop-idle')
    expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 3 })
    expect(ended.stderr).toMatch(/^error.*does not let vagrant control life@green\.service .*\[UNIT_SUDO_REFUSED\]$/m)
    expect(await root('systemctl show -p MainPID --value life@green.service')).toBe(pid)
    await followHint(ended)
    await assertCleanAfter(site, ended, await succeeds(site, 'stop-idle'))
    await asBefore()
    await succeeds(site, 'deploy')
  })
})

describe('F68 a sudo that prints and records but allows', () => {
  beforeEach(async () => {
    await sudoers('00-noise', 'Defaults lecture=always, use_pty, log_output, log_input')
    // The file is not replaced, because it is mounted into the container.
    await root("sed '/life-test/d' /etc/hosts > /root/hosts && cat /root/hosts > /etc/hosts && hostname web-nowhere")
    const noise = await root("runuser -u vagrant -- bash -c 'sudo -n /usr/sbin/nginx -t' 2>&1")
    expect(noise).toMatch(/^sudo: unable to resolve host web-nowhere/m)
  })
  afterEach(async () => {
    await asBefore()
    await root('hostname life-test && echo "127.0.0.1 life-test" >> /etc/hosts')
  })

  it('F68 does not change what setup and deploy write, and records no secret', async () => {
    await sudoers('00-everything', 'vagrant ALL=(ALL) NOPASSWD: ALL')
    const unit = await root('cat /etc/systemd/system/life@.service && rm /etc/systemd/system/life@.service')
    const done = [await succeeds(site, 'setup')]
    expect(await root('cat /etc/systemd/system/life@.service')).toBe(unit)
    await root('rm /etc/sudoers.d/00-everything')
    done.push(await succeeds(site, 'deploy'))
    await root('[ -e /var/log/sudo-io ] && ! grep -rqF Pl4nted /var/log/sudo-io')
    await assertCleanAfter(site, ...done)
  })

  it('F68 is not blamed for a command that fails for another reason', async () => {
    const include = '/etc/nginx/switchyard/life.conf'
    await root(`cp ${include} /root/include.conf; echo 'no_such_directive on;' >> ${include}`)
    const invalid = await site.task('promote', 'green')
    await root(`mv /root/include.conf ${include}`)
    expect(invalid.stderr).toMatch(/^error.*unknown directive "no_such_directive".*\[NGINX_CONFIG_INVALID\]$/m)
    expect(invalid.code).toBe(3)

    await root(`mkdir -p /etc/systemd/system/life@green.service.d
printf '[Service]\\nExecStartPre=/bin/false\\n' > /etc/systemd/system/life@green.service.d/broken.conf
systemctl daemon-reload`)
    const { output } = await underFault(site, () => deployNext(site), {
      exit: 1,
      cause: /The release in green did not start\. \[START_FAILED\]/,
      heal: () => root('rm -r /etc/systemd/system/life@green.service.d && systemctl daemon-reload'),
    })
    expect(output).not.toMatch(/sudoers|NOPASSWD/)
  })
})
