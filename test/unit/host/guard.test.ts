import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { local } from '../../../host/local.ts'
import { sh } from '../../../host/script.ts'

it.each([1, 100_000])('a text of %i bytes is asked about when it begins, and again before its rename', async bytes => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-guard-'))
  const [asked, target] = [join(folder, 'asked'), join(folder, 'target')]
  await writeFile(target, 'old')
  // Each time that it is asked it writes down what stands there at that moment.
  const guard = { script: () => sh.read`cat ${target} >> ${asked}`, refusal: () => undefined }
  await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false, guard })
  const text = 'x'.repeat(bytes)
  await Promise.all([host.write(target, text), host.run(sh.read`true`)])
  expect(await readFile(asked, 'utf8')).toBe('oldold')
  expect(await readFile(target, 'utf8')).toBe(text)
})
