import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { program } from '../../../host/program.ts'
import { sh } from '../../../host/script.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-program-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function fileOf(text: string): URL {
  const path = join(folder, `${++files}.sh`)
  writeFileSync(path, text)
  return pathToFileURL(path)
}
const bash = (text: string) => execFileSync('bash', ['-eu', '-o', 'pipefail', '-c', text], { encoding: 'utf8' })

describe('program()', () => {
  it('removes comments, blank lines and indentation', () => {
    const file = fileOf(`#!/bin/bash -eu
# What it does.

if true; then
  # Why.
\techo 'a # b' # c
fi

`)
    expect(program(file).text).toBe("if true; then\necho 'a # b' # c\nfi")
  })

  it('passes any value unchanged, however often it is used', () => {
    const file = fileOf(
      `printf '<%s>' "$named_once" "$named_often" "\${named_often}" "\${a_list[@]}" "\${#other_list[@]}" "\${other_list[@]}"`,
    )
    const nasty = fc.string({ unit: 'binary' }).filter(text => !/[\0\ud800-\udfff]/.test(text))
    fc.assert(
      fc.property(nasty, nasty, fc.array(nasty), (namedOnce, namedOften, list) => {
        const { text } = program(file, { parameters: { namedOnce, namedOften, aList: list, otherList: list } })
        const args = [namedOnce, namedOften, namedOften, ...list, String(list.length), ...list]
        expect(bash(text)).toBe(args.map(word => `<${word}>`).join(''))
      }),
      { numRuns: 30 },
    )
  })

  it('calls a script parameter by its name', () => {
    const file = fileOf('first_step\nif second_step > /dev/null; then echo "$(second_step)"; fi')
    const parameters = { firstStep: sh.read`echo one`, secondStep: sh.read`echo two; true` }
    expect(program(file, { parameters }).text).toBe(
      'second_step() {\necho two; true\n}\necho one\nif second_step > /dev/null; then echo "$(second_step)"; fi',
    )
    expect(bash(program(file, { parameters }).text)).toBe('one\ntwo\n')
  })

  it('does nothing for an empty script parameter', () => {
    const file = fileOf('if true; then\nstep\nfi\nother || echo bad')
    expect(bash(program(file, { parameters: { step: sh.read``, other: sh.read`` } }).text)).toBe('')
  })

  it('inlines the exit codes that the file uses, and no others', () => {
    const file = fileOf('exit "$disk_full"')
    expect(program(file, { parameters: { diskFull: 51, cutOff: 52 } }).text).toBe('exit 51')
  })

  it('sets a parameter that the file does not use, for the scripts after it', () => {
    expect(program(fileOf('true'), { parameters: { later: 'x' } }).text).toBe('later=x\ntrue')
  })

  it('counts as writing if declared so, or if a script parameter writes', () => {
    const file = fileOf('step')
    expect(program(file).writes).toBe(false)
    expect(program(file, { writes: true }).writes).toBe(true)
    expect(program(file, { parameters: { step: sh.write`rm x` } }).writes).toBe(true)
    expect(program(file, { parameters: { step: sh.read`cat x` } }).writes).toBe(false)
  })

  it('reads its file only when the text is first used', () => {
    const script = program(new URL('./no-such-file.sh', import.meta.url))
    expect(script.writes).toBe(false)
    expect(() => script.text).toThrow('ENOENT')
  })
})
