/** `beam({ cluster: true })` and `beam({ ready })`: the nodes of both slots, over deploys, promotes, restarts, a reboot and a retire. */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Site, startSite } from '../../dev/site.ts'

const taskfileOf = ({ folder }: Site) => join(folder, 'Taskfile.ts')
const readTaskfile = (site: Site) => readFile(taskfileOf(site), 'utf8')

async function clusteredSite(runtime: string): Promise<Site> {
  const site = await startSite({ runtime, tasks: 'export const { rpc, exec, restart, retire, logs } = tasks' })
  await run(site, 0, 'setup')
  await run(site, 0, 'deploy', '--promote')
  return site
}

async function run(site: Site, code: number, ...args: string[]): Promise<string> {
  const { code: was, stdout, stderr } = await site.task(...args)
  expect(was, `task ${args.join(' ')}:\n${stdout}${stderr}`).toBe(code)
  return stdout + stderr
}

const deploy = async (site: Site, version: string) => {
  const { code, stdout, stderr } = await site.taskWith({ LIFE_VERSION: version }, 'deploy')
  expect(stdout + stderr).toSatisfy(() => code === 0)
  return stdout + stderr
}

const rpc = async (site: Site, slot: string, expression: string) =>
  (await run(site, 0, 'rpc', '--slot', slot, expression)).trim()

const nodesSeenBy = (site: Site, slot: string) => rpc(site, slot, 'IO.puts(inspect(Node.list()))')

/** The number of nodes that a text was sent to. */
const broadcast = (site: Site, slot: string, text: string) => rpc(site, slot, `IO.puts(Life.News.broadcast("${text}"))`)

/** The texts that a WebSocket of the public gets, which stays on the slot that was live when it was opened. */
async function listen(site: Site): Promise<Disposable & { readonly texts: readonly string[] }> {
  const texts: string[] = []
  const socket = new WebSocket(`${site.url.replace('http', 'ws')}/ws`)
  socket.on('message', data => texts.push(String(data)))
  await once(socket, 'open')
  return { texts, [Symbol.dispose]: () => socket.close() }
}

describe('the nodes of a cluster', () => {
  let site: Site
  beforeAll(async () => {
    site = await clusteredSite('beam({ cluster: true })')
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  it('are alone while one slot runs', async () => {
    expect(await nodesSeenBy(site, 'blue')).toBe('[]')
  })

  it('connect when the idle slot starts with another version, so that its message reaches the clients of the live one', async () => {
    using client = await listen(site)
    expect(await deploy(site, '0.1.1')).not.toContain('is not connected')
    expect(await nodesSeenBy(site, 'green')).toBe('[:"life_blue@127.0.0.1"]')
    expect(await broadcast(site, 'green', 'from the idle slot')).toBe('2')
    await expect.poll(() => client.texts).toEqual(['from the idle slot'])
  })

  it('listen on loopback alone, and no epmd runs, neither in the unit of a slot nor beside it', async () => {
    const listening = (await site.host.exec('ss -Hltn')).stdout.split('\n').flatMap(line => line.split(/\s+/)[3] ?? [])
    expect(listening).toEqual(expect.arrayContaining(['127.0.0.1:14000', '127.0.0.2:14000']))
    expect(listening.filter(address => /:(?:14000|15000|4369)$/.test(address))).toHaveLength(2)
    const inUnits = 'grep -l life@ /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3'
    const names = await site.host.exec(`for pid in $(${inUnits}); do cat /proc/$pid/comm; done | sort | uniq -c`)
    expect(names.stdout).toMatch(/^ *2 beam\.smp$/m)
    expect(names.stdout).not.toContain('epmd')
    expect((await site.host.exec('pgrep -x epmd')).stdout).toBe('')
  })

  it('have their cookie in no argument of a process', async () => {
    const cookie = (await site.host.exec('cat /home/vagrant/.erlang.cookie')).stdout.trim()
    expect(cookie).toMatch(/^[0-9a-f]{48}$/)
    const { stdout } = await site.host.exec(`cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'`)
    expect(stdout).toContain('sync_nodes_optional')
    expect(stdout).not.toContain(cookie)
  })

  it('are still connected after a promote, and the clients of the old slot hear the new one', async () => {
    using client = await listen(site)
    await run(site, 0, 'promote', 'green')
    expect(await broadcast(site, 'green', 'from the new live slot')).toBe('2')
    await expect.poll(() => client.texts).toEqual(['from the new live slot'])
  })

  it.each(['blue', 'green'])('connect again by themselves when %s crashes and systemd restarts it', async slot => {
    const { stdout: before } = await site.host.exec(`systemctl show --property=MainPID --value life@${slot}`)
    await site.host.exec(`kill -KILL ${before.trim()}`)
    const members = 'IO.puts(length(:pg.get_members(Life.News, :all)))'
    const now = async () => {
      const { stdout } = await site.host.exec(`systemctl show --property=MainPID --value life@${slot}`)
      const { code, stdout: seen } = await site.task('rpc', '--slot', slot, members)
      return stdout !== before && code === 0 && seen.trim()
    }
    await expect.poll(now).toBe('2')
  })

  it('connect by themselves when both start at once, after a reboot', async () => {
    await site.host.restart()
    const both = async () => {
      const { code, stdout } = await site.task('rpc', '--slot', 'green', 'IO.puts(Life.News.broadcast("booted"))')
      return code === 0 && stdout.trim()
    }
    await expect.poll(both).toBe('2')
  })

  it('keep console, exec and migrations out: a client of a slot joins nothing', async () => {
    const asked = 'IO.inspect(:application.get_env(:kernel, :sync_nodes_optional))'
    const shown = await run(site, 0, 'exec', '--slot', 'green', '--', 'bin/life', 'eval', asked)
    expect(shown).toContain('{:ok, []}')
    expect(await rpc(site, 'green', asked)).toContain('life_blue@127.0.0.1')
    const terminal = site.inTerminal({}, 'console', 'green')
    await terminal.says(/iex\(life_green@127\.0\.0\.2\)/)
    terminal.type('IO.puts(["sees ", inspect(Node.list())])\n')
    await terminal.says(/sees \[:"life_blue@127\.0\.0\.1"\]/)
    terminal.type('\x03')
    await terminal.says(/\(a\)bort/)
    terminal.type('a\n')
    await terminal.ended
    await run(site, 0, 'migrate', '--slot', 'green')
    expect(await broadcast(site, 'green', 'still connected')).toBe('2')
  })

  it('part when the old slot is retired, and the live one goes on', async () => {
    using client = await listen(site)
    await run(site, 0, 'retire')
    expect(await nodesSeenBy(site, 'green')).toBe('[]')
    expect(await broadcast(site, 'green', 'alone again')).toBe('1')
    await expect.poll(() => client.texts).toEqual(['alone again'])
  })
})

describe('without `cluster` (control)', () => {
  let site: Site
  beforeAll(async () => {
    site = await clusteredSite('beam()')
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  it('a message of the idle slot does not reach the clients of the live one', async () => {
    using client = await listen(site)
    await deploy(site, '0.1.1')
    expect(await broadcast(site, 'green', 'from the idle slot')).toBe('1')
    // Sent later by the live slot itself: when it has arrived, the other one would have.
    expect(await broadcast(site, 'blue', 'from the live slot')).toBe('1')
    await expect.poll(() => client.texts).toEqual(['from the live slot'])
  })

  it('a slot that starts as a cluster says that a slot of before does not hear it, until that starts again', async () => {
    await run(site, 0, 'promote', 'green')
    const text = await readTaskfile(site)
    await writeFile(taskfileOf(site), text.replace('beam()', 'beam({ cluster: true })'))
    expect(await deploy(site, '0.1.1')).toContain('blue is not connected to green')
    await run(site, 0, 'promote', 'blue')
    expect(await deploy(site, '0.1.1')).not.toContain('is not connected')
    expect(await broadcast(site, 'green', 'now')).toBe('2')
  })
})

describe('an expression of the application', () => {
  let site: Site
  const ready = (expression: string, limit = 3) =>
    `beam({ ready: ${JSON.stringify(expression)}, readyLimit: ${limit} })`
  const use = async (expression: string, limit?: number) => {
    const text = await readTaskfile(site)
    await writeFile(
      taskfileOf(site),
      text.replace(/runtime: .*/, () => `runtime: ${ready(expression, limit)},`),
    )
  }
  beforeAll(async () => {
    site = await clusteredSite(ready('Life.version() == "0.1.0"'))
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  it('that is true after a while lets the slot become healthy', async () => {
    await use('asked = :persistent_term.get(:asked, 0); :persistent_term.put(:asked, asked + 1); asked > 2', 120)
    await deploy(site, '0.1.0')
  })

  it.each([
    ['is not true in time', '{:warming, "it\'s"}', 'was still {:warming, "it\'s"} after 3 s'],
    ['hangs', 'Process.sleep(:infinity)', 'gave no value within 3 s'],
    ['raises', 'raise "no luck"', 'no luck'],
    ['does not exist', 'Life.redy?()', 'Life.redy?/0 is undefined'],
  ])('that %s fails the deploy with the reason, and the live slot stays', async (_, expression, says) => {
    await use(expression)
    const output = await run(site, 1, 'deploy')
    expect(output).toContain('APPLICATION_NOT_READY')
    expect(output).toContain(says)
    expect(await site.live()).toBe('blue')
  })

  it('that is not true refuses a promote of a slot that had become healthy', async () => {
    await use('true')
    await run(site, 0, 'deploy')
    await use('false')
    expect(await run(site, 1, 'promote', 'green')).toContain('was still false after 3 s')
    expect(await site.live()).toBe('blue')
  })
})
