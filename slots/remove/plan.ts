/** Plans a removal: what `setup` would install is what `remove` deletes, if it is there. Reads only. */
import { posix } from 'node:path'
import { program } from '../../host/program.ts'
import { type AnyQuery, capture, group } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { asReader } from '../../host/sudo.ts'
import type { Provision } from '../contracts.ts'
import type { Layout } from '../layout.ts'
import { commentOf } from '../setup/application-user.ts'
import { assertFree } from '../setup/claims.ts'
import { SUDOERS } from '../setup/sudoers.ts'
import { interruptedSetup } from '../setup/transaction.ts'

export interface RemovalRequest {
  readonly app: string
  readonly layout: Layout
  readonly runtime: Provision
  readonly router: Provision
  /** Whether we can become root. */
  readonly root: boolean
  /** Whether the application's data is deleted too. */
  readonly shared: boolean
}

/** Files that are deleted together. */
export interface Part {
  /** All paths that `setup` may have made. */
  readonly paths: readonly string[]
  /** Those that exist. */
  readonly there: readonly string[]
  readonly apply: readonly Script[]
  readonly unapply: readonly Script[]
}

export interface Kept {
  readonly path: string
  readonly why: string
}

export interface RemovalPlan {
  readonly router: Part
  /** The files of the runtime, and the sudo rules. */
  readonly rest: Part
  /** All names in the application's folder to delete; this run itself may have made some of them, such as the journal. */
  readonly names: readonly string[]
  /** Those that exist. */
  readonly folders: readonly string[]
  readonly kept: readonly Kept[]
  /** The user of the application, which is deleted. */
  readonly user?: string | undefined
  /** An earlier setup or removal was interrupted. */
  readonly cut: boolean
}

/** What the host has. */
export interface Remains {
  readonly files: readonly string[]
  /** Files that other applications need. */
  readonly used: readonly string[]
  /** What is in the place of a link of ours, and is not one. */
  readonly foreign: readonly string[]
  /** Entries of the application's folder. */
  readonly own: readonly string[]
  readonly shared: readonly string[]
  readonly other: readonly string[]
  /** Whether a setup made the user of the application, or units of others run as it. Missing if there is none. */
  readonly user?: 'made' | 'used' | 'found' | undefined
}

const sudoersPath = (app: string) => posix.join(SUDOERS, `switchyard-${app}`)

/** The names in the application's folder that switchyard makes, without the application's data. */
export function ownNames(layout: Layout, provisions: readonly Provision[]): readonly string[] {
  const { root, releases, slots, router, live, journal, lock, migration, maintenance, leftOut, shared } = layout
  const made = [releases, slots, router, live, journal, lock, migration, `${migration}.lock`, maintenance, leftOut]
  const paths = [...made, ...provisions.flatMap(({ folders }) => folders.map(({ path }) => path))]
  const names = paths.map(path => posix.relative(root, path).split('/')[0] ?? '')
  return [...new Set(names)].filter(name => name !== '' && name !== '..' && name !== posix.basename(shared.dir))
}

/** Prints what is left of the application; see remains.sh. */
export function remainsScript({ app, layout, runtime, router }: RemovalRequest): Script {
  const files = [...runtime.files, ...router.files]
  const used = files.flatMap(({ path, needed }) =>
    needed ? [sh.read`if ( ${needed} ) > /dev/null 2>&1; then echo used ${path}; fi`] : [],
  )
  return program(new URL('./remains.sh', import.meta.url), {
    parameters: {
      files: [...files.map(({ path }) => path), sudoersPath(app)],
      links: [...linksOf(runtime), ...linksOf(router)],
      printUsed: sh.lines(...used),
      root: layout.root,
      own: ownNames(layout, [runtime, router]),
      shared: posix.basename(layout.shared.dir),
      user: layout.user ?? '',
      comment: commentOf(app),
    },
  })
}

const linksOf = ({ links = [], moved = [] }: Provision) => [...links.flat(), ...moved]

export function parseRemains(text: string): Remains {
  const of = (kind: string) =>
    text.split('\n').flatMap(line => (line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : []))
  return {
    files: of('file'),
    used: of('used'),
    foreign: of('foreign'),
    own: of('own'),
    shared: of('shared'),
    other: of('other'),
    user: of('user')[0] as Remains['user'],
  }
}

/** @throws `APP_TAKEN`, `FILE_NOT_OURS` or `ROOT_TAKEN` if a file or the folder belongs to another application, or was not made by `setup` */
export function planRemoval(request: RemovalRequest): AnyQuery<RemovalPlan> {
  const { app, layout, runtime, router, root } = request
  const files = [runtime, router].map(provision => ({ files: provision.files }))
  return group(
    [
      capture(asReader(root, remainsScript(request)), parseRemains),
      // The ports of other applications do not matter here.
      assertFree({ app, layout, slots: [], provisions: files }, root),
      capture(interruptedSetup(app), text => text !== ''),
    ],
    (remains, existing, cut) => {
      const texts = existing.filter(({ path }) => remains.files.includes(path)).map(({ text }) => text)
      return planned(request, remains, { cut, certificates: certificatesIn(texts) })
    },
  )
}

/** The names of certificates of certbot in these files. */
const certificatesIn = (texts: readonly string[]): readonly string[] => [
  ...new Set(
    texts.flatMap(text => [...text.matchAll(/\/etc\/letsencrypt\/live\/([\w.-]+)\//g)].map(([, name = '']) => name)),
  ),
]

export function planned(
  { app, layout, runtime, router, shared }: RemovalRequest,
  { files, used, foreign, own, shared: data, other, user }: Remains,
  { cut, certificates }: { readonly cut: boolean; readonly certificates: readonly string[] },
): RemovalPlan {
  const partOf = (provision: Provision, more: readonly string[] = []): Part => {
    const all = [...provision.files.map(({ path }) => path), ...linksOf(provision), ...more]
    const paths = all.filter(path => !used.includes(path) && !foreign.includes(path))
    const { apply, unapply = apply } = provision
    return { paths, there: paths.filter(path => files.includes(path)), apply, unapply }
  }
  const whyKept = userKept(user, !shared && data.length > 0)
  const inRoot = (name: string) => posix.join(layout.root, name)
  return {
    router: partOf(router),
    rest: partOf(runtime, [sudoersPath(app)]),
    names: [...ownNames(layout, [runtime, router]), ...(shared ? data : [])],
    folders: [...own, ...(shared ? data : [])],
    user: whyKept === undefined && user !== undefined ? layout.user : undefined,
    kept: [
      ...(whyKept === undefined ? [] : [{ path: `the user ${layout.user}`, why: whyKept }]),
      ...(shared
        ? []
        : data.map(name => ({ path: inRoot(name), why: "the application's data; --shared deletes it too" }))),
      ...other.map(name => ({ path: inRoot(name), why: 'not made by switchyard' })),
      ...foreign.map(path => ({ path, why: 'not made by switchyard' })),
      ...used.filter(path => files.includes(path)).map(path => ({ path, why: 'other applications may need it' })),
      ...certificates.map(name => ({
        path: `/etc/letsencrypt/live/${name}`,
        why: `a certificate; \`certbot delete --cert-name ${name}\` deletes it`,
      })),
    ],
    cut,
  }
}

/** Why the user of the application stays; undefined if it goes, or if there is none. */
function userKept(user: Remains['user'], ownsData: boolean): string | undefined {
  if (user === 'found') return 'not made by switchyard'
  if (user === 'used') return 'other units run as it'
  return user === 'made' && ownsData ? 'it owns the data' : undefined
}

/** Whether there is nothing to delete. */
export const isGone = ({ router, rest, folders, user, cut }: RemovalPlan): boolean =>
  !cut && user === undefined && router.there.length + rest.there.length + folders.length === 0
