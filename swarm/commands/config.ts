import { swarmConfigTable } from '../config.ts'
import type { SwarmDeps } from '../context.ts'

export const config = ({ task }: SwarmDeps) =>
  task('Show what the Taskfile resolves to', {
    description:
      'The application, its managers as ~/.ssh/config resolves them, the image, the router, the tasks, health check, probes and the names of the\n' +
      'variables. Defaults are filled in, and values that may be secret are hidden. Contacts no machine. --json prints it as data.',
    examples: ['config', 'config --json'],
    async run({ config, show }) {
      const found = await config()
      show(columns => swarmConfigTable(found, columns), found)
    },
  })
