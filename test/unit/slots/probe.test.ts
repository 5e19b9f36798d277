import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseProbes, probeLoop, unpack } from '../../../slots/promote/probe.ts'
import { probingOf } from '../../../slots/promote/probe-setting.ts'

const parseOptions = {
  to: 'green',
  from: 'blue',
  version: '2.0.0',
  versionOf: (body: string) => /v([\d.]+)/.exec(body)?.[1],
}
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Requests of each kind around a switch at second 100 that took 2 ms. */
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

it('the output of the probes is unpacked to its lines', () => {
  const text = PRINTED.slice(0, -1).join('\n')
  expect(unpack([gzipSync(`${text}\n`).toString('base64'), 'over'])).toEqual(PRINTED)
})

describe('the output of the probes', () => {
  it('is parsed to requests with times on one clock, the answering slot and the problem', () => {
    const { probes, returnedAt } = parseProbes(PRINTED, parseOptions)
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

  it('names where each request went if the probes go to several places in turn, but not for a connection that died', () => {
    const { probes } = parseProbes(PRINTED, { ...parseOptions, places: ['n1', 'n2'] })
    const placesOf = (kind: string) => probes.filter(probe => probe.kind === kind).map(({ place }) => place)
    expect(placesOf('fresh')).toEqual(['n1', 'n2'])
    // That which was sent again is the third request.
    expect(placesOf('kept')).toEqual(['n1', 'n2', undefined, 'n1', 'n2'])
  })

  it('gives the start of a request by the timestamps of curl, however late the shell read them', () => {
    // The timestamps of curl are from another clock, which passes midnight. The second request began before the switch and was read 40 ms after it.
    const lines = [
      '99950000 @ 200 0 0.010000 0 99940000 23:59:59.990000',
      '100041000 @ 502 0 0.004000 0 100040500 00:00:00.045000',
      '100060000 @ 200 0 0.004000 0 100056000 00:00:00.106000',
    ]
    const { probes } = parseProbes(
      ['moments', '100000000 asked', '100002000 returned', 'said fresh', ...lines, 'bodies fresh', '', 'over'],
      parseOptions,
    )
    expect(probes.map(({ at }) => Math.round(at * 1_000) / 1_000)).toEqual([-60, -5, 56])
  })

  it('is rejected when it is incomplete, and is empty when the switch never ran', () => {
    expect(() => parseProbes(PRINTED.slice(0, -1), parseOptions)).toThrow('ended before')
    expect(parseProbes(['moments', 'over'], parseOptions)).toEqual({ probes: [], returnedAt: 0 })
    expect(() => parseProbes(unpack(['H4sIAAAA']), parseOptions)).toThrow('ended before')
  })

  it('is parsed without an exception whatever a line or a body contains', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (lines, body) => {
        const printed = ['moments', '1 asked', 'said fresh', ...lines, 'bodies fresh', base64(body), 'over']
        expect(parseProbes(printed, parseOptions).returnedAt).toBe(0)
      }),
    )
  })
})

describe('the probe script', () => {
  const curl = (path: string) => ['-q', '--http1.1', `http://life.example${path}`]

  it('is valid bash, requests every path in each round, and limits its requests', async () => {
    const { text, writes } = probeLoop(curl, probingOf({ paths: ['/health', '/other'], rate: 5 }, '/'), '/tmp/probes')
    expect(writes).toBe(false)
    expect(text).toContain(`start fresh 150 'url = "http://life.example/health"\nurl = "http://life.example/other"' -q`)
    expect(text).toContain(`start route 300 'url = "http://life.example/deployment_id"'`)
    expect(text).toContain('--rate 5/s')
    await promisify(execFile)('bash', ['-n', '-c', text])
  })

  it('requests the health path forty times a second by default', () => {
    expect(probingOf({}, '/up')).toEqual({ paths: ['/up'], sockets: [], rate: 40, tolerate: 0 })
    expect(probingOf({ watch: 2_000, rate: 5 }, '/up')).toMatchObject({ rate: 5, watch: 2_000 })
  })

  it('never executes a path', async () => {
    const path = `/$(touch pwned)\`touch pwned\`'"\\\nurl = "file:///etc/passwd`
    const { text } = probeLoop(curl, probingOf({ paths: [path] }, '/'), '/tmp/probes')
    const start = text.slice(text.indexOf('start fresh'), text.indexOf('start kept'))
    const { stdout } = await promisify(execFile)('bash', ['-c', `start() { printf '%s' "$3"; }\n${start}`])
    expect(stdout).toBe(
      `url = "http://life.example/$(touch pwned)\`touch pwned\`'\\"\\\\\\nurl = \\"file:///etc/passwd"`,
    )
  })
})
