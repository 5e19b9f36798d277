import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { port, validateName } from '../../../slots/names.ts'

describe('validateName', () => {
  it.each([
    ['app', 'life'],
    ['slot', 'blue'],
    ['version', '0.1.1+build.5'],
    ['root', '/srv/life'],
  ] as const)('accepts %s %s', (kind, value) => {
    expect(validateName(kind, value)).toBe(value)
  })

  it.each([
    ['app', 'Life'],
    ['app', 'a;b'],
    ['slot', 'blue.d'],
    ['slot', ''],
    ['version', '../1'],
    ['version', '-rf'],
    ['root', '/srv'],
    ['root', '/srv/../etc'],
    ['root', 'srv/life'],
  ] as const)('rejects %s %j and states the rule', (kind, value) => {
    expect(() => validateName(kind, value)).toThrowError(
      expect.objectContaining({ code: 'NAME_INVALID', exitCode: 2, hint: expect.stringMatching(/^Use /) }),
    )
  })

  it('accepts nothing with a special meaning in a shell or a path', () => {
    fc.assert(
      fc.property(fc.constantFrom('app', 'slot', 'version', 'root'), fc.string({ unit: 'binary' }), (kind, value) => {
        let accepted: string
        try {
          accepted = validateName(kind, value)
        } catch {
          return
        }
        expect(accepted).toMatch(/^[\w/.+-]+$/)
        expect(accepted).not.toMatch(/^-|\/-/)
        expect(accepted.split('/')).not.toContain('..')
      }),
      { numRuns: 1_000 },
    )
  })
})

it.each([80, 65_536, 4000.5, Number.NaN])('port() rejects %d', value => {
  expect(() => port('blue', value)).toThrowError(expect.objectContaining({ code: 'NAME_INVALID' }))
})
