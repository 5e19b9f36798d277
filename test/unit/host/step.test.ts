/** Commands of a host within a step; the host is this machine. */
import { expect, test } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { run } from '../../../runner/engine/run.ts'
import type { RunEvent } from '../../../runner/events.ts'
import { type AnyTask, definer, type RunSetting } from '../../../runner/task.ts'
import { runOf } from '../../support/run.ts'

const { task } = definer<{ host: Host }>({
  name: 'here',
  async open(setting: RunSetting) {
    setting.hide(['hunter2-hunter2'])
    const host = await local().open(setting)
    return { context: () => ({ host }), [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
  },
})

async function performed(root: AnyTask) {
  const events: RunEvent[] = []
  const exit = await run({
    ...runOf(root, import.meta.filename, event => void events.push(event)),
    hooks: {
      onSignal: () => () => {},
      onStray: () => () => {},
      onStarved: () => () => {},
      onLine: () => () => {},
      exit: () => {},
    },
  })
  const lines = events.flatMap(event => (event.type === 'output' ? [`${event.step}: ${event.line}`] : []))
  return { exit, events, lines }
}

test('each line of a host command on both streams is redacted output of the step', async () => {
  const first = task('First', {
    async run({ host }) {
      await host.$`echo one; echo hunter2-hunter2`
      await host.$readonly`echo two >&2`
    },
  })
  const second = task('Second', { needs: [first], run: ({ host }) => host.$`echo three`.then(() => undefined) })
  const { exit, lines } = await performed(second)
  expect(exit).toBe(0)
  expect(lines).toEqual(['first: one', 'first: [hidden]', 'first: two', 'second: three'])
})

test('a host command that is quiet or piped elsewhere prints nothing', async () => {
  const whisper = task('Whisper', {
    async run({ host, $ }) {
      await host.$({ quiet: true })`echo quiet; echo error >&2`
      await host.$`echo quiet too`.quiet()
      await host.$`echo piped`.pipe($`tr a-z A-Z`)
    },
  })
  expect((await performed(whisper)).lines).toEqual(['whisper: PIPED'])
})

test('an undo can still run host commands after a failure', async () => {
  const made = task('Make', {
    run: ({ host }) => host.$`echo made`.then(() => undefined),
    undo: ({ host }) => host.$`sleep 0.1; echo taken back`,
  })
  const failed = task('Fail', { needs: [made], run: ({ host }) => host.$`exit 3`.then(() => undefined) })
  const { exit, events, lines } = await performed(failed)
  expect(exit).toBe(1)
  expect(lines).toEqual(['make: made', 'make: taken back'])
  expect(events.at(-1)).toMatchObject({ undone: ['Make'], left: [] })
})
