import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { commandLine, globalsOf, onlyGlobals, usage } from '../../../runner/cli/flags.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import { definer } from '../../../runner/task.ts'

const { task } = definer()
const slot = arg.choice(['blue', 'green'], 'Which slot')
const promote = planOf(
  'promote',
  task('Promote', {
    args: { slot, keepFor: arg.duration('How long').optional(), force: arg.flag('Do it anyway') },
    run: () => undefined,
  }),
)
const copy = planOf(
  'copy',
  task('Copy', {
    args: { from: arg.text('From'), to: arg.text('To'), level: arg.integer('L').optional() },
    run: () => undefined,
  }),
)
const rollback = planOf(
  'rollback',
  task('Roll back', {
    args: { release: { ...arg.text('Which release').optional(), positional: true }, from: arg.text('From') },
    run: () => undefined,
  }),
)
const parse = (line: string, plan = promote) => commandLine(line.split(' '), plan)
const fault = (code: string, message: string, hint: string) =>
  expect.objectContaining({
    code,
    exitCode: 2,
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  })

describe('a command line', () => {
  it.each([
    'promote green',
    'promote --slot green',
    'promote --slot=green',
    '--verbose promote green',
    'promote -- green',
  ])('passes a required argument by place or by flag: %s', line => {
    expect(parse(line)).toEqual({ slot: 'green', keepFor: undefined, force: false })
  })

  it('passes optional arguments by flag, in kebab-case', () => {
    expect(parse('promote green --keep-for 5m --force')).toEqual({ slot: 'green', keepFor: 300_000, force: true })
  })

  it('fills required arguments in order of declaration', () => {
    expect(parse('copy a b', copy)).toMatchObject({ from: 'a', to: 'b' })
    expect(parse('copy --from a b', copy)).toMatchObject({ from: 'a', to: 'b' })
    expect(parse('copy a --to b', copy)).toMatchObject({ from: 'a', to: 'b' })
  })

  it('fills an optional argument that has a place after the required ones', () => {
    expect(parse('rollback a', rollback)).toEqual({ from: 'a', release: undefined })
    expect(parse('rollback a 0.1.1', rollback)).toEqual({ from: 'a', release: '0.1.1' })
    expect(parse('rollback a --release 0.1.1', rollback)).toEqual({ from: 'a', release: '0.1.1' })
    expect(parse('rollback --from a 0.1.1', rollback)).toEqual({ from: 'a', release: '0.1.1' })
    expect(() => parse('rollback a 1 2', rollback)).toThrow(fault('ARGUMENT_TWICE', '<from>', 'once'))
  })

  it('takes a negative number as a value, not as a flag', () => {
    expect(parse('copy a b --level -3', copy)).toMatchObject({ level: -3 })
  })

  it.each([
    ['promote', fault('ARGUMENT_MISSING', '<slot>: blue or green', 'npx task promote <slot>')],
    ['promote gren', fault('ARGUMENT_INVALID', 'it must be blue or green', 'Did you mean `green`?')],
    ['promote green blue', fault('ARGUMENT_TWICE', '`green` and `blue`', 'once')],
    ['promote green --slot blue', fault('ARGUMENT_TWICE', '<slot>', 'once')],
    ['promote green --forse', fault('UNKNOWN_FLAG', '--forse', 'Did you mean --force?')],
    ['promote green --verbos', fault('UNKNOWN_FLAG', '--verbos', 'Did you mean --verbose?')],
    ['promote green -x', fault('UNKNOWN_FLAG', '-x', 'npx task promote --help')],
    ['promote green --constructor', fault('UNKNOWN_FLAG', '--constructor', '--help')],
    ['promote --slot', fault('FLAG_WITHOUT_VALUE', '--slot needs a value', '--slot <choice>')],
    ['promote --slot --force', fault('FLAG_WITHOUT_VALUE', 'another flag', '--slot=--force')],
    ['promote green --force=no', fault('FLAG_WITH_VALUE', '--force', 'leave it out')],
    [
      'promote green --keep-for soon',
      fault('ARGUMENT_INVALID', '--keep-for cannot be `soon`', 'npx task promote --help'),
    ],
  ])('is rejected: %s', (line, expected) => {
    expect(() => parse(line)).toThrow(expected)
  })

  it('is rejected when it has more values than arguments', () => {
    const none = planOf('status', task('Status', { run: () => undefined }))
    expect(() => parse('status now', none)).toThrow(fault('ARGUMENT_UNEXPECTED', '`now`', 'npx task status'))
  })

  it('cannot have an argument with the name of a global flag', () => {
    const plan = planOf('it', task('It', { args: { dryRun: arg.flag('Mine') }, run: () => undefined }))
    expect(() => parse('it', plan)).toThrow(fault('ARGUMENT_RESERVED', '`dryRun` of `It`', 'Rename'))
  })

  it('may have an argument `yes` of its own, also if its destinations ask', () => {
    const ours = { args: { yes: arg.flag('Mine') }, run: () => undefined }
    expect(parse('it --yes', planOf('it', task('It', ours)))).toEqual({ yes: true })
    const open = () => expect.fail('not opened here')
    const destination = { names: ['staging'], name: 'staging', confirm: true, host: 'stage-1' }
    const asking = definer({ name: 'life', destination, open }).task('It', ours)
    expect(parse('it --yes', planOf('it', asking))).toEqual({ yes: true })
    const text = task('It', { args: { yes: arg.text('Mine').optional() }, run: () => undefined })
    expect(() => parse('it', planOf('it', text))).toThrow(fault('ARGUMENT_RESERVED', '`yes` of `It`', 'Rename'))
  })

  it('is shown as usage', () => {
    expect(usage(copy)).toBe('copy <from> <to>')
    expect(usage(rollback)).toBe('rollback <from> [release]')
  })
})

describe('a command line with short flags', () => {
  const args = {
    lines: arg.integer('How many', { short: 'n' }).optional(),
    follow: arg.flag('Go on', { short: 'f' }),
    slot: slot.optional(),
  }
  const logs = planOf('logs', task('Logs', { args, run: () => undefined }))

  it.each(['logs -n 20 -f', 'logs -n20 -f', 'logs -fn 20', 'logs -f --lines 20', 'logs -n 20 --follow'])(
    'takes them for the long ones: %s',
    line => {
      expect(parse(line, logs)).toEqual({ lines: 20, follow: true, slot: undefined })
    },
  )

  it.each([
    ['logs -n', fault('FLAG_WITHOUT_VALUE', '-n needs a value', '-n <number>')],
    ['logs -n --follow', fault('FLAG_WITHOUT_VALUE', 'another flag', '-n <number>')],
    ['logs -n x', fault('ARGUMENT_INVALID', '--lines cannot be `x`', 'npx task logs --help')],
    ['logs -n 1 --lines 2', fault('ARGUMENT_TWICE', '`1` and `2`', 'once')],
    ['logs -F', fault('UNKNOWN_FLAG', '-F', 'Did you mean --follow?')],
  ])('is rejected: %s', (line, expected) => {
    expect(() => parse(line, logs)).toThrow(expected)
  })

  it('cannot use a letter twice, nor one of a global flag', () => {
    const clash = (short: string) =>
      planOf('it', task('It', { args: { more: arg.flag('M', { short }), follow: args.follow }, run: () => undefined }))
    expect(() => parse('it', clash('f'))).toThrow(fault('SHORT_FLAG_TAKEN', '-f of `follow` in `It`', 'another letter'))
    expect(() => parse('it', clash('h'))).toThrow(fault('SHORT_FLAG_TAKEN', 'that of --help', 'another letter'))
    expect(parse('it -m', clash('m'))).toEqual({ more: true, follow: false })
  })
})

describe('a command line with words after --', () => {
  const exec = planOf(
    'exec',
    task('Exec', { args: { slot: slot.optional(), command: arg.rest('What', 'command') }, run: () => undefined }),
  )
  const copied = planOf(
    'copy',
    task('Copy', { args: { from: arg.text('From'), more: arg.rest('More').optional() }, run: () => undefined }),
  )

  it('passes them as they are, with what looks like a flag or another --', () => {
    expect(commandLine(['exec', '--slot', 'blue', '--', 'ls', '--json', '-h', '--', 'a b', ''], exec)).toEqual({
      slot: 'blue',
      command: ['ls', '--json', '-h', '--', 'a b', ''],
    })
  })

  it('keeps them apart from arguments before --', () => {
    expect(parse('copy a -- b c', copied)).toEqual({ from: 'a', more: ['b', 'c'] })
    expect(parse('copy a', copied)).toEqual({ from: 'a', more: undefined })
    expect(parse('copy a --', copied)).toEqual({ from: 'a', more: undefined })
    expect(() => parse('copy -- b', copied)).toThrow(fault('ARGUMENT_MISSING', '<from>', 'copy <from>'))
  })

  it.each([
    ['exec', fault('ARGUMENT_MISSING', '<command>', 'exec -- <command>...')],
    ['exec --', fault('ARGUMENT_MISSING', '<command>', 'exec -- <command>...')],
    ['exec ls', fault('ARGUMENT_UNEXPECTED', '`ls`', 'exec -- <command>...')],
    ['exec --command ls', fault('UNKNOWN_FLAG', '--command', '--help')],
    ['exec --slot red -- ls', fault('ARGUMENT_INVALID', '--slot cannot be `red`', 'npx task exec --help')],
  ])('is rejected: %s', (line, expected) => {
    expect(() => parse(line, exec)).toThrow(expected)
  })

  it('gives no global flag', () => {
    expect(globalsOf(['exec', '--', 'ls', '--json', '--help', '--taskfile', 'x'])).toMatchObject({
      command: 'exec',
      globals: { json: false, help: false, taskfile: undefined },
    })
  })
})

describe('the global flags', () => {
  it('are parsed before the command is known', () => {
    expect(globalsOf(['deploy', '--dry-run', '--json', '--own', 'x', '-h'])).toEqual({
      command: 'deploy',
      globals: {
        help: true,
        version: false,
        taskfile: undefined,
        destination: undefined,
        host: undefined,
        without: undefined,
        role: undefined,
        limit: undefined,
        serial: false,
        yes: false,
        json: true,
        verbose: false,
        dryRun: true,
        timings: false,
      },
    })
    expect(globalsOf(['--taskfile', 'other.ts', 'deploy']).globals.taskfile).toBe('other.ts')
    expect(() => globalsOf(['--taskfile'])).toThrow(fault('FLAG_WITHOUT_VALUE', '--taskfile', '<path>'))
  })

  it('are the only flags accepted without a command', () => {
    expect(() => onlyGlobals(['--helb'])).toThrow(fault('UNKNOWN_FLAG', 'no flag --helb', 'Did you mean --help?'))
    expect(onlyGlobals(['--help'])).toBeUndefined()
  })
})
