/** Compares the releases that slots run with their manifests, to find files that a person or the application changed. */
import { program } from '../../host/program.ts'
import type { Script } from '../../host/script.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'
import { isShared } from '../upload/receive.ts'

/** Prints a line `release<TAB>path` for each file that was changed, removed or added since the upload. Reads every file, so only `doctor` runs it. */
export const changedFiles = (layout: Layout, slots: Slots<string>): Script =>
  program(new URL('./changed.sh', import.meta.url), {
    parameters: {
      currents: slots.names.map(name => layout.slot(name).current),
      sharedListed: isShared(layout, '$5').text,
      sharedFound: isShared(layout, '$0').text,
    },
  })

export const parseChanged = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => line.replace('\t', '/'))
