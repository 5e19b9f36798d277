/** F65: hosts with older or fewer programs than the rehearsal host. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../dev/site.ts'
import { runAsRoot } from '../support/ended.ts'
import { assertCleanAfter, deployNext, faultSite, succeeds, underFault } from '../support/invariant.ts'

let site: Site
beforeAll(async () => {
  site = await faultSite({ tasks: 'export const { doctor } = tasks' })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = (command: string) => runAsRoot(site.host, command)
/** Installs a program that takes precedence over the one of the same name. */
const inFront = (name: string, text: string) =>
  root(`cat > /usr/local/bin/${name} <<'END'
#!/bin/bash
${text}
END
chmod 0755 /usr/local/bin/${name}`)

describe('F65 a deploy', () => {
  it('F65 without gzip, awk, ss and mkfifo is refused before anything is written, with all of them and their packages, and works once they are there', async () => {
    const missing = ['gzip', 'awk', 'ss', 'mkfifo']
    await root(`mkdir /root/away && for tool in ${missing.join(' ')}; do mv "$(type -P $tool)" /root/away/; done`)
    const before = await root('ls -A /srv/life/releases; systemctl show -p MainPID --value life@green')
    const { output } = await underFault(site, () => deployNext(site), {
      exit: 3,
      cause: /The host lacks .*\[TOOLS_MISSING\]/,
      next: /apt-get install -y .*coreutils/,
      heal: async () => {
        expect(await root('ls -A /srv/life/releases; systemctl show -p MainPID --value life@green')).toBe(before)
        const doctor = await site.task('doctor')
        expect(doctor).toMatchObject({ code: 3, stderr: expect.stringMatching(/\[TOOLS_MISSING\]/) })
        await root('mv /root/away/* /usr/bin/ && rmdir /root/away')
      },
    })
    for (const tool of missing) expect.soft(output).toMatch(new RegExp(`lacks .*\\b${tool}\\b`))
    for (const name of ['gzip', 'mawk', 'iproute2'])
      expect.soft(output).toMatch(new RegExp(`install -y .*\\b${name}\\b`))
  })

  it('F65 with tools that have fewer options, like those of busybox, is refused with their names', async () => {
    // Like an applet of busybox, which does not have the long options of GNU.
    const less = (name: string) =>
      inFront(
        name,
        `case " $* " in *' --'[a-z]*) echo "${name}: unrecognized option" >&2; exit 1 ;; esac; exec /usr/bin/${name} "$@"`,
      )
    await Promise.all(['tar', 'df', 'cp'].map(less))
    const { output } = await underFault(site, () => deployNext(site), {
      exit: 3,
      cause: /The host lacks .*\[TOOLS_MISSING\]/,
      next: /apt-get install -y/,
      heal: () => root('rm /usr/local/bin/tar /usr/local/bin/df /usr/local/bin/cp'),
      noDeploy: true,
    })
    for (const tool of ['tar', 'df', 'cp']) expect.soft(output).toMatch(new RegExp(`${tool} \\(the GNU version`))
    for (const name of ['tar', 'coreutils']) expect.soft(output).toMatch(new RegExp(`install -y .*\\b${name}\\b`))
  })
})

describe('F65 a host that cannot be probed', () => {
  it.each([
    [
      'with a curl without --rate, as on Ubuntu 22.04 and Debian 11,',
      // No archive keeps the real ones for ever, so this one emulates their options.
      () =>
        inFront(
          'curl',
          `for word; do if [ "$word" = --rate ]; then echo 'curl: option --rate: is unknown' >&2; exit 2; fi; done
if [ "$1" = --help ]; then /usr/bin/curl "$@" | grep -v -e --rate; else exec /usr/bin/curl "$@"; fi`,
        ),
      () => root('rm /usr/local/bin/curl'),
      'the curl there is older than 7.84',
    ],
    [
      'with a bash 4, which has no EPOCHREALTIME,',
      () =>
        inFront(
          'bash',
          `words=("$@")
for i in "\${!words[@]}"; do if [ "\${words[i]}" = -c ]; then words[i+1]="unset EPOCHREALTIME; \${words[i+1]}"; break; fi; done
exec /bin/bash "\${words[@]}"`,
        ),
      () => root('rm /usr/local/bin/bash'),
      'the bash there is older than 5',
    ],
  ])('F65 %s verifies a promote, and says that it was not measured, as doctor does', async (_, age, heal, why) => {
    await age()
    const doctor = await succeeds(site, 'doctor')
    expect(doctor.stdout).toMatch(new RegExp(`^warn +measuring +${why}`, 'm'))
    const [from, to] = (await site.live()) === 'blue' ? ['blue', 'green'] : ['green', 'blue']
    const promoted = await succeeds(site, 'promote', to ?? '')
    expect(promoted.stdout).toContain(`The switch was not measured: ${why}.`)
    expect(promoted.stdout).toMatch(new RegExp(`${to} is live: 5 answers`))
    expect(await site.live()).toBe(to)
    await heal()
    const back = await succeeds(site, 'promote', from ?? '')
    expect(back.stdout).toMatch(/^\d+ probes, 0 failed/m)
    expect((await succeeds(site, 'doctor')).stdout).not.toContain('measuring')
    await assertCleanAfter(site, doctor, promoted, back)
  })
})
