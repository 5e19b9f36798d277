import { afterEach, describe, expect, it } from 'vitest'
import { assertHosts, chooseHosts, hostNames, hostsOfRun } from '../../../runner/hosts.ts'
import type { Scope } from '../../../runner/task.ts'

const ALL = ['deploy@web-1', 'deploy@web-2', 'lb-1']
const scope = (...hosts: readonly string[]): Scope => ({ name: 'app', hosts, open: () => expect.fail('contacted') })

afterEach(() => chooseHosts(undefined, undefined))

describe('the hosts of a run', () => {
  it('are all, without a choice', () => {
    expect(hostsOfRun(ALL)).toEqual(ALL)
  })

  it('are those of --host, in the order of the Taskfile, with or without their user', () => {
    chooseHosts('lb-1,web-1', undefined)
    expect(hostsOfRun(ALL)).toEqual(['deploy@web-1', 'lb-1'])
  })

  it('are the others with --without', () => {
    chooseHosts(undefined, 'deploy@web-2')
    expect(hostsOfRun(ALL)).toEqual(['deploy@web-1', 'lb-1'])
  })

  it('must be known, and not none', () => {
    chooseHosts('web-9', undefined)
    expect(() => assertHosts([scope(...ALL)])).toThrow('--host names `web-9`, which is no host of the Taskfile')
    chooseHosts(undefined, 'web-1,web-2,lb-1')
    expect(() => assertHosts([scope(...ALL)])).toThrow('--without leaves no host')
    expect(() => chooseHosts('web-1', 'web-2')).toThrow('both choose the hosts')
  })

  it('can be chosen where there are several', () => {
    expect(hostNames([scope('web-1')])).toEqual([])
    expect(hostNames([scope('web-1', 'web-2'), scope('web-2', 'web-3')])).toEqual(['web-1', 'web-2', 'web-3'])
  })
})
