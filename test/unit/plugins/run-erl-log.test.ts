/** The log of run_erl: the scripts read and follow real files on this machine. */
import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { parsePage, runErlFollow, runErlPage } from '../../../plugins/runtime/beam/run-erl-log.ts'
import type { LogFilter } from '../../../slots/contracts.ts'

let folder: string
let log: string
let host: Host
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchyard-run-erl-'))
  log = join(folder, 'log')
  await mkdir(log)
  host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const HEAD = '\n=====\n===== LOGGING STARTED Thu Nov 26 10:00:00 UTC\n=====\r\n'
const file = (number: number) => join(log, `erlang.log.${number}`)
const page = async (filter: LogFilter = {}) => parsePage(await host.capture(runErlPage(log, filter)))
const texts = async (filter?: LogFilter) => (await page(filter)).lines.map(({ text }) => text)

describe('a page of the log of run_erl', () => {
  it('has the lines of all files in the order in which they were written, without those of run_erl', async () => {
    await writeFile(file(5), `${HEAD}one\r\ntwo\r\n`)
    await new Promise(resolve => setTimeout(resolve, 20))
    await writeFile(file(1), 'three\r\n\n===== ALIVE Thu Nov 26\nfour\r\n')
    await writeFile(join(log, 'run_erl.log'), 'not the application')
    expect(await texts()).toEqual(['one', 'two', 'three', 'four'])
    expect(await texts({ lines: 3 })).toEqual(['two', 'three', 'four'])
    expect(await texts({ lines: 0 })).toEqual([])
  })

  it('has only lines that contain a text, which is no pattern, and counts those', async () => {
    await writeFile(file(1), 'a.c\r\nabc\r\n-e a.c\r\n$(id)\r\na.c again\r\n')
    expect(await texts({ contains: 'a.c' })).toEqual(['a.c', '-e a.c', 'a.c again'])
    expect(await texts({ contains: 'a.c', lines: 2 })).toEqual(['-e a.c', 'a.c again'])
    expect(await texts({ contains: '-e' })).toEqual(['-e a.c'])
    expect(await texts({ contains: '$(id)' })).toEqual(['$(id)'])
    expect(await texts({ contains: 'nowhere' })).toEqual([])
  })

  it('is empty if the slot was never started', async () => {
    await rm(log, { recursive: true })
    expect(await page()).toEqual({ lines: [], end: '' })
  })
})

describe('a followed log of run_erl', () => {
  /** Follows from the end of the page; `seen` grows. */
  async function following(filter: LogFilter = {}) {
    const stream = runErlFollow(log, filter, (await page(filter)).end)
    const seen: string[] = []
    const reader = await host.spawn(stream.script)
    onTestFinished(() => reader[Symbol.asyncDispose]())
    void (async () => {
      for await (const output of reader.lines) for (const { text } of stream.parse(output)) seen.push(text)
    })()
    return { seen, reader }
  }
  const shows = (seen: readonly string[], lines: readonly string[]) =>
    expect.poll(() => [...seen], { timeout: 20_000 }).toEqual(lines)

  it('has each line after the page once, over a change of the file and a restart of the application', async () => {
    await writeFile(file(1), `${HEAD}old\r\n`)
    const { seen } = await following()
    await appendFile(file(1), 'one\r\n')
    await shows(seen, ['one'])
    await writeFile(file(2), 'two\r\n')
    await shows(seen, ['one', 'two'])
    // A start removes the folder.
    await rm(log, { recursive: true })
    await mkdir(log)
    await writeFile(join(folder, 'new'), `${HEAD}three\r\n`)
    await rename(join(folder, 'new'), file(1))
    await shows(seen, ['one', 'two', 'three'])
    await appendFile(file(1), 'four\r\n')
    await shows(seen, ['one', 'two', 'three', 'four'])
  })

  it('begins before the first start of a slot, and has only lines with the text', async () => {
    await rm(log, { recursive: true })
    const { seen } = await following({ contains: 'ok "' })
    await mkdir(log)
    await writeFile(file(1), `${HEAD}fine\r\nok "1"\r\n`)
    await shows(seen, ['ok "1"'])
  })

  it('ends with all of its processes at the end of stdin', async () => {
    await writeFile(file(1), HEAD)
    const { reader } = await following()
    const running = async () => (await host.run({ writes: false, text: `pgrep -fc "tail .*${log}" || true` })).stdout
    await expect.poll(async () => Number(await running()), { timeout: 20_000 }).toBeGreaterThanOrEqual(5)
    await reader[Symbol.asyncDispose]()
    // pgrep counts the shell that it runs in.
    await expect.poll(async () => Number(await running()), { timeout: 20_000 }).toBeLessThanOrEqual(1)
  })
})
