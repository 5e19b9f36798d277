import { afterEach, describe, expect, it } from 'vitest'
import { assertHosts, chooseHosts, hostNames, hostsOfRun, leftOut, limitOf } from '../../../runner/hosts.ts'
import type { Scope } from '../../../runner/task.ts'

const ALL = ['deploy@web-1', 'deploy@web-2', 'lb-1']
const scope = (...hosts: readonly string[]): Scope => ({ name: 'app', hosts, open: () => expect.fail('contacted') })
const whole = scope(...ALL)
const divided: Scope = { ...whole, roles: { web: ALL.slice(0, 2), worker: ['lb-1'] } }

afterEach(() => chooseHosts({}))

describe('the hosts of a run', () => {
  it('are all, without a choice', () => {
    expect(hostsOfRun(whole)).toEqual(ALL)
  })

  it('are those of --host, in the order of the Taskfile, with or without their user', () => {
    chooseHosts({ host: 'lb-1,web-1' })
    expect(hostsOfRun(whole)).toEqual(['deploy@web-1', 'lb-1'])
  })

  it('are the others with --without', () => {
    chooseHosts({ without: 'deploy@web-2' })
    expect(hostsOfRun(whole)).toEqual(['deploy@web-1', 'lb-1'])
  })

  it('are those of a role, or all of them but one', () => {
    chooseHosts({ role: 'worker' })
    expect(hostsOfRun(divided)).toEqual(['lb-1'])
    chooseHosts({ role: 'worker,web', without: 'web-1' })
    expect(hostsOfRun(divided)).toEqual(['deploy@web-2', 'lb-1'])
    chooseHosts({ role: 'web', without: 'web-1,web-2' })
    expect(() => assertHosts([divided])).toThrow('--without leaves no host')
    chooseHosts({ role: 'werker' })
    expect(() => assertHosts([divided])).toThrow('--role names `werker`, which is no role')
    expect(() => assertHosts([whole])).toThrow('they have none')
    expect(() => chooseHosts({ role: 'web', host: 'web-1' })).toThrow('`--host web-1` and `--role web` both choose')
  })

  it('are left out for longer only with --without', () => {
    chooseHosts({ host: 'web-1' })
    expect(leftOut(whole)).toEqual([])
    chooseHosts({ without: 'web-2' })
    expect(leftOut(whole)).toEqual(['deploy@web-2'])
  })

  it('must be known, and not none', () => {
    chooseHosts({ host: 'web-9' })
    expect(() => assertHosts([whole])).toThrow('--host names `web-9`, which is no host of the Taskfile')
    chooseHosts({ without: 'web-1,web-2,lb-1' })
    expect(() => assertHosts([whole])).toThrow('--without leaves no host')
    expect(() => chooseHosts({ host: 'web-1', without: 'web-2' })).toThrow('both choose the hosts')
  })

  it('can be chosen where there are several', () => {
    expect(hostNames([scope('web-1')])).toEqual([])
    expect(hostNames([scope('web-1', 'web-2'), scope('web-2', 'web-3')])).toEqual(['web-1', 'web-2', 'web-3'])
  })
})

it('how many hosts work at once is a whole number, or one with --serial', () => {
  expect(limitOf({ limit: undefined, serial: false })).toBeUndefined()
  expect(limitOf({ limit: '4', serial: false })).toBe(4)
  expect(limitOf({ limit: undefined, serial: true })).toBe(1)
  for (const limit of ['0', '-1', '1.5', 'many'])
    expect(() => limitOf({ limit, serial: false })).toThrow('a whole number, at least 1')
  expect(() => limitOf({ limit: '4', serial: true })).toThrow('both say how many')
})
