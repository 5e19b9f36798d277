import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { candidateLines, candidates } from '../../../runner/cli/completion.ts'
import { type AnyTask, type Arg, definer } from '../../../runner/task.ts'

const { task, flow } = definer()
const run = () => undefined
const slot = arg.choice(['blue', 'green'], 'Which slot')
const detect = task('Ask', { args: { lockWait: arg.duration('How long').optional() }, run })
const promote = task('Send the traffic', {
  needs: [detect],
  args: { slot, how: arg.choice(['fast', 'safe'], 'How'), report: arg.text('A page').optional() },
  run,
})
const shortSlot: Arg = { ...slot.optional(), short: 's' }
const commands = new Map<string, AnyTask>([
  ['deploy', flow('Deploy', [detect, task('Start', { args: { force: arg.flag('Even so') }, run })])],
  ['promote', promote],
  ['migrate', task('Migrate', { args: { slot: slot.optional() }, run })],
  ['rollback', task('Back', { args: { release: { ...arg.text('R').optional(), positional: true } }, run })],
  ['turn', task('Turn', { args: { state: { ...arg.choice(['on', 'off'], 'S').optional(), positional: true } }, run })],
  ['name', task('Name it', { args: { name: arg.text('A name') }, run })],
  ['exec', task('Run it', { args: { slot: slot.optional(), command: arg.rest('What') }, run })],
  ['logs', task('Show it', { args: { slot: shortSlot }, run })],
])
const globals = ['--help', '--version', '--taskfile', '--json', '--verbose', '--dry-run', '--timings']
const offeredFor = (...words: string[]) => candidates(words, commands).map(({ word }) => word)

describe('Tab completion', () => {
  it('offers the tasks with their titles in place of the task, even after a global flag', () => {
    const tasks = ['deploy', 'promote', 'migrate', 'rollback', 'turn', 'name', 'exec', 'logs']
    for (const words of [[], [''], ['pro'], ['--json', ''], ['--taskfile', 'x', ''], ['--taskfile=x', '']])
      expect(offeredFor(...words)).toEqual(tasks)
    expect(candidates([''], commands)[1]).toEqual({ word: 'promote', description: 'Send the traffic' })
  })

  it('offers the global flags before a task, except those already given', () => {
    expect(offeredFor('--')).toEqual(globals)
    expect(offeredFor('--json', '-')).toEqual(globals.filter(flag => flag !== '--json'))
  })

  it('offers the flags of a task, its needs and its flow before the global ones', () => {
    expect(offeredFor('promote', '--')).toEqual(['--slot', '--how', '--report', '--lock-wait', ...globals])
    expect(offeredFor('deploy', '-')).toEqual(['--lock-wait', '--force', ...globals])
    expect(candidates(['deploy', '--'], commands)[1]).toEqual({ word: '--force', description: 'Even so' })
  })

  it('offers the values of an argument in its place, after its flag and after an equals sign', () => {
    expect(offeredFor('promote', '')).toEqual(['blue', 'green'])
    expect(offeredFor('promote', '--slot', '')).toEqual(['blue', 'green'])
    expect(offeredFor('migrate', '--slot', 'gr')).toEqual(['blue', 'green'])
    expect(offeredFor('migrate', '--slot=')).toEqual(['--slot=blue', '--slot=green'])
    expect(offeredFor('promote', 'green', '--how=f')).toEqual(['--how=fast', '--how=safe'])
  })

  it('offers the next missing argument, whether the others were given by place or by flag', () => {
    expect(offeredFor('promote', 'green', '')).toEqual(['fast', 'safe'])
    expect(offeredFor('promote', '--slot', 'green', '')).toEqual(['fast', 'safe'])
    expect(offeredFor('promote', '--how', 'safe', '')).toEqual(['blue', 'green'])
    expect(offeredFor('--json', 'promote', '--', 'green', '')).toEqual(['fast', 'safe'])
  })

  it('offers the remaining flags when all arguments are given', () => {
    expect(offeredFor('migrate', '')).toEqual(['--slot', ...globals])
    expect(offeredFor('promote', 'green', 'safe', '--lock-wait', '5m', '')).toEqual(['--report', ...globals])
    expect(offeredFor('promote', 'green', '--', 'safe', '--')).toEqual([])
  })

  it('offers the flags in place of an optional argument with any text, and not its own flag after it', () => {
    expect(offeredFor('rollback', '')).toEqual(['--release', ...globals])
    expect(offeredFor('rollback', '0.1.1', '')).toEqual(globals)
  })

  it('offers the choices of an optional argument in its place, beside the flags', () => {
    expect(offeredFor('turn', '')).toEqual(['on', 'off', '--state', ...globals])
    expect(offeredFor('turn', 'on', '')).toEqual(globals)
  })

  it('offers nothing for the words after -- of a task that takes them, and not these as a flag', () => {
    expect(offeredFor('exec', '')).toEqual(['--slot', ...globals])
    expect(offeredFor('exec', '--')).toEqual(['--slot', ...globals])
    for (const words of [[''], ['--'], ['ls', ''], ['ls', '--slot', '']])
      expect(offeredFor('exec', '--', ...words)).toEqual([])
  })

  it('offers the values after a short flag', () => {
    expect(offeredFor('logs', '-s', '')).toEqual(['blue', 'green'])
    expect(offeredFor('logs', '-s', 'blue', '--')).toEqual(globals)
  })

  it('offers nothing for free text or after an unknown task', () => {
    for (const words of [
      ['name', ''],
      ['--taskfile', ''],
      ['promote', '--report', ''],
      ['promote', '--report='],
      ['promote', '--constructor='],
      ['nonsense', ''],
      ['nonsense', '--'],
    ])
      expect(offeredFor(...words)).toEqual([])
  })

  it('leaves out values that do not fit on one line', () => {
    const odd = task('Odd', { args: { odd: arg.choice(['', 'a\nb', 'c\td', 'e f'], 'Odd') }, run })
    expect(candidates(['odd', ''], new Map<string, AnyTask>([['odd', odd]]))).toEqual([
      { word: 'e f', description: 'Odd' },
    ])
  })
})

describe('the completion output', () => {
  it('separates word and description by one tab, and contains no other tabs or terminal codes', () => {
    expect(
      candidateLines([
        { word: 'a b', description: 'one\n\ttwo\u001b[31m ' },
        { word: 'c', description: '' },
      ]),
    ).toBe('a b\tone two [31m\nc\t\n')
  })
})
