/** The words of Docker's commands. */

/** What `docker build` is told. */
export interface BuildOptions {
  /** Relative to `context`; `Dockerfile` unless told. */
  readonly dockerfile?: string
  /** The stage that makes the tarball. */
  readonly target?: string
  /** Not for secrets: they stand in the process list while it builds, and in the image for ever. */
  readonly buildArgs?: Readonly<Record<string, string>>
  /**
   * Secrets, in the words of `docker build --secret`: `id=npm,env=NPM_TOKEN` or `id=npm,src=/path/to/file`. A step reads
   * one with `RUN --mount=type=secret,id=npm`. Needs BuildKit.
   */
  readonly secrets?: readonly string[]
}

/** Docker knows these build arguments by itself and keeps them out of the image. By name only: the value may hold a password. */
const PROXY = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/** The name of an application's last image. A build never takes it by that name: another one may have come between. */
export const tagOf = (app: string): string => `switchyard/${app}:build`

/** Of `docker build`, but for the context. */
export function buildArguments(
  app: string,
  { dockerfile, target, buildArgs = {}, secrets = [] }: BuildOptions,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return [
    ...['--force-rm', '--tag', tagOf(app), '--label', `switchyard.app=${app}`],
    ...(dockerfile === undefined ? [] : ['--file', dockerfile]),
    ...(target === undefined ? [] : ['--target', target]),
    ...PROXY.filter(name => environment[name]).flatMap(name => ['--build-arg', name]),
    ...Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...secrets.flatMap(secret => ['--secret', secret]),
  ]
}

export const isPattern = (artifact: string): boolean => /[*?]/.test(artifact)

/** Of `docker create`. The container is there to be copied from; for a pattern, to say what it means. */
export function createArguments(container: string, image: string, artifact: string): string[] {
  const made = ['create', '--name', container, '--network', 'none']
  if (!isPattern(artifact)) return [...made, image, 'true']
  return [...made, '--entrypoint', 'sh', image, '-c', `ls -1d -- ${artifact.replace(/[^\w/.*?+:@-]/g, '\\$&')}`]
}

/**
 * Removes the images of an application's earlier builds, which have lost their tag to the last one; that one stays, for
 * the builder's cache. Young ones stay too: another build may be about to copy out of one.
 */
export const pruneArguments = (app: string): string[] => [
  ...['image', 'prune', '--force', '--filter', `label=switchyard.app=${app}`, '--filter', 'until=1h'],
]
