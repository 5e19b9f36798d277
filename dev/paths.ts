/** Where this repository is, and the built program in it. */
import { fileURLToPath } from 'node:url'

/** With a slash at its end. */
export const HOME: string = fileURLToPath(new URL('..', import.meta.url))

export const TASK: string = fileURLToPath(new URL('../bin/task.mjs', import.meta.url))
