import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readTyped } from '../../../runner/output/prompt.ts'

function terminal() {
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => void raw.push(on) })
  return { raw, stdin: stdin as unknown as Parameters<typeof readTyped>[0], type: (text: string) => stdin.push(text) }
}

const never = new AbortController().signal

describe('typed input', () => {
  it('is passed on for echo and ends with the line', async () => {
    const { raw, stdin, type } = terminal()
    const echoed: string[] = []
    const answer = readTyped(stdin, typed => echoed.push(typed), never)
    type('yeb')
    type('\x7fs\r')
    expect(await answer).toBe('yes')
    expect(echoed).toEqual(['y', 'ye', 'yeb', 'ye', 'yes'])
    expect(raw).toEqual([true, false])
  })

  it.each([
    ['Ctrl-D', '\x04'],
    ['the end of the terminal', null],
  ])('is undefined when it ends with %s', async (_, key) => {
    const { raw, stdin, type } = terminal()
    const answer = readTyped(stdin, () => undefined, never)
    type('ye')
    type(key as string)
    expect(await answer).toBeUndefined()
    expect(raw).toEqual([true, false])
  })

  it('is undefined when the run is aborted', async () => {
    const { raw, stdin } = terminal()
    const stop = new AbortController()
    const answer = readTyped(stdin, () => undefined, stop.signal)
    stop.abort()
    expect(await answer).toBeUndefined()
    expect(raw).toEqual([true, false])
    expect(await readTyped(stdin, () => undefined, stop.signal)).toBeUndefined()
  })
})
