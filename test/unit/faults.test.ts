import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { faultCatalogue } from '../../faults.ts'

const codes = Object.values(faultCatalogue).flatMap(faults => Object.keys(faults))

describe('the fault catalogue', () => {
  it('has unique codes, all of one format', () => {
    expect(codes.length).toBeGreaterThan(50)
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([])
    expect(codes.filter(code => !/^[A-Z]+(_[A-Z]+)*$/.test(code))).toEqual([])
  })

  it('includes the faults of every module, and only faults that are thrown somewhere', () => {
    const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
      encoding: 'utf8',
    })
      .split('\n')
      .filter(path => /^(runner|init|host|slots|tasks|plugins|rehearse|swarm)\//.test(path))
    const texts = files.flatMap(path => {
      try {
        return [readFileSync(path, 'utf8')]
      } catch {
        return []
      }
    })
    const definitions = texts.join('\n').match(/^export const \w+Faults = catalogue\(/gm)
    expect(definitions).toHaveLength(Object.keys(faultCatalogue).length)
    const source = texts.join('\n')
    expect(codes.filter(code => !new RegExp(`\\w\\.${code}\\b`).test(source))).toEqual([])
  })
})
