import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'

describe('arguments', () => {
  it('take their kind of value', () => {
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
  ])('a duration of %s is %d ms', (text, ms) => {
    expect(arg.duration('How long').parse(text)).toBe(ms)
  })

  it.each([
    [arg.text('A name'), ''],
    [arg.integer('A number'), '1.5'],
    [arg.integer('A number'), '1e3'],
    [arg.integer('A number'), '99999999999999999999'],
    [arg.integer('A number'), ''],
    [arg.duration('How long'), '30'],
    [arg.duration('How long'), '-3s'],
    [arg.duration('How long'), '3 s'],
    [arg.choice(['fast', 'safe'], 'How'), 'Fast'],
    [arg.from('slot', ['blue'], () => ({})), 'toString'],
  ])('%# refuse what is not one', (argument, raw) => {
    expect(() => argument.parse(raw)).toThrow(/^it is /)
  })

  it('say which choices there are', () => {
    expect(() => arg.choice(['a', 'b', 'c'], 'Which').parse('d')).toThrow('it is a, b, or c')
  })

  it('are undefined when they are optional and were not given', () => {
    const optional = arg.integer('A number').optional()
    expect(optional.required).toBe(false)
    expect(optional.parse(undefined)).toBeUndefined()
    expect(optional.parse('4')).toBe(4)
  })

  it('have one optional form, so that tasks can share it', () => {
    const number = arg.integer('A number')
    expect(number.optional()).toBe(number.optional())
    expect(number.optional().optional()).toBe(number.optional())
  })

  it('are false as flags that were not given', () => {
    const flag = arg.flag('Do more')
    expect(flag).toMatchObject({ kind: 'flag', required: false })
    expect(flag.parse(undefined)).toBe(false)
    expect(flag.parse(true)).toBe(true)
  })
})
