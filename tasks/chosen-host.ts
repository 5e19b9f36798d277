/** The host of a command that runs on one of several. */
import type { Fleet } from '../runner/task.ts'

/** For a command that takes the terminal on one host of several, whose output does not name it. */
export const whereLine = ({ host }: Pick<Fleet, 'host'>): string => `This is ${host}. \`--host\` names another host.`
