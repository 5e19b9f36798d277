/** `switchyard-deploy/testing`: the contract of each kind of plugin as a vitest suite, for plugins in packages of their own. */
export { type Bound, bound } from '../support/bound.ts'
export { faultOf, pluginKit } from '../support/plugin-kit.ts'
export { type BuildUnderTest, buildKit, buildSourceContract } from './build.ts'
export { type HostUnderTest, hostContract } from './host.ts'
export { type RouterUnderTest, routerContract } from './router.ts'
export { type Machine, type RouterSetting, routerOn } from './router-machine.ts'
export { type RuntimeUnderTest, runtimeContract } from './runtime.ts'
