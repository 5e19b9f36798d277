/** What the sudoers file of `setup` allows according to sudo itself: exactly the command lines of the plugins, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'
import { quote } from '../../host/script.ts'
import { beam, nginx } from '../../index.ts'
import { pluginKit } from '../support/plugin-kit.ts'

/** A rule that allows everything without a password; the image has it, as many hosts do. */
const EVERYTHING = '/etc/sudoers.d/vagrant'
const SYSTEMCTL = '/usr/bin/systemctl'
const JOURNAL = ['/usr/bin/journalctl', '--quiet', '--no-pager', '--output=json']

/** Each command line is similar to an allowed one, or would be useful to somebody who took over the account. */
const DENIED: readonly (readonly string[])[] = [
  // Other units, and other verbs for ours.
  [SYSTEMCTL, 'stop', 'nginx'],
  [SYSTEMCTL, 'restart', 'nginx'],
  [SYSTEMCTL, 'stop', 'nginx.service'],
  [SYSTEMCTL, 'start', 'other@blue.service'],
  [SYSTEMCTL, 'start', 'life@red.service'],
  [SYSTEMCTL, 'start', 'life@.service'],
  [SYSTEMCTL, 'start', 'life@blue'],
  [SYSTEMCTL, 'start', 'life@blue.servic'],
  [SYSTEMCTL, 'restart', 'life@blue.service'],
  [SYSTEMCTL, 'mask', 'life@blue.service'],
  [SYSTEMCTL, 'edit', 'life@blue.service'],
  [SYSTEMCTL, 'set-property', 'life@blue.service', 'CPUQuota=1%'],
  [SYSTEMCTL, 'daemon-reload'],
  [SYSTEMCTL, 'reboot'],
  [SYSTEMCTL],
  // More arguments, fewer arguments, other arguments.
  [SYSTEMCTL, 'start', 'life@blue.service', 'ssh.service'],
  [SYSTEMCTL, 'start', 'life@blue.service', ''],
  [SYSTEMCTL, 'start', 'life@blue.service life@green.service'],
  [SYSTEMCTL, '--no-block', 'start', 'life@blue.service'],
  [SYSTEMCTL, 'start', '--root=/tmp', 'life@blue.service'],
  [SYSTEMCTL, 'stop', 'life@blue.service;', 'id'],
  [SYSTEMCTL, 'restart', 'life@blue.service;', 'id'],
  [SYSTEMCTL, 'stop', 'life@blue.service; id'],
  [SYSTEMCTL, 'stop', 'life@blue.service\nid'],
  [SYSTEMCTL, 'stop', 'life@$(id).service'],
  // An argument that sudo would take for a pattern, or that such a pattern would match.
  [SYSTEMCTL, 'stop', 'life@*.service'],
  [SYSTEMCTL, '*', 'life@blue.service'],
  [SYSTEMCTL, 'stop', 'life@blue?service'],
  [SYSTEMCTL, 'stop', 'life@blueXservice'],
  [SYSTEMCTL, 'stop', 'life@[bg]lue.service'],
  ['/usr/bin/*', 'start', 'life@blue.service'],
  // The journal of other units, and other options of journalctl.
  [...JOURNAL, '--lines=1000', '--unit=ssh.service'],
  [...JOURNAL, '--lines=1000', '--unit=life@*'],
  [...JOURNAL, '--lines=1000', '--unit=life@blue.service', '--unit=ssh.service'],
  [...JOURNAL, '--lines=1000', '--unit=life@blue.service', '--vacuum-size=1'],
  [...JOURNAL, '--lines=1001', '--unit=life@blue.service'],
  [...JOURNAL, '--lines=1000', '--file=/etc/shadow'],
  ['/usr/bin/journalctl', '--unit=life@blue.service'],
  ['/usr/bin/journalctl'],
  // An nginx configuration of the user's own could run anything as root.
  ['/usr/sbin/nginx'],
  ['/usr/sbin/nginx', '-t', '-c', '/tmp/nginx.conf'],
  ['/usr/sbin/nginx', '-tc', '/tmp/nginx.conf'],
  ['/usr/sbin/nginx', '-T'],
  ['/usr/sbin/nginx', '-s', 'stop'],
  ['/usr/sbin/nginx', '-t', ''],
  ['/usr/bin/ln', '-sfn', '/tmp/nginx.conf', '/etc/nginx/switchyard/life.next'],
  ['/usr/bin/ln', '-sfn', '/etc/nginx/switchyard/life.red.conf', '/etc/nginx/switchyard/life.next'],
  ['/usr/bin/ln', '-sfn', '/etc/nginx/switchyard/life.blue.conf', '/etc/sudoers.d/mine'],
  ['/usr/bin/mv', '-T', '/tmp/life.next', '/etc/nginx/sites-enabled/life.conf'],
  ['/usr/bin/mv', '-T', '/etc/nginx/switchyard/life.next', '/etc/sudoers.d/mine'],
  // What `setup` itself runs as root; it needs an account that may do everything.
  ['/usr/bin/tee', '/etc/passwd'],
  ['/usr/bin/tee', '/etc/systemd/system/life@.service'],
  ['/usr/bin/tee', '/etc/sudoers.d/switchyard-life'],
  ['/usr/bin/chmod', '0777', '/etc/sudoers.d/switchyard-life'],
  ['/usr/bin/mkdir', '-p', '/etc/nginx/switchyard'],
  ['/usr/bin/install', '-d', '/srv/life'],
  ['/usr/sbin/visudo'],
  ['/usr/sbin/visudo', '-c'],
  ['/usr/sbin/visudo', '-c', '-q', '-f', '/etc/sudoers.d/switchyard-life'],
  // Anything else.
  ['/usr/bin/bash'],
  ['/usr/bin/bash', '-c', 'id'],
  ['/usr/bin/sh'],
  ['/usr/bin/env', SYSTEMCTL, 'start', 'life@blue.service'],
  ['/usr/bin/cat', '/etc/shadow'],
  ['/usr/bin/su'],
  ['/usr/bin/true'],
  ['sudoedit', '/etc/passwd'],
]

describe.each([
  { mode: 'link' as const, router: nginx({ site: 'life.example' }), text: "nginx({ site: 'life.example' })" },
  {
    mode: 'reload' as const,
    router: nginx({ site: 'life.example', mode: 'reload' }),
    text: "nginx({ site: 'life.example', mode: 'reload' })",
  },
])('the sudoers file for nginx with mode $mode', ({ router, text }) => {
  const wanted = [beam(), router].flatMap(
    plugin => plugin.create(pluginKit()).provision({ user: 'vagrant', group: 'vagrant' }).sudo,
  )
  let site: Site
  beforeAll(async () => {
    site = await startSite({ router: text })
    const { code, stdout, stderr } = await site.task('setup')
    expect(stdout + stderr).toSatisfy(() => code === 0)
    await site.host.exec(`mv ${EVERYTHING} /root/everything`)
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  /** Runs bash as the deploying user. */
  const asUser = (command: string) => site.host.exec(`runuser -u vagrant -- bash -c ${quote(command)}`)
  /** The command lines that sudo would run for the deploying user without a password, according to `sudo -l`. */
  const allowedOf = async (commands: readonly (readonly string[])[], as = '') => {
    const checks = commands.map(
      (command, i) => `sudo -n ${as} -l -- ${command.map(quote).join(' ')} > /dev/null 2>&1 && echo ${i}`,
    )
    const { stdout } = await asUser(`${checks.join('\n')}\ntrue`)
    return stdout
      .split('\n')
      .filter(Boolean)
      .map(i => commands[Number(i)])
  }

  it('belongs to root, has mode 440, and is valid', async () => {
    const { stdout } = await site.host.exec(
      'stat -c "%U %a" /etc/sudoers.d/switchyard-life; visudo -c -q && echo valid; ls -A /etc/sudoers.d',
    )
    expect(stdout.split('\n').slice(0, 2)).toEqual(['root 440', 'valid'])
    expect(stdout).not.toContain('.next')
  })

  it('allows every command line that the plugins need', async () => {
    expect(wanted.length).toBeGreaterThan(10)
    expect(await allowedOf(wanted)).toEqual(wanted)
  })

  it('lists exactly the command lines of the plugins, without patterns, and for root alone', async () => {
    const { stdout } = await asUser('COLUMNS=10000 sudo -n -l')
    const [, rules = ''] = stdout.split('may run the following commands')
    const listed = rules
      .split('\n')
      .slice(1)
      .map(line => line.trim())
      .filter(Boolean)
    expect(listed.toSorted()).toEqual(
      wanted
        .map(command => `(root) NOPASSWD: ${command.map(word => word.replace(/[=:,\\]/g, '\\$&')).join(' ')}`)
        .filter((line, i, all) => all.indexOf(line) === i)
        .toSorted(),
    )
    expect(rules).not.toMatch(/(?<!\\)[*?[\]!]/)
    expect(await allowedOf(wanted, '-u www-data')).toEqual([])
    expect(await allowedOf(wanted, '-g adm')).toEqual([])
  })

  it('denies everything else', async () => {
    expect(await allowedOf(DENIED)).toEqual([])
  })

  it('lets sudo run an allowed command, and nothing else', async () => {
    expect(await asUser('sudo -n /usr/sbin/nginx -t')).toMatchObject({ code: 0 })
    const attempts = [
      'sudo -n /usr/bin/systemctl stop nginx',
      'sudo -n /usr/bin/systemctl stop life@blue.service ssh.service',
      "sudo -n /usr/bin/systemctl stop 'life@*.service'",
      'echo owned | sudo -n /usr/bin/tee /root/owned',
      'sudo -n NGINX=/tmp /usr/sbin/nginx -t',
      'EVIL=1 sudo -n --preserve-env=EVIL /usr/sbin/nginx -t',
      'sudo -n -s',
      'sudo -n -i',
      'sudo -n -e /etc/passwd',
      'sudo -n -D /tmp /usr/sbin/nginx -t',
    ]
    for (const line of attempts) expect.soft((await asUser(line)).code, line).not.toBe(0)
    const { stdout } = await site.host.exec('systemctl is-active nginx ssh; ls /root/owned 2>&1')
    expect(stdout).toMatch(/^active\nactive\n.*No such file/)
  })

  it('matches two arguments that are joined into one, for which systemctl then fails', async () => {
    const { code, stderr } = await asUser("sudo -n /usr/bin/systemctl 'start life@blue.service'")
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/Unknown command verb|Unknown operation/)
  })

  it('is the only reason for the denials: with a rule for everything, sudo allows each of them (control)', async () => {
    await site.host.exec(`mv /root/everything ${EVERYTHING}`)
    const there = DENIED.filter(([program]) => program !== '/usr/bin/*')
    expect(await allowedOf(there)).toEqual(there)
    await site.host.exec(`mv ${EVERYTHING} /root/everything`)
  })
})
