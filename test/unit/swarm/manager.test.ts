/** Which manager a run talks to. */
import { describe, expect, it } from 'vitest'
import { hostFaults } from '../../../host/faults.ts'
import type { HostSetting, Transport } from '../../../host/host.ts'
import { swarmFaults } from '../../../swarm/faults.ts'
import { askActiveManager, askManager, openManager } from '../../../swarm/manager.ts'

const setting: HostSetting = { signal: new AbortController().signal, confirm: async () => false }

/** Machines that answer, or not, and what was done with them. */
function machines(...answers: readonly (boolean | 'leaderless' | 'drain')[]) {
  const did: string[] = []
  const transports = answers.map((answers, i): Transport => {
    const name = `m${i + 1}`
    const host = {
      name,
      async query() {
        did.push(`asked ${name}`)
        if (answers === 'leaderless') throw swarmFaults.SWARM_WITHOUT_QUORUM({ host: name, why: 'no leader' })
        if (answers === 'drain') throw swarmFaults.MANAGER_TAKEN_OUT({ node: name, availability: 'drain' })
        if (!answers) throw hostFaults.HOST_UNREACHABLE({ target: name, address: name, reason: 'no route to host' })
      },
      async [Symbol.asyncDispose]() {
        did.push(`closed ${name}`)
      },
    }
    return { name, open: async () => host as never }
  })
  return { did, transports }
}

describe('of several managers', () => {
  it('the first that answers is taken, and the others are told', async () => {
    const { did, transports } = machines(false, true, true)
    const { host, passed } = await openManager(transports, setting)
    expect(host.name).toBe('m2')
    expect(passed.map(({ message }) => message)).toEqual([expect.stringContaining('m1')])
    expect(did).toEqual(['asked m1', 'closed m1', 'asked m2'])
  })

  it('the next one is taken by the undo of a run that was aborted, too, but by no run that is', async () => {
    const aborted = AbortSignal.abort(new Error('interrupted'))
    const { host } = await openManager(machines(false, true).transports, { ...setting, signal: aborted })
    expect(host.name).toBe('m2')
    const interrupting = new AbortController()
    const [first, second] = machines(false, true).transports
    const during = {
      ...first,
      open: async () => {
        interrupting.abort(new Error('interrupted'))
        return first?.open(setting)
      },
    }
    const both = [during as Transport, second as Transport]
    await expect(openManager(both, { ...setting, signal: interrupting.signal })).rejects.toThrow('interrupted')
  })

  it('one that has lost the others is passed over, and is the error if none is better', async () => {
    expect((await openManager(machines('leaderless', true).transports, setting)).host.name).toBe('m2')
    await expect(openManager(machines(false, 'leaderless', false).transports, setting)).rejects.toMatchObject({
      code: 'SWARM_WITHOUT_QUORUM',
      message: expect.stringContaining('m2'),
    })
  })

  it.each([
    ['is none', { ControlAvailable: false }, 'NOT_A_MANAGER'],
    ['has no leader', { ControlAvailable: true, Error: 'rpc error: code = DeadlineExceeded' }, 'SWARM_WITHOUT_QUORUM'],
  ])('one that %s is told by what its engine says', (_, Swarm, code) => {
    const said = { code: 0, stdout: `${JSON.stringify({ Swarm })}\n200\n`, stderr: '' }
    expect(() => askManager().read(said, { name: 'm1' } as never)).toThrow(expect.objectContaining({ code }))
  })

  it('one that was taken out is passed over, and taken if none is better', async () => {
    const better = machines('drain', true)
    const { host, passed } = await openManager(better.transports, setting)
    expect(host.name).toBe('m2')
    expect(passed.map(({ code }) => code)).toEqual(['MANAGER_TAKEN_OUT'])
    expect(better.did).toEqual(['asked m1', 'asked m2', 'closed m1'])
    const worse = machines(false, 'drain', 'drain', 'leaderless')
    const opened = await openManager(worse.transports, setting)
    expect(opened.host.name).toBe('m2')
    expect(opened.passed.map(({ code }) => code)).toEqual(['HOST_UNREACHABLE', 'SWARM_WITHOUT_QUORUM'])
    expect(worse.did.filter(what => what.startsWith('closed'))).toEqual(['closed m1', 'closed m3', 'closed m4'])
  })

  it('one tells whether it was taken out in the same script', () => {
    const { script, read } = askActiveManager()
    const said = (Availability: string) => {
      const nodes = [{ ID: 'id1', Description: { Hostname: 'n1' }, Spec: { Availability } }]
      const info = { Swarm: { NodeID: 'id1', ControlAvailable: true, Error: '' } }
      return { code: 0, stdout: `${JSON.stringify(info)}\n200\n${JSON.stringify(nodes)}\n200\n`, stderr: '' }
    }
    expect(script.writes).toBe(false)
    expect(read(said('active'), { name: 'm1' } as never)).toBeUndefined()
    expect(() => read(said('drain'), { name: 'm1' } as never)).toThrow(
      expect.objectContaining({ code: 'MANAGER_TAKEN_OUT', message: expect.stringContaining('n1') }),
    )
  })

  it('none that answers is one error with the reason of each', async () => {
    await expect(openManager(machines(false, false).transports, setting)).rejects.toMatchObject({
      code: 'MANAGERS_UNREACHABLE',
      exitCode: 3,
      detail: expect.stringMatching(/m1.*\n.*m2/),
    })
  })

  it('a single one is not asked before its first command', async () => {
    const { did, transports } = machines(false)
    expect((await openManager(transports, setting)).host.name).toBe('m1')
    expect(did).toEqual([])
  })
})
