import { describe, expect, it } from 'vitest'
import { arg } from '../../../runner/cli/args.ts'
import { planOf } from '../../../runner/engine/plan.ts'
import { type AnyTask, definer, type Interactive } from '../../../runner/task.ts'

const { task, flow } = definer()
const titled = (title: string, ...needs: AnyTask[]) => task(title, { needs, run: () => undefined })
const titles = (root: AnyTask) => planOf('it', root).steps.map(({ title }) => title)

describe('a plan', () => {
  it('puts needed tasks first, each once, even if several tasks need it', () => {
    const a = titled('a')
    const b = titled('b', a)
    const c = titled('c', a)
    expect(titles(titled('d', b, c, a))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('keeps the order of a flow, even inside another flow', () => {
    const [a, b, c] = [titled('a'), titled('b'), titled('c')]
    const inner = flow('inner', [c, a])
    expect(titles(flow('outer', [inner, b, a]))).toEqual(['c', 'a', 'b'])
    expect(titles(titled('d', inner))).toEqual(['c', 'a', 'd'])
  })

  it('puts tasks of a flow before and after steps of another flow in it, with what they need', () => {
    const [a, b, x, y] = [titled('a'), titled('b'), titled('x'), titled('y')]
    const inner = flow('inner', [a, b])
    const own = titled('own', x)
    const outer = flow('outer', [inner, y], { before: [[b, own]], after: [[b, titled('later', a)]] })
    expect(titles(outer)).toEqual(['a', 'x', 'own', 'b', 'later', 'y'])
    expect(titles(flow('all', [titled('first'), outer]))).toEqual(['first', 'a', 'x', 'own', 'b', 'later', 'y'])
    expect(titles(flow('whole', [inner], { before: [[inner, x]], after: [[inner, y]] }))).toEqual(['x', 'a', 'b', 'y'])
    expect(titles(inner)).toEqual(['a', 'b'])
  })

  it('has the arguments of tasks that a flow puts beside steps', () => {
    const a = titled('a')
    const own = task('own', { args: { loud: arg.flag('x') }, run: () => undefined })
    expect([...planOf('it', flow('f', [a], { before: [[a, own]] })).args.keys()]).toEqual(['loud'])
  })

  it('refuses a task beside a step that the flow has not, and one that needs what it should precede', () => {
    const [a, b] = [titled('a'), titled('b')]
    expect(() => planOf('it', flow('f', [a], { after: [[b, titled('own')]] }))).toThrow(
      expect.objectContaining({
        code: 'STEP_NOT_IN_FLOW',
        exitCode: 2,
        message: '`own` cannot be beside `b`, which is no step of `f`.',
      }),
    )
    expect(() => planOf('it', flow('f', [a], { before: [[a, titled('own', a)]] }))).toThrow(
      expect.objectContaining({ code: 'CYCLE' }),
    )
  })

  it('includes in the reach of a step all tasks that it needs, but not those of other steps', () => {
    const a = titled('a')
    const b = titled('b', flow('f', [a]))
    const c = titled('c')
    const plan = planOf('it', flow('all', [b, c]))
    const reach = plan.steps.map(step => [...step.reach].filter(node => node.kind === 'task').map(({ title }) => title))
    expect(reach).toEqual([['a'], ['b', 'a'], ['c']])
  })

  it('rejects a cycle and names its tasks', () => {
    const a = titled('a')
    const b = titled('b', a)
    Object.assign(a, { needs: [b] })
    expect(() => planOf('it', titled('c', b))).toThrow(
      expect.objectContaining({ code: 'CYCLE', exitCode: 2, message: expect.stringContaining('b -> a -> b') }),
    )
  })

  it('rejects an undefined need, as a circular import causes', () => {
    const broken = titled('broken', titled('a'), undefined as unknown as AnyTask)
    expect(() => planOf('it', broken)).toThrow(
      expect.objectContaining({ code: 'NEED_UNDEFINED', message: 'Need number 2 of `broken` is not a task.' }),
    )
  })

  it('rejects steps after an interactive one', () => {
    const shell = task('shell', { interactive: true, run: () => undefined })
    expect(titles(flow('f', [titled('a'), shell]))).toEqual(['a', 'shell'])
    expect(() => planOf('it', flow('f', [shell, titled('a')]))).toThrow(
      expect.objectContaining({ code: 'INTERACTIVE_NOT_LAST', exitCode: 2 }),
    )
    const sometimes = task('shell', { interactive: 'if there is one', run: () => undefined })
    expect(() => planOf('it', flow('f', [sometimes, titled('a')]))).toThrow(
      expect.objectContaining({ code: 'INTERACTIVE_NOT_LAST' }),
    )
  })

  it('gives the terminal to a step that always takes it, or takes it if there is one', () => {
    const takes = (interactive: Interactive, terminal: boolean) =>
      planOf('it', task('shell', { interactive, run: () => undefined }), new Map(), terminal).steps[0]?.interactive
    expect([true, 'if there is one', false].map(it => takes(it as Interactive, true))).toEqual([true, true, false])
    expect([true, 'if there is one', false].map(it => takes(it as Interactive, false))).toEqual([true, false, false])
  })
})

describe('step names', () => {
  it('are unique, and come from the command or else from the title', () => {
    const a = titled('Build it!')
    const b = titled('Build it?')
    const c = titled('Ship')
    const plan = planOf('ship', flow('all', [a, b, c]), new Map([['deliver', c]]))
    expect(plan.steps.map(({ name }) => name)).toEqual(['build-it', 'build-it-2', 'deliver'])
  })
})

describe('the arguments of a plan', () => {
  const slot = arg.choice(['blue', 'green'], 'Which slot')

  it('list those of the task first, then those of its steps', () => {
    const a = task('a', { args: { deep: arg.text('Deep') }, run: () => undefined })
    const b = task('b', { needs: [a], args: { slot }, run: () => undefined })
    expect([...planOf('b', b).args.keys()]).toEqual(['slot', 'deep'])
  })

  it('are required when they are required in one task and optional in another', () => {
    const a = task('a', { args: { slot: slot.optional() }, run: () => undefined })
    const b = task('b', { args: { slot }, run: () => undefined })
    expect(planOf('f', flow('f', [a, b])).args.get('slot')).toBe(slot)
    expect(planOf('f', flow('f', [b, a])).args.get('slot')).toBe(slot)
    expect(planOf('f', flow('f', [a])).args.get('slot')).toBe(slot.optional())
  })

  it('must not differ between tasks under one name', () => {
    const a = task('a', { args: { slot }, run: () => undefined })
    const b = task('b', { args: { slot: arg.text('Another') }, run: () => undefined })
    expect(() => planOf('f', flow('f', [a, b]))).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_CLASH', exitCode: 2, message: expect.stringContaining('`a` and `b`') }),
    )
  })
})
