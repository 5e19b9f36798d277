/** The paths of an application on a host, built from the root and validated names only. */
import { posix } from 'node:path'

/** What outlives releases. */
export interface SharedPath {
  /** In a release, and in the folder of what outlives releases. */
  readonly path: string
  /**
   * What it is unless the artifact has something else there. `unclear` for a name such as `db/production.sqlite3`, which may be either: then the artifact has
   * to have it.
   */
  readonly kind: 'folder' | 'file' | 'unclear'
}

export interface Layout {
  readonly root: string
  readonly releases: string
  /** Contains one folder per slot. */
  readonly slots: string
  /** The folder for data that outlives releases, and its paths in a release. A release has links to the same paths below `dir`. */
  readonly shared: { readonly dir: string; readonly paths: readonly string[]; readonly entries: readonly SharedPath[] }
  /** The system user that the application runs as, and that owns the shared folder. Missing if that is the deploying user. */
  readonly user?: string | undefined
  readonly journal: string
  readonly lock: string
  /** Names the newest migration of all slots. The file with `.lock` appended is locked while one starts. */
  readonly migration: string
  /** Exists while the host is closed for deploys. */
  readonly maintenance: string
  /** Names the hosts that a run left out. */
  readonly leftOut: string
  /** Owned by the router plugin. */
  readonly router: string
  /** Owned by the runtime plugin. Contains one empty file, named after the slot in which runs what runs only in the live slot. */
  readonly live: string
  release(name: string): string
  slot(name: string): SlotLayout
}

export interface SlotLayout {
  readonly dir: string
  /** Link to the release that the slot runs. */
  readonly current: string
  /** Environment file, mode 0600, in a format that systemd and a POSIX shell read alike. */
  readonly env: string
  readonly record: string
  readonly tmp: string
  /** Output and results of detached steps. */
  readonly tasks: string
}

/**
 * @param shared paths in a release that are links to data that outlives it, as `sharedPaths` returns them; one by itself is a folder
 * @param user the system user that the application runs as, if that is not the deploying one
 */
export function layout(root: string, shared: readonly (string | SharedPath)[] = [], user?: string): Layout {
  const at = (...parts: string[]) => posix.join(root, ...parts)
  const entries = shared.map(entry => (typeof entry === 'string' ? ({ path: entry, kind: 'folder' } as const) : entry))
  return {
    root,
    releases: at('releases'),
    slots: at('slots'),
    shared: { dir: at('shared'), paths: entries.map(({ path }) => path), entries },
    ...(user !== undefined && { user }),
    journal: at('journal.jsonl'),
    lock: at('lock'),
    migration: at('migration'),
    maintenance: at('maintenance.json'),
    leftOut: at('left-out.json'),
    router: at('router'),
    live: at('live'),
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
