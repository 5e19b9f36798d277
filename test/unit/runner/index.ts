/** What these tests' Taskfiles get as `switchyard`: the runner alone, so that no other room's state matters here. */
export { arg } from '../../../runner/cli/args.ts'
export { Fault } from '../../../runner/fault.ts'
export { definer, type Scope } from '../../../runner/task.ts'
