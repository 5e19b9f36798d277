import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileQuery } from '../../../host/exec/transfer.ts'
import { local } from '../../../host/local.ts'
import { perform } from '../../../host/query.ts'
import { sh } from '../../../host/script.ts'

it.each(['alone', 'in a pipeline', 'too long for a batch', 'a file'])(
  'the guard runs before a file is written and again before its rename: %s',
  async kind => {
    const folder = await mkdtemp(join(tmpdir(), 'switchyard-guard-'))
    const [log, target] = [join(folder, 'log'), join(folder, 'target')]
    await writeFile(target, 'old')
    // Appends the current content of the target each time it runs.
    const guard = { script: () => sh.read`cat ${target} >> ${log}`, refusal: () => undefined }
    await using host = await local().open({ signal: new AbortController().signal, confirm: async () => false, guard })
    const text = 'x'.repeat(kind.startsWith('too long') ? 100_000 : 10)
    if (kind === 'a file') {
      await writeFile(join(folder, 'local'), text)
      await host.put(join(folder, 'local'), target)
    } else if (kind === 'alone') await host.write(target, text)
    else {
      const batch = host.pipeline()
      batch.push(perform(sh.read`true`), fileQuery(target, text))
      await batch.run()
    }
    expect(await readFile(log, 'utf8')).toBe('oldold')
    expect(await readFile(target, 'utf8')).toBe(text)
  },
)
