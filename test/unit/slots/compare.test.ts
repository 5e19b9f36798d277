import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import type { Slot } from '../../../slots/contracts.ts'
import {
  comparedNote,
  comparedTable,
  compareEnvironment,
  differs,
  lackingText,
  parseCompared,
} from '../../../slots/environment/compare.ts'
import { environmentFile } from '../../../slots/environment/environment.ts'
import { layout } from '../../../slots/layout.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-compare-'))
const folders = layout(join(folder, 'srv/life'))
const blue: Slot = { name: 'blue', port: 4000, env: {} }
let host: Host
beforeAll(async () => {
  host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const onHost = (text: string) => {
  const { env } = folders.slot('blue')
  mkdirSync(dirname(env), { recursive: true })
  writeFileSync(env, text)
}

describe('the comparison of a slot with the Taskfile', () => {
  it('tells by name what is new, changed, removed and the same, and contains no value', async () => {
    onHost(environmentFile({ SAME: 'sesame', CHANGED: 'open sesame', OLD: 'gone sesame' }))
    const wanted = { SAME: 'sesame', CHANGED: 'shut sesame', NEW: 'new sesame' }
    const found = await host.query(compareEnvironment(folders, blue, wanted))
    expect(found).toEqual({
      slot: 'blue',
      file: 'compared',
      variables: [
        { name: 'SAME', change: 'same' },
        { name: 'CHANGED', change: 'changed' },
        { name: 'NEW', change: 'new' },
        { name: 'OLD', change: 'removed' },
      ],
    })
    expect(lackingText(found)).toBe('changed CHANGED, new NEW, gone OLD')
    expect(lackingText({ ...found, variables: [] })).toBe('nothing differs on this host')
    expect(lackingText({ ...found, file: 'edited' })).toBe('the file of blue was edited by hand')
    expect(lackingText({ ...found, file: 'missing' })).toBe('blue has no environment file')
    expect(JSON.stringify(found) + comparedTable([found], 'blue')).not.toContain('sesame')
  })

  it('finds no difference in values with quotes, line breaks and what looks like another variable', async () => {
    const wanted = { KEY: '-----BEGIN\nA="1"\n$(id) `id` "x" \\', EMPTY: '' }
    onHost(environmentFile(wanted))
    const found = await host.query(compareEnvironment(folders, blue, wanted))
    expect(found.variables.map(({ change }) => change)).toEqual(['same', 'same'])
    expect(differs(found)).toBe(false)
  })

  it('tells a slot without a file from one whose file is empty', async () => {
    const green = { ...blue, name: 'green' }
    expect(await host.query(compareEnvironment(folders, green, { A: '1' }))).toEqual({
      slot: 'green',
      file: 'missing',
      variables: [],
    })
    onHost('')
    const { file, variables } = await host.query(compareEnvironment(folders, blue, { A: '1' }))
    expect([file, variables]).toEqual(['compared', [{ name: 'A', change: 'new' }]])
  })

  it('compares nothing with a file that was edited by hand, where a value could pass for a name', async () => {
    onHost('A=-----BEGIN\nSESAME="x"\n')
    expect(await host.query(compareEnvironment(folders, blue, { A: '1' }))).toMatchObject({
      file: 'edited',
      variables: [],
    })
  })
})

describe('the table of an environment comparison', () => {
  const printed = 'environment file\nenvironment changed DATABASE_URL\nenvironment gone OLD\n'
  const compared = parseCompared('blue', ['PORT', 'DATABASE_URL'], printed)
  const same = parseCompared('green', ['PORT', 'DATABASE_URL'], 'environment file\n')

  it('has a column per slot, and the variables that differ first', () => {
    expect(comparedTable([compared, same], 'blue').split('\n')).toEqual([
      'variable      blue (live)  green',
      'DATABASE_URL  changed      same',
      'OLD           removed      -',
      'PORT          same         same',
    ])
  })

  it('explains in a sentence why a slot was not compared', () => {
    const missing = parseCompared('green', ['PORT'], '')
    const edited = parseCompared('blue', ['PORT'], 'environment file\nenvironment foreign\n')
    expect(comparedTable([edited, missing], 'blue')).toBe(
      'blue (live) was not compared: the file on the host was edited by hand.\n' +
        'green has no environment file: nothing was deployed to it.',
    )
    expect(comparedNote([edited, missing])).toBe('nothing to compare')
  })

  it.each([
    [[compared, same], 'blue differs'],
    [[compared, { ...compared, slot: 'green' }], 'blue and green differ'],
    [[same], 'nothing differs'],
  ])('goes with a remark that says which slots differ', (slots, remark) => {
    expect(comparedNote(slots)).toBe(remark)
  })
})
