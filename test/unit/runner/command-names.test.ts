/** Messages use the command names that the Taskfile exports. */
import { describe, expect, it } from 'vitest'
import { faultCatalogue } from '../../../faults.ts'
import { exportLine, namingOf, programText } from '../../../runner/cli/command-names.ts'
import { definer, type Scope } from '../../../runner/task.ts'
import { project } from '../../../tasks/project.ts'

const task = (title: string) => definer().task(title, { run: () => undefined })
const offered = { deploy: task('Deploy'), promote: task('Promote'), checkIdle: task('Check'), unlock: task('Unlock') }
const scope: Scope = { name: 'life', tasks: () => offered, open: () => expect.fail('not opened here') }
const source = 'export const { deploy: ship, promote } = life.tasks\n'
const commands = new Map([
  ['ship', offered.deploy],
  ['promote', offered.promote],
  ['check', offered.checkIdle],
])
const names = namingOf({ program: 'npx task', commands, scope, source })

describe('a command in a message', () => {
  it.each([
    ['Run `npx task deploy` first.', 'Run `npx task ship` first.'],
    ['clear it with `npx task check-idle` if it is healthy', 'clear it with `npx task check` if it is healthy'],
    ['Next: npx task promote green', 'Next: npx task promote green'],
    ['npx task deploy --promote', 'npx task ship --promote'],
    ['Run `npx task deploy`, or `npx task deploy --dry-run`.', 'Run `npx task ship`, or `npx task ship --dry-run`.'],
    ['Run `npx task` to see them all.', 'Run `npx task` to see them all.'],
    ['Look at `npx task warm`.', 'Look at `npx task warm`.'],
    ['It says nothing of deploy.', 'It says nothing of deploy.'],
    [
      'Wait, or open it with `npx task unlock`.',
      'Wait, or open it with `npx task unlock` (with `export const { unlock } = life.tasks` in the Taskfile).',
    ],
    ['Next: npx task unlock', 'Next: npx task unlock (with `export const { unlock } = life.tasks` in the Taskfile)'],
  ])('is renamed as in the Taskfile: %s', (text, wanted) => {
    expect(names(text)).toBe(wanted)
  })

  it('includes the --taskfile option, quoted for a shell', () => {
    const at = (taskfile: string) =>
      namingOf({ program: programText({ taskfile, destination: undefined }), commands, scope, source })
    expect(at('infra/Taskfile.ts')('`npx task deploy`')).toBe('`npx task --taskfile infra/Taskfile.ts ship`')
    expect(at('my files')('npx task promote green')).toBe("npx task --taskfile 'my files' promote green")
    expect(at("it's")('npx task')).toBe("npx task --taskfile 'it'\\''s'")
  })

  it('includes the destination that was given', () => {
    const at = (taskfile?: string) =>
      namingOf({ program: programText({ taskfile, destination: 'staging' }), commands, scope, source })
    expect(at()('Next: npx task promote green')).toBe('Next: npx task -d staging promote green')
    expect(at('a.ts')('`npx task deploy`')).toBe('`npx task --taskfile a.ts -d staging ship`')
  })

  it('belongs to the project that prints the message when there are several', () => {
    const parts = () =>
      project({
        app: 'life',
        host: { name: 'x', open: () => expect.fail('not opened here') },
        build: { name: 'x', create: () => expect.fail('not made here') },
        runtime: { name: 'x', create: () => expect.fail('not made here') },
        router: { name: 'x', create: () => expect.fail('not made here') },
        slots: { blue: { port: 4000 }, green: { port: 5000 } },
      })
    const [first, second] = [parts(), parts()]
    const both = new Map([
      ['deploy-one', first.tasks.deploy],
      ['deploy-two', second.tasks.deploy],
    ])
    const of = (scope: Scope | undefined) => namingOf({ program: 'npx task', commands: both, scope, source: '' })
    expect(of(first.tasks.deploy.scope)('`npx task deploy`')).toBe('`npx task deploy-one`')
    expect(of(second.tasks.deploy.scope)('`npx task deploy`')).toBe('`npx task deploy-two`')
    expect(of(second.tasks.deploy.scope)('`npx task status`')).toContain('export const { status } = tasks')
  })

  it('is a task of a project wherever a fault names one', () => {
    const { tasks } = project({
      app: 'life',
      host: { name: 'x', open: () => expect.fail('not opened here') },
      build: { name: 'x', create: () => expect.fail('not made here') },
      runtime: { name: 'x', create: () => expect.fail('not made here') },
      router: { name: 'x', create: () => expect.fail('not made here') },
      slots: { blue: { port: 4000 }, green: { port: 5000 } },
    })
    // Stands in for any data: every property is again this proxy, and every string is `x`.
    const anything: unknown = new Proxy(() => anything, {
      get: (_, name) =>
        name === Symbol.toPrimitive
          ? () => 'x'
          : name === 'length'
            ? 0
            : name === Symbol.iterator
              ? undefined
              : anything,
    })
    const { runner: _, ...others } = faultCatalogue
    const named = Object.values(others).flatMap(faults =>
      Object.values(faults as Record<string, (data: unknown) => { hint: unknown }>).flatMap(make => {
        try {
          return [...String(make(anything).hint).matchAll(/npx task ([a-z-]+)/g)].map(([, name]) => name)
        } catch {
          return []
        }
      }),
    )
    expect(named.length).toBeGreaterThan(5)
    const all = Object.keys(tasks).map(name => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`))
    // `init` needs no project.
    expect(named.filter(name => name !== 'init' && !all.includes(name ?? ''))).toEqual([])
  })

  it('that is not exported yet gets an export line in the style of the Taskfile', () => {
    expect(exportLine('unlock', 'export const { deploy,\n  promote } = shop.tasks')).toBe(
      'export const { unlock } = shop.tasks',
    )
    expect(exportLine('unlock', 'export default 1')).toBe('export const { unlock } = tasks')
  })
})
