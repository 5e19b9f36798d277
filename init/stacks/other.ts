/** Anything else: a command that listens on a port. */
import { call, quoted, type Stack } from '../stack.ts'

export const other: Stack = {
  name: 'other',
  title: 'an application of another kind',
  found: () => 'no file that says more',
  parts: () => ({
    imports: ['git', 'service'],
    build: call('git', {}),
    runtime: call('service', { start: quoted('bin/server') }),
    env: [],
    notes: [
      'Set `start` of service() to the command of your server, which has to listen on the port in the variable PORT.',
      'The release is the commit as it is. For one that has to be built: git({ build: command({ run, artifact }) }).',
    ],
  }),
}
