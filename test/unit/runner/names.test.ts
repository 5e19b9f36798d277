import { describe, expect, it } from 'vitest'
import { commandsOf, kebab } from '../../../runner/cli/commands-of.ts'
import { nearest } from '../../../runner/cli/suggest.ts'
import { Fault } from '../../../runner/fault.ts'
import { definer } from '../../../runner/task.ts'

const { task, flow } = definer()
const one = task('One', { run: () => undefined })
const two = task('Two', { run: () => undefined })
const both = flow('Both', [one, two])

describe('command names', () => {
  it.each([
    ['deploy', 'deploy'],
    ['detectLive', 'detect-live'],
    ['deployV2', 'deploy-v2'],
    ['sendToHTTP', 'send-to-http'],
    ['HTTPCheck', 'http-check'],
    ['snake_case', 'snake-case'],
    ['$hidden', 'hidden'],
  ])('turn the export %s into %s', (name, command) => {
    expect(kebab(name)).toBe(command)
  })

  it('list the exported tasks in source order, flows first', () => {
    const source = `
      import { two } from './two.ts'
export const zebra = task('One', {})
export { two }
export const { apple, mango } = tasks
export const both = flow('Both', [])
    `.trim()
    const exported = { apple: one, both, mango: two, two, zebra: one, version: '1', default: { one }, helper: () => 1 }
    expect([...commandsOf(exported, source).keys()]).toEqual(['both', 'zebra', 'two', 'apple', 'mango'])
  })

  it('must be unique', () => {
    expect(() => commandsOf({ fooBar: one, foo_bar: two }, '')).toThrow(
      expect.objectContaining({
        code: 'TASKS_OF_ONE_NAME',
        exitCode: 2,
        message: expect.stringContaining('`foo-bar`'),
      }),
    )
  })

  it('are defined: a misspelt standard task is an error, and not a command that is missing', () => {
    const undefinedExport = (hint: string) =>
      expect.objectContaining({
        code: 'EXPORT_UNDEFINED',
        exitCode: 2,
        message: 'The Taskfile exports `deplyo`, which is undefined.',
        hint,
      })
    const scope = { name: 'shop', tasks: () => ({ deploy: one, setup: two }), open: () => expect.fail() }
    const setup = definer(scope).task('Prepare', { run: () => undefined })
    expect(() => commandsOf({ deplyo: undefined, setup }, '')).toThrow(undefinedExport('Did you mean `deploy`?'))
    expect(() => commandsOf({ deplyo: undefined, one }, '')).toThrow(
      undefinedExport('Define it, or remove it from the exports.'),
    )
    // A command that this kind of project has not is explained when somebody runs it.
    const absent = (command: string) => (command === 'deplyo' ? new Fault('NO', 2, 'no', 'no') : undefined)
    const elsewhere = definer({ ...scope, absent }).task('Prepare', { run: () => undefined })
    expect([...commandsOf({ deplyo: undefined, setup: elsewhere }, '').keys()]).toEqual(['setup'])
  })

  it.each(['completion', 'init', 'explain'])('cannot be `%s`, which is built in', name => {
    expect(() => commandsOf({ [name]: one }, '')).toThrow(
      expect.objectContaining({ code: 'TASK_RESERVED', exitCode: 2, message: expect.stringContaining(`\`${name}\``) }),
    )
  })
})

describe('the suggested name', () => {
  it.each([
    ['dploy', 'deploy'],
    ['pormote', 'promote'],
    ['DEPLOY', 'deploy'],
    ['rolback', 'rollback'],
    ['statsu', 'status'],
    ['dep', 'deploy'],
    ['ROLL', 'rollback'],
  ])('for %s is %s', (typed, meant) => {
    expect(nearest(typed, ['deploy', 'promote', 'rollback', 'status', 'up'])).toBe(meant)
  })

  it('is undefined when no name is similar', () => {
    expect(nearest('xyzzy', ['deploy', 'promote'])).toBeUndefined()
    expect(nearest('ab', ['up'])).toBeUndefined()
    expect(nearest('deploy', [])).toBeUndefined()
    expect(nearest('', ['deploy'])).toBeUndefined()
    expect(nearest('upd', ['update-cache', 'update-index'])).toBeUndefined()
  })
})
