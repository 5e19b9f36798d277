import { describe, expect, it } from 'vitest'
import { readOptions, USAGE } from '../../vagrant/options.ts'

describe('the options of a rehearsal', () => {
  it('select the Elixir release on a container by default', () => {
    expect(readOptions([])).toMatchObject({ keep: false, vagrant: false, example: { name: 'life' } })
  })

  it.each(['life', 'python', 'node', 'go', 'ruby', 'php', 'static', 'container'])(
    'select the example %s by its name',
    name => {
      expect(readOptions(['--keep', '--example', name])).toMatchObject({ keep: true, example: { name } })
      expect(USAGE).toContain(name)
    },
  )

  it('select a swarm, which has an example of its own', () => {
    expect(readOptions(['--swarm', '--keep'])).toMatchObject({ swarm: true, keep: true, example: { name: 'swarm' } })
    expect(() => readOptions(['--swarm', '--example', 'node'])).toThrow('--swarm')
    expect(() => readOptions(['--swarm', '--vagrant'])).toThrow('--swarm')
  })

  it('select several hosts, which have an example of their own', () => {
    expect(readOptions(['--fleet', '3'])).toMatchObject({ fleet: 3, swarm: false, example: { name: 'fleet' } })
    expect(readOptions([]).fleet).toBeUndefined()
    for (const number of ['1', '9', 'three']) expect(() => readOptions(['--fleet', number])).toThrow('from 2 to 8')
    expect(() => readOptions(['--fleet'])).toThrow(/--fleet/)
    for (const other of [['--swarm'], ['--vagrant'], ['--example', 'node']])
      expect(() => readOptions(['--fleet', '3', ...other])).toThrow('leave the other flags out')
  })

  it('refuse an unknown example, an example without a name, and an unknown flag', () => {
    expect(() => readOptions(['--example', 'cobol'])).toThrow("There is no example 'cobol'.")
    expect(() => readOptions(['--example'])).toThrow(/--example/)
    expect(() => readOptions(['--exemple', 'node'])).toThrow(/--exemple/)
  })
})
