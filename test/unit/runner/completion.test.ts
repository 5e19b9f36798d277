import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { candidateLines, candidates } from '../../../runner/cli/completion.ts'
import { type AnyTask, definer } from '../../../runner/task.ts'

const { task, flow } = definer()
const run = () => undefined
const slot = arg.choice(['blue', 'green'], 'Which slot')
const detect = task('Ask', { args: { lockWait: arg.duration('How long').optional() }, run })
const promote = task('Send the traffic', {
  needs: [detect],
  args: { slot, how: arg.choice(['fast', 'safe'], 'How'), report: arg.text('A page').optional() },
  run,
})
const commands = new Map<string, AnyTask>([
  ['deploy', flow('Deploy', [detect, task('Start', { args: { force: arg.flag('Even so') }, run })])],
  ['promote', promote],
  ['migrate', task('Migrate', { args: { slot: slot.optional() }, run })],
  ['name', task('Name it', { args: { name: arg.text('A name') }, run })],
])
const general = ['--help', '--version', '--taskfile', '--json', '--verbose', '--dry-run', '--timings']
const offered = (...words: string[]) => candidates(words, commands).map(({ word }) => word)

describe('what Tab offers', () => {
  it('is the tasks with their titles where the task stands, also behind a general flag', () => {
    const tasks = ['deploy', 'promote', 'migrate', 'name']
    for (const words of [[], [''], ['pro'], ['--json', ''], ['--taskfile', 'x', ''], ['--taskfile=x', '']])
      expect(offered(...words)).toEqual(tasks)
    expect(candidates([''], commands)[1]).toEqual({ word: 'promote', description: 'Send the traffic' })
  })

  it('is the general flags before a task, without those that are there', () => {
    expect(offered('--')).toEqual(general)
    expect(offered('--json', '-')).toEqual(general.filter(flag => flag !== '--json'))
  })

  it('is the flags of a task, of its needs and of its flow before the general ones', () => {
    expect(offered('promote', '--')).toEqual(['--slot', '--how', '--report', '--lock-wait', ...general])
    expect(offered('deploy', '-')).toEqual(['--lock-wait', '--force', ...general])
    expect(candidates(['deploy', '--'], commands)[1]).toEqual({ word: '--force', description: 'Even so' })
  })

  it('is the names that an argument takes, in its place, behind its flag and behind its equals sign', () => {
    expect(offered('promote', '')).toEqual(['blue', 'green'])
    expect(offered('promote', '--slot', '')).toEqual(['blue', 'green'])
    expect(offered('migrate', '--slot', 'gr')).toEqual(['blue', 'green'])
    expect(offered('migrate', '--slot=')).toEqual(['--slot=blue', '--slot=green'])
    expect(offered('promote', 'green', '--how=f')).toEqual(['--how=fast', '--how=safe'])
  })

  it('is the next argument that was not given, however the others were', () => {
    expect(offered('promote', 'green', '')).toEqual(['fast', 'safe'])
    expect(offered('promote', '--slot', 'green', '')).toEqual(['fast', 'safe'])
    expect(offered('promote', '--how', 'safe', '')).toEqual(['blue', 'green'])
    expect(offered('--json', 'promote', '--', 'green', '')).toEqual(['fast', 'safe'])
  })

  it('is the flags that are left where nothing else is wanted', () => {
    expect(offered('migrate', '')).toEqual(['--slot', ...general])
    expect(offered('promote', 'green', 'safe', '--lock-wait', '5m', '')).toEqual(['--report', ...general])
    expect(offered('promote', 'green', '--', 'safe', '--')).toEqual([])
  })

  it('is nothing where any text may stand, and behind a task that does not exist', () => {
    for (const words of [
      ['name', ''],
      ['--taskfile', ''],
      ['promote', '--report', ''],
      ['promote', '--report='],
      ['promote', '--constructor='],
      ['nonsense', ''],
      ['nonsense', '--'],
    ])
      expect(offered(...words)).toEqual([])
  })

  it('leaves out what a line cannot hold', () => {
    const odd = task('Odd', { args: { odd: arg.choice(['', 'a\nb', 'c\td', 'e f'], 'Odd') }, run })
    expect(candidates(['odd', ''], new Map<string, AnyTask>([['odd', odd]]))).toEqual([
      { word: 'e f', description: 'Odd' },
    ])
  })
})

describe('the lines of an answer', () => {
  it('have a tab between the word and what it is about, and no other, nor codes of a terminal', () => {
    expect(
      candidateLines([
        { word: 'a b', description: 'one\n\ttwo\u001b[31m ' },
        { word: 'c', description: '' },
      ]),
    ).toBe('a b\tone two [31m\nc\t\n')
  })
})
