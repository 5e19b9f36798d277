/** Stands in for `switchyard-deploy` in the Taskfiles of these tests. Exports the runner only, so that no other module can affect them. */
export { arg } from '../../../runner/cli/args.ts'
export { Fault } from '../../../runner/fault.ts'
export { definer, type Scope } from '../../../runner/task.ts'
