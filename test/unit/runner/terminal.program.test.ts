import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildProgram, type Program, projectWith, startInTerminal } from './program.ts'

const taskfile = `
import { definer } from 'switchyard-deploy'
const { task, flow } = definer({
  name: 'env',
  async open({ hide }) {
    hide(['hunter2-hunter2'])
    return { context: () => ({}), async [Symbol.asyncDispose]() {} }
  },
})
export const build = task('Build it', {
  async run({ $, note }) {
    await $\`echo pass hunter2-hunter2; sleep 0.6\`
    note('1.2.3')
  },
  undo: () => undefined,
})
export const status = task('Show the slots', { needs: [build], run: ({ show }) => show('blue  live') })
export const fail = task('Go wrong', { needs: [build], run: () => Promise.reject(new Error('no hunter2-hunter2')) })
export const later = task('Never reached', { run: () => undefined })
export const both = flow('Both', [fail, later])
const fleet = definer({
  name: 'fleet',
  async open() {
    const hosts = Array.from({ length: 11 }, (_, i) => 'web-' + (i + 1))
    return { hosts, context: (_, fleet) => ({ fleet }), async [Symbol.asyncDispose]() {} }
  },
})
export const reach = fleet.task('Reach the hosts', {
  async run({ fleet, $, log, note }) {
    if (fleet.first) log('line of the first')
    if (fleet.host === 'web-3') await $\`echo line of the third; sleep 1.5\`
    if (fleet.host === 'web-4') await $\`sleep 1.5\`
    note('all well')
  },
})
export const wide = fleet.task('Reach many', { run: ({ $ }) => $\`sleep 1.5\`.then(() => undefined) })
export const ask = task('Ask', { async run({ confirm, show }) { show('answer ' + (await confirm('Trust web-1?'))) } })
export const wait = task('Wait', { needs: [build], async run({ $ }) { await $\`echo waiting; sleep 60\` }, undo: () => new Promise(r => setTimeout(r, 60_000)) })
export const enter = task('Enter', {
  needs: [build],
  interactive: true,
  async run({ $, print }) {
    print('this is web-1', { to: 'stderr' })
    process.stdout.write('prompt> ')
    const [line] = await new Promise(resolve => process.stdin.once('data', data => resolve(String(data).split('\\n'))))
    process.stdin.pause()
    process.stdout.write('got ' + line.trim() + ' on ' + process.stdout.isTTY + '\\n')
    return { exitCode: 5 }
  },
})
`

let program: Program
let project: Awaited<ReturnType<typeof projectWith>>
beforeAll(async () => {
  program = await buildProgram()
  project = await projectWith({ 'Taskfile.ts': taskfile })
})
afterAll(async () => {
  await program[Symbol.asyncDispose]()
  await project[Symbol.asyncDispose]()
})

const inTerminal = (args: string[], env: Record<string, string> = {}) => startInTerminal(program, project, args, env)
const screen = (stdout: string) => stripVTControlCharacters(stdout).replaceAll('\r', '')

describe('in a terminal', () => {
  it('a tree shows each step with its time and note, and the last output line of the running step', async () => {
    const { code, stdout } = await inTerminal(['status']).ended
    expect(code).toBe(0)
    const text = screen(stdout)
    // Any frame of the spinner.
    expect(text).toMatch(/[\u2800-\u28ff] Build it\n.*\u203a pass \[hidden\]\n/)
    expect(text).toMatch(/\u2714 Build it {2}1\.2\.3 \[\d\.\ds\]\n\u2714 Show the slots \[\d\.\ds\]\n\nblue {2}live\n$/)
    expect(stdout).not.toContain('hunter2')
  })

  it('a step of several hosts has a line for each that still works, and none when all have ended', async () => {
    const { code, stdout } = await inTerminal(['reach']).ended
    expect(code).toBe(0)
    const text = screen(stdout)
    expect(text).toMatch(/\u203a web-3 \| line of the third\n +web-4\n(?! +web)/)
    expect(text).toMatch(/\u2714 Reach the hosts {2}all well \[[\d.]+s\]\n$/)
  })

  it('of many hosts a tree shows the first ones, and how many more there are', async () => {
    const text = screen((await inTerminal(['wide']).ended).stdout)
    expect(text).toMatch(/\u203a web-1\n( +web-\d\n){7} +and 3 more hosts\n/)
  })

  it('a failure is printed below the tree, with the undone steps', async () => {
    const { code, stdout } = await inTerminal(['both']).ended
    expect(code).toBe(1)
    const text = screen(stdout)
    expect(text).toContain('\u2716 Go wrong\n')
    expect(text).toMatch(/\u2714 Undo: Build it \[\d\.\ds\]\n/)
    expect(text).toContain('\nerror: no [hidden] [FAILED]\n')
    expect(text).toMatch(/undone: Build it\nBoth: failed in \d\.\d s\n$/)
    expect(text).not.toContain('\u2714 Never reached')
    expect(stdout).not.toContain('hunter2')
  })

  it.each([
    ['yes\r', 'answer true'],
    ['nope\x7f\x7f\x7f\x7fy\r', 'answer true'],
    ['\r', 'answer false'],
  ])('a confirmation accepts the input %j', async (typed, answer) => {
    const running = inTerminal(['ask'])
    await running.printed('Trust web-1? [y/N]')
    running.child.stdin?.write(typed)
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(screen(stdout)).toMatch(new RegExp(`\\n${answer}\\n$`))
  })

  it('Ctrl-C at a question interrupts the run', async () => {
    const running = inTerminal(['ask'])
    await running.printed('Trust web-1? [y/N]')
    running.child.stdin?.write('\x03')
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(screen(stdout)).toContain('Interrupted by SIGINT')
  })

  it('a second Ctrl-C exits at once, lists the steps left to undo, and restores the cursor', async () => {
    const running = inTerminal(['wait'])
    // Text follows the title only once the step has run long enough to show its time.
    await running.printed('Wait  ')
    await running.printed('waiting')
    running.child.stdin?.write('\x03')
    await running.printed('Undo: Wait')
    running.child.stdin?.write('\x03')
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(screen(stdout)).toMatch(/Wait {2}\d+\.\d s\n.*waiting/)
    expect(screen(stdout)).toContain(
      'SIGINT again: ending at once.\nLeft to undo, newest first:\n  - Wait\n  - Build it\n',
    )
    expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'))
  })

  it('an interactive step has the terminal to itself, after the tree', async () => {
    const running = inTerminal(['enter'])
    await running.printed('prompt> ')
    running.child.stdin?.write('hello\r')
    const { code, stdout } = await running.ended
    expect(code).toBe(5)
    expect(screen(stdout)).toMatch(/\u2714 Build it.*\nthis is web-1\nprompt> (?:hello\n)?got hello on true\n/)
  })

  it.each([[{ NO_COLOR: '1' }], [{ CI: 'true' }], [{ TERM: 'dumb' }]])(
    'the output is plain lines with %j',
    async env => {
      const { code, stdout } = await inTerminal(['status'], env as Record<string, string>).ended
      expect(code).toBe(0)
      expect(stdout).not.toContain('\x1b')
      expect(screen(stdout)).toContain('> Build it\nok: Build it  1.2.3 (')
    },
  )

  it('plain output also asks for confirmation', async () => {
    const running = inTerminal(['ask', '--verbose'])
    await running.printed('Trust web-1? [y/N] ')
    running.child.stdin?.write('y\r')
    const { stdout } = await running.ended
    expect(screen(stdout)).toContain('answer true\n')
  })
})
