/** The plugins of a project, created for one of its hosts. */
import type { Plugin, PluginContext, Router, Runtime } from '../slots/contracts.ts'

/** @throws TypeError if a plugin does not do what it says before it is created */
export function runtimeOf(plugin: Plugin<Runtime>, context: PluginContext): Runtime {
  const runtime = plugin.create(context)
  // Else the release would start unprepared.
  if (((runtime.prepare ?? runtime.obtain) !== undefined) !== (plugin.prepares === true))
    throw new TypeError(
      `the plugin ${plugin.name} has to set \`prepares\` exactly if its runtime has \`prepare\` or \`obtain\``,
    )
  return runtime
}

/** @throws TypeError if a plugin does not do what it says before it is created */
export function routerOf(plugin: Plugin<Router>, context: PluginContext): Router {
  const router = plugin.create(context)
  if ((router.beginCanary !== undefined) !== (plugin.canary === true))
    throw new TypeError(`the plugin ${plugin.name} has to set \`canary\` exactly if its router has \`beginCanary\``)
  return router
}
