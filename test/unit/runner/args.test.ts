import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'

describe('arguments', () => {
  it('parse a value of their kind', () => {
    expect(arg.text('A name').parse('x y')).toBe('x y')
    expect(arg.integer('A number').parse('-12')).toBe(-12)
    expect(arg.choice(['fast', 'safe'], 'How').parse('safe')).toBe('safe')
    expect(arg.from('slot', ['blue', 'green'], name => ({ name })).parse('green')).toEqual({ name: 'green' })
  })

  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
  ])('parse the duration %s as %d ms', (text, ms) => {
    expect(arg.duration('How long').parse(text)).toBe(ms)
  })

  it.each([
    ['', arg.text('A name')],
    ['1.5', arg.integer('A number')],
    ['1e3', arg.integer('A number')],
    ['99999999999999999999', arg.integer('A number')],
    ['', arg.integer('A number')],
    ['30', arg.duration('How long')],
    ['-3s', arg.duration('How long')],
    ['3 s', arg.duration('How long')],
    ['Fast', arg.choice(['fast', 'safe'], 'How')],
    ['toString', arg.from('slot', ['blue'], () => ({}))],
  ])('reject the value %j (case %$)', (raw, argument) => {
    expect(() => argument.parse(raw)).toThrow(/^it must /)
  })

  it('list the choices when a value is rejected', () => {
    expect(() => arg.choice(['a', 'b', 'c'], 'Which').parse('d')).toThrow('it must be a, b, or c')
  })

  it('are undefined when they are optional and missing', () => {
    const optional = arg.integer('A number').optional()
    expect(optional.required).toBe(false)
    expect(optional.parse(undefined)).toBeUndefined()
    expect(optional.parse('4')).toBe(4)
  })

  it('return the same object from every call of optional(), so that tasks can share it', () => {
    const number = arg.integer('A number')
    expect(number.optional()).toBe(number.optional())
    expect(number.optional().optional()).toBe(number.optional())
  })

  it('are false when they are flags and missing', () => {
    const flag = arg.flag('Do more')
    expect(flag).toMatchObject({ kind: 'flag', required: false })
    expect(flag.parse(undefined)).toBe(false)
    expect(flag.parse(true)).toBe(true)
  })
})
