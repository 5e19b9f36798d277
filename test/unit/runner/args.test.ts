import { describe, expect, it, onTestFinished, vi } from 'vitest'
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
    ['-1', arg.integer('A number', { least: 0 })],
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

  describe('for a time', () => {
    const parse = (raw: string) => arg.time('When').parse(raw).getTime()
    const frozen = () => {
      vi.useFakeTimers({ now: new Date('2026-11-26T12:00:00.500Z') })
      onTestFinished(() => void vi.useRealTimers())
    }

    it.each([
      ['10m', 600_000],
      ['1.5h', 5_400_000],
      ['2d', 172_800_000],
      ['500ms', 500],
    ])('take %s as that long ago', (raw, ago) => {
      frozen()
      expect(Date.now() - parse(raw)).toBe(ago)
    })

    it('take a date and a time as those of this machine, and a date as its beginning', () => {
      frozen()
      expect(parse('2026-11-25 10:00')).toBe(new Date(2026, 10, 25, 10, 0).getTime())
      expect(parse('2026-11-25T10:00:59.5')).toBe(new Date(2026, 10, 25, 10, 0, 59, 500).getTime())
      expect(parse('2026-11-25')).toBe(new Date(2026, 10, 25).getTime())
    })

    it.each(['2026-11-25T10:00:00Z', '2026-11-25 12:00+02:00', '2026-11-25 05:00 -0500'])(
      'keep the zone of %s',
      raw => {
        frozen()
        expect(parse(raw)).toBe(Date.UTC(2026, 10, 25, 10, 0))
      },
    )

    it.each(['5', '10', 'yesterday', '10 m', '-5m', '2026-13-01', '2026-02-31', '2026-11-25 25:00', '26-11-25', ''])(
      'reject %j',
      raw => {
        frozen()
        expect(() => parse(raw)).toThrow("it must be a time such as 10m, 2h, 3d or '2026-11-26 10:00'")
      },
    )

    it('reject a time that has not come yet', () => {
      frozen()
      expect(() => parse('2026-11-27')).toThrow('it must not be in the future')
    })
  })

  it('have the same short flag whether they are optional or not', () => {
    const number = arg.integer('N', { short: 'n' })
    expect([number.short, number.optional().short, arg.flag('F', { short: 'f' }).short]).toEqual(['n', 'n', 'f'])
    expect(arg.text('T')).not.toHaveProperty('short')
    for (const short of ['', 'nn', '-', '1']) expect(() => arg.flag('F', { short })).toThrow(TypeError)
  })

  it('for what follows -- have the words as they are', () => {
    const rest = arg.rest('A command')
    expect(rest.parse(['ls', '-l', ''])).toEqual(['ls', '-l', ''])
    expect(rest.optional().parse(undefined)).toBeUndefined()
    expect(rest.optional()).toBe(rest.optional())
    expect([rest.kind, rest.required, rest.optional().required]).toEqual(['rest', true, false])
  })

  it('are false when they are flags and missing', () => {
    const flag = arg.flag('Do more')
    expect(flag).toMatchObject({ kind: 'flag', required: false })
    expect(flag.parse(undefined)).toBe(false)
    expect(flag.parse(true)).toBe(true)
  })
})
