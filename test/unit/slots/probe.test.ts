import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseProbes, probeLoop, probingOf, unpacked } from '../../../slots/promote/probe.ts'

const telling = {
  to: 'green',
  from: 'blue',
  version: '2.0.0',
  versionOf: (body: string) => /v([\d.]+)/.exec(body)?.[1],
}
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Three requests of each sort around a switch at second 100, 2 ms long. */
const PRINTED = [
  'moments',
  '100000000 asked',
  '100002000 returned',
  '100500000 end',
  'said fresh',
  '99950000 @ 200 0 0.010000 6',
  '100020000 @ 200 0 0.005000 6',
  'bodies fresh',
  base64('v1.0.0v2.0.0'),
  'said kept',
  '99990000 @ 200 0 0.001000 6',
  '100001000 @ 200 0 0.002000 6',
  '100030000 * Connection died, retrying a fresh connect (retry count: 1)',
  '100031000 @ 502 0 0.004000 3',
  '100060000 @ 000 56 0.001000 0',
  'bodies kept',
  base64('v1.0.0v1.0.0bad'),
  'said route',
  '100010000 @ 200 0 0.001000 6',
  'bodies route',
  base64('green\n'),
  'over',
]

it('is packed on its way', () => {
  const text = PRINTED.slice(0, -1).join('\n')
  expect(unpacked([gzipSync(`${text}\n`).toString('base64'), 'over'])).toEqual(PRINTED)
})

describe('what the probes printed', () => {
  it('becomes requests with times on one clock, who answered, and why not', () => {
    const { probes, returnedAt } = parseProbes(PRINTED, telling)
    expect(returnedAt).toBe(2)
    expect(probes).toEqual([
      { kind: 'fresh', at: -60, took: 10, status: 200, by: 'old', problem: undefined },
      { kind: 'kept', at: -11, took: 1, status: 200, by: 'old', problem: undefined },
      { kind: 'kept', at: -1, took: 2, status: 200, by: 'old', problem: undefined },
      { kind: 'route', at: 9, took: 1, status: 200, by: 'new', problem: undefined },
      { kind: 'fresh', at: 15, took: 5, status: 200, by: 'new', problem: undefined },
      { kind: 'kept', at: 30, took: 0, status: 0, by: undefined, problem: 'reset' },
      { kind: 'kept', at: 27, took: 4, status: 502, by: undefined, problem: '502' },
      { kind: 'kept', at: 59, took: 1, status: 0, by: undefined, problem: 'reset' },
    ])
  })

  it('tells when a request began by its own stamps, however late the shell heard of it', () => {
    // curl's stamps are from another clock, and pass midnight meanwhile. The second request began before the switch, and is heard of 40 ms after it.
    const said = [
      '99950000 @ 200 0 0.010000 0 99940000 23:59:59.990000',
      '100041000 @ 502 0 0.004000 0 100040500 00:00:00.045000',
      '100060000 @ 200 0 0.004000 0 100056000 00:00:00.106000',
    ]
    const { probes } = parseProbes(
      ['moments', '100000000 asked', '100002000 returned', 'said fresh', ...said, 'bodies fresh', '', 'over'],
      telling,
    )
    expect(probes.map(({ at }) => Math.round(at * 1_000) / 1_000)).toEqual([-60, -5, 56])
  })

  it('is an error when the script was cut, and nothing when the router was never told', () => {
    expect(() => parseProbes(PRINTED.slice(0, -1), telling)).toThrow('ended before')
    expect(parseProbes(['moments', 'over'], telling)).toEqual({ probes: [], returnedAt: 0 })
    expect(() => parseProbes(unpacked(['H4sIAAAA']), telling)).toThrow('ended before')
  })

  it('never throws at a body or a line that nobody expected', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (lines, body) => {
        const printed = ['moments', '1 asked', 'said fresh', ...lines, 'bodies fresh', base64(body), 'over']
        expect(parseProbes(printed, telling).returnedAt).toBe(0)
      }),
    )
  })
})

describe('the script', () => {
  const curl = (path: string) => ['-q', '--http1.1', `http://life.example${path}`]

  it('is valid bash, holds each path a round, and bounds what it sends', async () => {
    const { text, writes } = probeLoop(curl, probingOf({ paths: ['/health', '/other'], rate: 5 }, '/'), '/tmp/probes')
    expect(writes).toBe(false)
    expect(text).toContain(`start fresh 150 'url = "http://life.example/health"\nurl = "http://life.example/other"' -q`)
    expect(text).toContain(`start route 300 'url = "http://life.example/deployment_id"'`)
    expect(text).toContain('--rate 5/s')
    await promisify(execFile)('bash', ['-n', '-c', text])
  })

  it('asks the health path forty times a second unless it is told otherwise', () => {
    expect(probingOf({}, '/up')).toEqual({ paths: ['/up'], rate: 40, tolerate: 0 })
    expect(probingOf({ watch: 2_000, rate: 5 }, '/up')).toMatchObject({ rate: 5, watch: 2_000 })
  })

  it('runs nothing that a path holds', async () => {
    const path = `/$(touch pwned)\`touch pwned\`'"\\\nurl = "file:///etc/passwd`
    const { text } = probeLoop(curl, probingOf({ paths: [path] }, '/'), '/tmp/probes')
    const start = text.slice(text.indexOf('start fresh'), text.indexOf('start kept'))
    const { stdout } = await promisify(execFile)('bash', ['-c', `start() { printf '%s' "$3"; }\n${start}`])
    expect(stdout).toBe(
      `url = "http://life.example/$(touch pwned)\`touch pwned\`'\\"\\\\\\nurl = \\"file:///etc/passwd"`,
    )
  })
})
