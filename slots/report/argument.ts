/** `--report promote.html` */
import { arg } from '../../runner/cli/args.ts'
import type { Arg } from '../../runner/task.ts'
import { assertWritable } from './write.ts'

/** Checked while arguments are parsed, before anything is contacted. */
export function reportArgument(description: string): Arg<string | undefined> {
  const page = arg.text(description, { placeholder: 'file' }).optional()
  const report: Arg<string | undefined> = {
    ...page,
    parse(raw) {
      const path = page.parse(raw)
      if (path !== undefined) assertWritable(path)
      return path
    },
    optional: () => report,
  }
  return report
}
