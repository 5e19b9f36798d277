/** What a setup would do, in sentences without a subject: `write /etc/nginx/sites-available/life.conf, which is new`. */
import { pluralize } from '../format.ts'
import type { Change, SetupPlan } from './plan.ts'

type Planned = Pick<SetupPlan, 'folders' | 'files' | 'links' | 'removed' | 'cut' | 'user'>

/** Empty if nothing would change. */
export function setupSentences({ folders, files, links, removed, cut, user }: Planned): readonly string[] {
  const changes = [
    ...(user === undefined ? [] : [`create the system user ${user}, without a login, for the application`]),
    ...(folders.length > 0
      ? [
          `create ${pluralize(folders.length, 'folder')}, or correct ${folders.length === 1 ? 'its' : 'their'} mode and owner: ${folders.join(', ')}`,
        ]
      : []),
    ...files.map(fileSentence),
    ...links.map(path => `create the link ${path}`),
    ...removed.map(path => `stop what ${path} runs, and remove it`),
  ]
  const rooted = files.length + links.length + removed.length > 0
  return [
    ...(cut ? ['restore the files of an earlier setup that was interrupted'] : []),
    ...changes,
    ...(rooted ? ['check the configuration and put it in force; if that fails, restore every file'] : []),
  ]
}

function fileSentence({ file: { path }, diff }: Change): string {
  const lines = diff.split('\n').slice(2)
  const [added, gone] = ['+', '-'].map(sign => lines.filter(line => line.startsWith(sign)).length)
  // Where the new text begins in a file that does not exist, as `diff -N` shows it.
  if (/^@@ -0,0 /m.test(diff)) return `write ${path}, which is new, with ${pluralize(added ?? 0, 'line')}`
  return `change ${path}: ${pluralize(added ?? 0, 'line')} more, ${gone ?? 0} fewer`
}

/** @example wouldText('setup', ['create 2 folders']) */
export const wouldText = (command: string, sentences: readonly string[]): string =>
  [
    `A ${command} would:`,
    ...sentences.map((sentence, i) => `  ${i + 1}. ${sentence}`),
    '--verbose adds each command that it would run.',
  ].join('\n')
