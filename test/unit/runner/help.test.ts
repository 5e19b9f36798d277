import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { commandText, examplesOf, listText } from '../../../runner/cli/help.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import { type Arg, definer } from '../../../runner/task.ts'

const { task, flow } = definer()
const nothing = () => undefined
const slot = arg.choice(['blue', 'green'], 'Which slot')

describe('the task list', () => {
  it('aligns the titles', () => {
    const commands = new Map([
      ['up', task('Go up', { run: nothing })],
      ['detect-live', task('Ask', { run: nothing })],
    ])
    expect(listText(commands, 'ops/Taskfile.ts').split('\n').slice(2, 4)).toEqual([
      '  up           Go up',
      '  detect-live  Ask',
    ])
    expect(listText(commands, 'ops/Taskfile.ts')).toContain('The tasks are in ops/Taskfile.ts.')
  })

  it('ends with `explain` and `completion`, which are in no Taskfile', () => {
    const [explain, completion] = listText(new Map(), 'Taskfile.ts').split('\n').slice(-2)
    expect(explain).toMatch(/^npx task explain <code> /)
    expect(completion).toMatch(/^npx task completion <shell> /)
  })
})

describe('the help of a command', () => {
  it('omits empty sections', () => {
    const text = commandText(planOf('up', task('Go up', { run: nothing })))
    expect(text).toMatch(/^npx task up\n\nGo up\n\nSteps:\n {2}1\. Go up\n\nFlags:\n/)
    expect(text).not.toContain('Arguments:')
  })

  it('shows an argument that may be left out in brackets, among the arguments', () => {
    const release = { ...arg.text('Which release').optional(), positional: true }
    const text = commandText(planOf('back', task('Go back', { args: { release }, run: nothing })))
    expect(text).toMatch(/^npx task back \[release\]\n/)
    expect(text).toContain('Arguments:\n  [release], --release  Which release\n')
  })

  it('numbers the steps of a flow and shows the flags of all of them', () => {
    const many = Array.from({ length: 10 }, (_, i) =>
      task(`Step ${i}`, { args: { fast: slot.optional() }, run: nothing }),
    )
    const text = commandText(planOf('all', flow('All', many)))
    expect(text).toContain('   1. Step 0\n')
    expect(text).toContain('  10. Step 9\n')
    expect(text).toContain('  --fast <choice>    Which slot (blue or green)\n')
  })
})

describe('the help of a command with short flags and words after --', () => {
  const plan = planOf(
    'exec',
    task('Run it', {
      args: {
        slot: slot.optional(),
        lines: arg.integer('How many', { short: 'n' }).optional(),
        follow: arg.flag('Go on', { short: 'f' }),
        command: arg.rest('The command and its arguments', 'command'),
      },
      run: nothing,
    }),
  )

  it('shows both', () => {
    const text = commandText(plan)
    expect(text).toMatch(/^npx task exec \[flags\] -- <command>\.\.\.\n/)
    expect(text).toMatch(/\nArguments:\n {2}-- <command>\.\.\. {2}The command and its arguments\n/)
    expect(text).toMatch(/\n {2}-n, --lines <number> +How many\n {2}-f, --follow +Go on\n/)
    expect(text).not.toContain('--command')
  })

  it('has examples with such words', () => {
    expect(examplesOf(plan)).toEqual(['exec -- example', 'exec --slot blue -- example'])
  })
})

describe('the examples in a help text', () => {
  const examples = (args: Record<string, Arg>, own: readonly string[] = []) =>
    examplesOf(planOf('it', task('It', { args, examples: own, run: nothing })))

  it('are those that the task declares', () => {
    expect(examples({ slot }, ['it green', 'it --slot blue', 'it blue --verbose'])).toEqual([
      'it green',
      'it --slot blue',
      'it blue --verbose',
    ])
  })

  it('are completed from the arguments when the task declares fewer than two', () => {
    expect(examples({})).toEqual(['it', 'it --dry-run'])
    expect(examples({ slot, count: arg.integer('N') })).toEqual(['it blue 3', 'it blue 3 --dry-run'])
    expect(examples({ wait: arg.duration('W').optional() }, ['it --wait 5m'])).toEqual(['it --wait 5m', 'it'])
    expect(examples({ force: arg.flag('F') })).toEqual(['it', 'it --force'])
  })

  it('include only command lines that parse', () => {
    expect(examples({ slot }, ['it red', 'other green', 'it'])).toEqual(['it blue', 'it blue --dry-run'])
    const picky: Arg = {
      ...arg.text('P'),
      parse: () => {
        throw new Error('it is never right')
      },
    }
    expect(examples({ picky })).toEqual([])
  })

  it('may contain quoted arguments', () => {
    expect(examples({ text: arg.text('T') }, [`it 'a b'`, 'it "c d"'])).toEqual([`it 'a b'`, 'it "c d"'])
  })
})
