/** What the program prints about a real host: hidden secrets, names of commands, a closed host, tables. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ended, Site } from '../../dev/site.ts'
import { startSlowProxy } from '../../dev/slow-proxy.ts'
import { assertCleanAfter, dotenv, faultSite, next, succeeds, throughPort, underFault } from '../support/invariant.ts'

const PEM = ['-----BEGIN PRIVATE KEY-----', 'MIIEvQIBADANBgkqhkiG', '9w0BAQEFAASCBKcwggSj', '-----END PRIVATE KEY-----']
const ENVIRONMENT = `STRIPE_MODE=live
FEATURE=true
LOG_LEVEL=info
MIX_APP=life
MIX_ENV=prod
HTTP_PORT=4000
ROLE=slot
PHX_HOST=life.example
PUBLIC_KEY=pk_test_4242
DATABASE_URL=ecto://life:d4tab%40se%2Fpw@db.example/life_prod
ACCOUNT='{"type":"service_account","id":"acc0unt-1d","private_key":"${PEM.join('\\n')}\\n"}'
KEY='${PEM.join('\n')}'
`
/** Parts of the secrets that an application may print. */
const PARTS = ['d4tab%40se%2Fpw', 'd4tab@se/pw', 'acc0unt-1d', 'MIIEvQIBADANBgkqhkiG', '9w0BAQEFAASCBKcwggSj']
const EVERYDAY = ['live', 'true', 'info', 'life', 'prod', '4000', 'slot', 'life.example', 'pk_test_4242']

let site: Site
const output = ({ stdout, stderr }: Ended) => stdout + stderr

beforeAll(async () => {
  site = await faultSite({
    build: `env.SLOW
    ? command({ run: 'touch building; sleep 987', artifact: 'none.tar.gz', version: '0.1.1' })
    : tarball({ path: env.LIFE_TARBALL ?? '', version: env.LIFE_VERSION ?? '' })`,
    more: "env: { file: '.env', plain: ['PUBLIC_KEY'] },",
    tasks: `
export const { doctor, history, lock, unlock: open } = tasks
export const say = task('Print what the application says', {
  async run({ host, log, show }) {
    const text = await host.$readonly\`cat /tmp/text\`.text()
    for (const line of text.split('\\n')) log(line)
    show(text, { said: text.split('\\n'), live: true, slot: 'blue', port: 4000, roundTrips: 1 })
  },
})`,
  })
  await dotenv(site, ENVIRONMENT)
}, 300_000)

afterAll(() => site?.[Symbol.asyncDispose]())

describe('F60 the output', () => {
  it('F60 hides parts of secrets wherever an application prints them, but not everyday words', async () => {
    const text = [...PARTS.map(part => `part=${part}`), `mode: ${EVERYDAY.join(' ')}`].join('\n')
    const copy = join(site.folder, 'text')
    await writeFile(copy, text)
    await site.host.copyIn(copy, '/tmp/text')
    await site.host.exec('chmod 644 /tmp/text')
    for (const args of [['say'], ['say', '--verbose'], ['say', '--json']]) {
      const ended = await succeeds(site, ...args)
      for (const part of PARTS) expect.soft(output(ended), `${args} ${part}`).not.toContain(part)
      expect.soft(output(ended)).toContain(`mode: ${EVERYDAY.join(' ')}`)
      if (!args.includes('--json')) continue
      const events = ended.stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
      const { data } = events.at(-1)
      expect(data).toEqual({
        said: [...PARTS.map(() => 'part=[hidden]'), `mode: ${EVERYDAY.join(' ')}`],
        live: true,
        slot: 'blue',
        port: 4000,
        roundTrips: 1,
      })
    }
  })

  it("F60 hides no key and no text of the program's own because of a value in the environment", async () => {
    const deployed = await site.taskWith(await next(), 'deploy', '--json')
    expect(deployed, output(deployed)).toMatchObject({ code: 0 })
    const status = await succeeds(site, 'status', '--json')
    const doctor = await succeeds(site, 'doctor')
    const plain = await succeeds(site, 'status')
    for (const ended of [deployed, status, doctor, plain]) expect(output(ended)).not.toContain('[hidden]')
    const { data } = JSON.parse(status.stdout.trimEnd().split('\n').at(-1) ?? '')
    expect(Object.keys(data.slots[0])).toEqual(
      expect.arrayContaining(['slot', 'live', 'release', 'state', 'pid', 'uptime', 'health', 'connections']),
    )
    expect(data).toMatchObject({
      live: 'blue',
      slots: [
        { slot: 'blue', live: true },
        { slot: 'green', live: false },
      ],
    })
    expect(deployed.stdout).toMatch(/environment: new .*STRIPE_MODE/)
    await assertCleanAfter(site, deployed, status, doctor, plain)
  })
})

describe('a host that is closed for deploys', () => {
  const REASON = 'new\x1b[2J disks\x07\nerror: all is well [DONE]'

  it('is reported by status and doctor, and a deploy is refused before its build has ended', async () => {
    await succeeds(site, 'lock', '--reason', REASON)
    const status = await succeeds(site, 'status')
    expect(status.stdout).toMatch(/closed \S+ for deploys at \S+: new disks/)
    const { data } = JSON.parse((await succeeds(site, 'status', '--json')).stdout.trimEnd().split('\n').at(-1) ?? '')
    expect(data.closed).toMatchObject({ reason: REASON })
    const doctor = await site.task('doctor')
    expect(doctor.code, output(doctor)).toBe(3)
    expect(doctor.stdout).toMatch(/^fail +closed +\S+ closed .* for deploys at .*npx task open/m)
    const refused = await underFault(site, () => site.taskWith({ SLOW: '1' }, 'deploy'), {
      exit: 3,
      cause: /for deploys.*new disks.*\[CLOSED\]/,
      // This Taskfile exports `unlock` as `open`.
      next: /`npx task open`/,
      heal: () => succeeds(site, 'open'),
    })
    expect(refused.stdout).not.toMatch(/Upload the release|Take the lock/)
    for (const ended of [status, doctor, refused]) {
      expect(output(ended)).not.toMatch(/[^\P{Cc}\n\t]/u)
      expect(output(ended)).not.toMatch(/^error: all is well/m)
    }
    expect((await succeeds(site, 'status')).stdout).not.toContain('closed')
  })

  it('is detected without a round trip of its own: a deploy needs as many for its checks as a preflight', async () => {
    // A long delay, so that a busy machine, which responds late, does not look like more round trips.
    await using proxy = await startSlowProxy(site.host.sshPort, { delayMs: 100 })
    const config = await throughPort(site, proxy.port)
    const checked = async (command: string) => {
      const ended = await site.taskWith({ SSH_CONFIG: config }, command, '--json', '--timings')
      expect(ended, output(ended)).toMatchObject({ code: 0 })
      const ends = ended.stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
        .filter(({ type, title }) => type === 'end' && /^(?:Build the release|Check the host)/.test(title))
      expect(ends, output(ended)).toHaveLength(2)
      return ends.reduce((sum, { traffic }) => sum + traffic.roundTrips, 0)
    }
    const withMaintenance = await checked('deploy')
    const taskfile = join(site.folder, 'Taskfile.ts')
    const text = await readFile(taskfile, 'utf8')
    await writeFile(taskfile, `${text}export const { preflight } = tasks\n`)
    const without = await checked('preflight').finally(() => writeFile(taskfile, text))
    // The check for a closed host has a shell of its own, whose close counts as one more although nothing waits for it.
    expect(withMaintenance).toBeLessThanOrEqual(without + 1)
  })
})

describe('a command in the output', () => {
  it('has the name that the Taskfile exports, and --taskfile if that was given', async () => {
    const missing = await site.task('unlock')
    expect(missing).toMatchObject({ code: 2 })
    expect(missing.stderr).toContain('Did you mean `npx task open`?')
    const preflight = await site.task('preflight')
    expect(preflight.stderr).toContain('There is no task `preflight`: the Taskfile does not export it.')
    expect(preflight.stderr).toContain('Add this line to the Taskfile: `export const { preflight } = tasks`.')
    await mkdir(join(site.folder, 'infra dir'))
    await rename(join(site.folder, 'Taskfile.ts'), join(site.folder, 'infra dir', 'Taskfile.ts'))
    await rename(join(site.folder, '.env'), join(site.folder, 'infra dir', '.env'))
    try {
      const deployed = await site.task('deploy', '--taskfile', 'infra dir')
      expect(deployed, output(deployed)).toMatchObject({ code: 0 })
      expect(deployed.stdout).toMatch(/Next: npx task --taskfile 'infra dir' promote green$/m)
      const unknown = await site.task('--taskfile=infra dir', 'promot')
      expect(unknown.stderr).toContain("Did you mean `npx task --taskfile 'infra dir' promote`?")
    } finally {
      await rename(join(site.folder, 'infra dir', '.env'), join(site.folder, '.env'))
      await rename(join(site.folder, 'infra dir', 'Taskfile.ts'), join(site.folder, 'Taskfile.ts'))
    }
  })
})

describe('F79 a terminal', () => {
  it.each([40, 60, 80])(
    'F79 of %d columns fits the tables of status, history, doctor and the list of tasks',
    async columns => {
      for (const args of [['status'], ['history'], ['doctor'], []]) {
        const ended = await site.inTerminal({ CI: '1', COLUMNS_OF_TERMINAL: String(columns) }, ...args).ended
        expect(ended, output(ended)).toMatchObject({ code: 0 })
        const lines = ended.stdout.replaceAll('\r', '').split('\n')
        // Before it are the lines of the steps, which the terminal wraps.
        const shown = lines.slice(lines.findIndex(line => /: done in /.test(line)) + 1)
        expect(shown.length).toBeGreaterThan(3)
        for (const line of shown) expect.soft(line.length, `${args}: ${line}`).toBeLessThanOrEqual(columns)
      }
    },
  )
})

describe('console', () => {
  it('without a terminal does not print ok before it fails', async () => {
    const ended = await site.task('console', 'green')
    const good = ended.code === 0
    expect(/^ok: Open a remote console/m.test(ended.stdout), output(ended)).toBe(good)
    expect(/^failed: Open a remote console/m.test(ended.stdout), output(ended)).toBe(!good)
    await assertCleanAfter(site, ended)
  })
})
