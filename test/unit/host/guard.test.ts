import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileQuery } from '../../../host/exec/transfer.ts'
import { local } from '../../../host/local.ts'
import { perform } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'

it.each(['alone', 'in a pipeline', 'too long to travel with others', 'a file'])(
  'the guard is asked when a file begins to be written, and again before its rename: %s',
  async way => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-guard-'))
    const [asked, target] = [join(folder, 'asked'), join(folder, 'target')]
    await writeFile(target, 'old')
    // Each time that it is asked it writes down what stands there at that moment.
    const guard = { script: () => sh.read`cat ${target} >> ${asked}`, refusal: () => undefined }
    await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false, guard })
    const text = 'x'.repeat(way.startsWith('too long') ? 100_000 : 10)
    if (way === 'a file') {
      await writeFile(join(folder, 'local'), text)
      await host.put(join(folder, 'local'), target)
    } else if (way === 'alone') await host.write(target, text)
    else {
      const batch = host.pipeline()
      batch.push(perform(sh.read`true`), fileQuery(target, text))
      await batch.run()
    }
    expect(await readFile(asked, 'utf8')).toBe('oldold')
    expect(await readFile(target, 'utf8')).toBe(text)
  },
)
