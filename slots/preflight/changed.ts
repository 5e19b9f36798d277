/** Compares the releases that slots run with their manifests: what somebody changed by hand, or an application wrote there. */
import { program } from '../../host/program.ts'
import type { Script } from '../../host/script.ts'
import type { Layout } from '../layout.ts'
import type { Slots } from '../slot.ts'
import { isShared } from '../upload/receive.ts'

/** Prints `release<TAB>path`, a line for each file that is not as it was uploaded: changed, gone, or new. Reads every file: for `doctor` alone. */
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
