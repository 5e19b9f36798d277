import { configTable } from '../../slots/config/table.ts'
import type { TaskDeps } from '../context.ts'

export const config = <S extends string>({ task }: TaskDeps<S>) =>
  task('Show what the Taskfile resolves to', {
    description:
      'The application, its host as ~/.ssh/config resolves it, folders, slots, plugins with their settings, health check, probes and the names\n' +
      'of the environment variables. Defaults are filled in, and values that may be secret are hidden. Contacts no host. --json prints it as data.',
    examples: ['config', 'config --json'],
    once: true,
    async run({ config, show }) {
      const found = await config()
      show(columns => configTable(found, columns), found)
    },
  })
