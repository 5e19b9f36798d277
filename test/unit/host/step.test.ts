/** What a host's commands are to the step that runs them; the host is this machine. */
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
    outside: {
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

test('each line of both streams is the output of the step, without secrets', async () => {
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

test('what is told to be quiet is, and what is piped elsewhere', async () => {
  const whisper = task('Whisper', {
    async run({ host, $ }) {
      await host.$({ quiet: true })`echo quiet; echo error >&2`
      await host.$`echo quiet too`.quiet()
      await host.$`echo piped`.pipe($`tr a-z A-Z`)
    },
  })
  expect((await performed(whisper)).lines).toEqual(['whisper: PIPED'])
})

test('an undo has commands that work, whatever its step ran before', async () => {
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
