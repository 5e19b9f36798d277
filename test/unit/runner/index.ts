/** What these tests' Taskfiles get as `switchyard`: the runner alone, so that no other room's state matters here. */
export { arg } from '../../../runner/args.ts'
export { Fault } from '../../../runner/faults.ts'
export { definer, type Scope } from '../../../runner/task.ts'
