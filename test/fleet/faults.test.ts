/**
 * One of three hosts is down or frozen at each step of a deploy and of a switch, or ill, or full. After each: all hosts serve the old release, or the
 * command says which one does not, and one command mends it.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Load } from '../../dev/load.ts'
import { otherOf, type Shop, startShop, sumOf } from '../support/shop.ts'

const NAMES = ['web-1', 'web-2', 'web-3'] as const
/** The host that has the fault, in the middle of the others. */
const AT = 1
/** Milliseconds that a command may take whose host does not answer any more. */
const LONGEST = 90_000

let shop: Shop
let release = 0
beforeAll(async () => {
  shop = await startShop(NAMES)
  // Starts slowly enough for a fault while its health is checked.
  const server = join(shop.folder, 'app/bin/server')
  await writeFile(
    server,
    (await readFile(server, 'utf8')).replace('\nmy $address', '\nselect(undef, undef, undef, 1);\nmy $address'),
  )
  // A disk of its own, which can be filled.
  await onFaulty(
    'mkdir -p /srv/shop; mount -t tmpfs -o size=96m,mode=0711,uid=$(id -u vagrant),gid=$(id -g vagrant) tmpfs /srv/shop',
  )
  await shop.done('setup')
  await nextRelease()
  await shop.done('deploy', '--promote')
  await nextRelease()
  await shop.done('deploy')
})
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]()
})

/** A test that failed has not ended its fault, and may have left hosts that differ, or an idle slot without a healthy release. */
afterEach(async ({ task }) => {
  await Promise.all(loads.splice(0).map(load => load[Symbol.asyncDispose]()))
  if (task.result?.state !== 'fail') return
  for (const { end } of Object.values(FAULTS)) await shop.host(AT).exec(end)
  await onFaulty(`${EMPTY}; ${CURE}`)
  await rm(NOISE(), { force: true })
  const wait = ['--lock-wait', '60s'] as const
  await shop.done('repair', '--force', (await shop.serving())[0] ?? '', ...wait)
  await nextRelease()
  await shop.done('deploy', ...wait)
})

const onFaulty = (command: string) => shop.run(shop.host(AT), command)
const loads: Load[] = []
const load = async () => {
  const running = await shop.load()
  loads.push(...running)
  return running
}
/** Milliseconds each way to each host: long enough for the host to show a step, and to be struck, before the next one reaches it on a busy machine. */
const SLOW = [0, 400, 0] as const
const all = <T>(value: T) => NAMES.map(() => value)
const idle = async () => otherOf((await shop.serving())[0])
const nextRelease = () => shop.version(`1.${++release}.0`)

interface Fault {
  readonly begin: string
  readonly end: string
}
const FAULTS: Readonly<Record<string, Fault>> = {
  // As a machine whose power is off: no connection is left, and none can be made.
  down: {
    begin: 'pkill -KILL -x sshd; systemctl stop ssh.socket ssh.service 2> /dev/null; pkill -KILL -x sshd || :',
    end: 'systemctl start ssh.service',
  },
  // As a machine that is paused: connections stay, and nothing comes back over them.
  frozen: { begin: 'pkill -STOP -x sshd', end: 'pkill -CONT -x sshd' },
}

/** What the host shows at each step; `$slot` is the idle one, and `$record` what its record was before. */
const DEPLOY = {
  'Check the host': "pgrep -f '[s]shd: vagrant@' > /dev/null",
  'Upload the release': 'compgen -G "/srv/shop/releases/.*" > /dev/null',
  'Start the release': '[ "$(stat -c %i /srv/shop/slots/$slot/slot.json)" != "$record" ]',
  'Wait for its health':
    '[ $(systemctl show -p MainPID --value shop@$slot) -gt 0 ] && [ $(stat -c %i /srv/shop/slots/$slot/slot.json) != $record ]',
}
const PROMOTE = {
  'check the router': 'compgen -G "/srv/shop/slots/$slot/tmp/probes.*" > /dev/null',
  'be ready for the switch': 'compgen -G "/srv/shop/slots/$slot/tmp/probes.*/probing" > /dev/null && sleep 0.08',
  'prove the switch': '[[ $(readlink /srv/shop/router/live) == $slot.* ]]',
  'record the switch': '[ "$(stat -c %i /srv/shop/slots/$slot/slot.json)" != "$record" ]',
}

const NOISE = () => join(shop.folder, 'app/noise')
const UNIT = '/etc/systemd/system/shop@$slot.service.d'
const CURE = `for slot in blue green; do rm -rf ${UNIT}; done; systemctl daemon-reload`
const FILL = 'dd if=/dev/zero of=/srv/shop/full bs=4k status=none 2> /dev/null || :'
const EMPTY = 'rm -f /srv/shop/full'

/** Runs a command, which has to fail, and does something to the host as soon as that shows something. Resolves to the output. */
async function struck(
  args: readonly string[],
  seen: string,
  begin: string,
  { env = {} }: { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const slot = await idle()
  await onFaulty('rm -f /tmp/waiting /tmp/over')
  const striking = onFaulty(`slot=${slot}; record=$(stat -c %i /srv/shop/slots/$slot/slot.json); : > /tmp/waiting
until { ${seen}; }; do if [ -e /tmp/over ]; then echo too late; exit; fi; sleep 0.002; done; { ${begin}; } >&2; echo struck`)
  await onFaulty('until [ -e /tmp/waiting ]; do sleep 0.01; done')
  const began = performance.now()
  const { code, stdout, stderr } = await shop.start(args, env).ended
  const took = performance.now() - began
  // From here on no fault begins any more, or it would be that of the next test.
  await onFaulty(': > /tmp/over')
  expect(await striking, `${stdout}${stderr}`).toBe('struck')
  expect(code, `${stdout}${stderr}`).toBe(1)
  expect(took).toBeLessThan(LONGEST)
  return stdout + stderr
}

const cases = (steps: Readonly<Record<string, string>>) =>
  Object.entries(FAULTS).flatMap(([name, fault]) =>
    Object.entries(steps).map(([step, seen]) => ({ name, fault, step, seen })),
  )

describe('a deploy', () => {
  it.each(cases(DEPLOY))('changes what no host serves if one is $name at the step "$step"', async ({ fault, seen }) => {
    const [from = ''] = await shop.serving()
    const running = await load()
    await nextRelease()
    const output = await struck(['deploy', '--promote'], seen, fault.begin)
    await onFaulty(fault.end)
    expect(output).toMatch(/error on web-2: /)
    expect(await shop.serving()).toEqual(all(from))
    await shop.done('status')
    // The same command is the one that mends it.
    await shop.done('deploy', '--lock-wait', '30s')
    expect((await sumOf(running)).failed).toBe(0)
  })

  it('is refused if the disk of one is full', async () => {
    const [from = ''] = await shop.serving()
    await nextRelease()
    await onFaulty(FILL)
    const output = await shop.ends(3, ['deploy', '--promote'])
    await onFaulty(EMPTY)
    expect(output).toMatch(/error on web-2: .*\[PREFLIGHT_FAILED\]/)
    expect(await shop.serving()).toEqual(all(from))
    await shop.done('deploy', '--lock-wait', '30s')
    await shop.done('status')
  })

  it('changes what no host serves if the disk of one gets full during the upload', async () => {
    const [from = ''] = await shop.serving()
    await nextRelease()
    await writeFile(NOISE(), randomBytes(8_000_000))
    const output = await struck(['deploy', '--promote'], DEPLOY['Upload the release'], FILL)
    await onFaulty(EMPTY)
    expect(output).toMatch(/error on web-2: .*\[HOST_DISK_FULL\]/)
    expect(await shop.serving()).toEqual(all(from))
    await rm(NOISE())
    await shop.done('deploy', '--lock-wait', '30s')
    await shop.done('status')
  })

  it('changes what no host serves if one never becomes healthy', async () => {
    const [from = ''] = await shop.serving()
    await nextRelease()
    await onFaulty(
      `slot=${await idle()}; mkdir -p ${UNIT}; printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\n' > ${UNIT}/ill.conf; systemctl daemon-reload`,
    )
    expect(await shop.ends(3, ['deploy', '--promote'])).toMatch(/error on web-2: .*\[SLOT_NOT_HEALTHY\]/)
    expect(await shop.serving()).toEqual(all(from))
    await onFaulty(CURE)
    await shop.done('deploy', '--force')
    await shop.done('status')
  })
})

describe('a promote', () => {
  it.each(cases(PROMOTE))(
    '$name while it has to $step: the others are taken back, and one command mends the host',
    async ({ fault, seen }) => {
      await using lines = await shop.lines(SLOW)
      const [from = ''] = await shop.serving()
      const to = await idle()
      const running = await load()
      const output = await struck(['promote', to], seen, fault.begin, lines)
      await onFaulty(fault.end)
      expect(output).toMatch(/error on web-2: /)
      const [first, faulty = '', third] = await shop.serving()
      expect([first, third]).toEqual([from, from])
      const status = await shop.start(['status']).ended
      expect(status.code).toBe(status.stdout.includes(`All 3 hosts serve ${from}`) ? 0 : 3)
      if (faulty !== from) {
        expect(output).toMatch(/web-2 may serve \w+, unlike the other hosts.* \[HOST_NOT_TAKEN_BACK\]/)
        expect(output).toContain(`npx task repair --force ${from}`)
        expect(output).toMatch(/not undone: Move the traffic and prove it \(web-2\)/)
        expect(status.stdout + status.stderr).toMatch(/web-2/)
      }
      await shop.done('repair', '--force', from, '--lock-wait', '30s')
      expect(await shop.serving()).toEqual(all(from))
      expect(await shop.done('status')).toContain(`All 3 hosts serve ${from}`)
      expect((await sumOf(running)).failed).toBe(0)
    },
  )

  it('takes the others back if the disk of one is full, and says of that one what it serves', async () => {
    const [from = ''] = await shop.serving()
    const to = await idle()
    const running = await load()
    await onFaulty(FILL)
    const output = await shop.ends(1, ['promote', to])
    await onFaulty(EMPTY)
    expect(output).toMatch(/error on web-2: /)
    expect(output).not.toContain('HOST_NOT_TAKEN_BACK')
    expect(await shop.serving()).toEqual(all(from))
    expect(await shop.done('status')).toContain(`All 3 hosts serve ${from}`)
    expect((await sumOf(running)).failed).toBe(0)
  })

  it('a host that is frozen before the switch does not switch when it goes on', async () => {
    await using lines = await shop.lines(SLOW)
    const [from = ''] = await shop.serving()
    await struck(['promote', await idle()], PROMOTE['be ready for the switch'], FAULTS.frozen?.begin ?? '', lines)
    await onFaulty(FAULTS.frozen?.end ?? '')
    // What was on its way is refused, because the host has released the lock.
    await expect.poll(() => onFaulty("pgrep -f '[s]shd: vagrant@' | wc -l")).toBe('0')
    expect(await shop.serving()).toEqual(all(from))
    expect(await shop.done('status')).toContain(`All 3 hosts serve ${from}`)
  })
})
