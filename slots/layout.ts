/** The folders of an application on a host. Everything is made of the root and of names that were validated. */
import { posix } from 'node:path'

export interface Layout {
  readonly root: string
  readonly releases: string
  /** A folder a slot. */
  readonly slots: string
  /** What outlives releases stands in this folder, under the same paths as in a release, which has links to it. */
  readonly shared: { readonly dir: string; readonly paths: readonly string[] }
  readonly journal: string
  readonly lock: string
  /** Names the newest migration of all slots; `.lock` behind it is held while one begins. */
  readonly migration: string
  /** Stands there while the host is closed for maintenance. */
  readonly maintenance: string
  /** What the router plugin owns. */
  readonly router: string
  release(name: string): string
  slot(name: string): SlotLayout
}

export interface SlotLayout {
  readonly dir: string
  /** Link to the release that the slot runs. */
  readonly current: string
  /** Environment, 0600, in the form that both systemd and a POSIX shell read alike. */
  readonly env: string
  readonly record: string
  readonly tmp: string
  /** Output and results of steps that run detached. */
  readonly tasks: string
}

/** `shared`: paths in a release that are links to what outlives it. */
export function layout(root: string, shared: readonly string[] = []): Layout {
  const at = (...parts: string[]) => posix.join(root, ...parts)
  return {
    root,
    releases: at('releases'),
    slots: at('slots'),
    shared: { dir: at('shared'), paths: shared },
    journal: at('journal.jsonl'),
    lock: at('lock'),
    migration: at('migration'),
    maintenance: at('maintenance.json'),
    router: at('router'),
    release: name => at('releases', name),
    slot: name => ({
      dir: at('slots', name),
      current: at('slots', name, 'current'),
      env: at('slots', name, 'env'),
      record: at('slots', name, 'slot.json'),
      tmp: at('slots', name, 'tmp'),
      tasks: at('slots', name, 'tasks'),
    }),
  }
}
