/** Arguments of Docker commands. Pure. */

/** Options of `docker build`. */
export interface BuildOptions {
  /**
   * Path relative to `context`.
   *
   * @default 'Dockerfile'
   */
  readonly dockerfile?: string
  /**
   * The platform of the host, if it differs from that of this machine, which then has to emulate the build.
   *
   * @example 'linux/amd64'
   * @default that of this machine
   */
  readonly platform?: string
  /** The build stage that makes the tarball. */
  readonly target?: string
  /** Not for secrets: build arguments are visible in the process list during the build, and in the image permanently. */
  readonly buildArgs?: Readonly<Record<string, string>>
  /**
   * Secrets in the syntax of `docker build --secret`. A build step reads one with `RUN --mount=type=secret,id=npm`. Requires BuildKit.
   *
   * @example ['id=npm,env=NPM_TOKEN', 'id=key,src=/path/to/file']
   */
  readonly secrets?: readonly string[]
}

/** Docker predefines these build arguments and keeps them out of the image. Passed by name only, because the value may contain a password. */
const PROXY = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/** The tag of an application's latest image. A build addresses its own image by id, because a concurrent build may move the tag. */
export const tagOf = (app: string): string => `switchyard/${app}:build`

/** The arguments of `docker build`, except the context. */
export function buildArguments(
  app: string,
  { platform, dockerfile, target, buildArgs = {}, secrets = [] }: BuildOptions,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return [
    ...['--force-rm', '--tag', tagOf(app), '--label', `switchyard.app=${app}`],
    ...(platform === undefined ? [] : ['--platform', platform]),
    ...(dockerfile === undefined ? [] : ['--file', dockerfile]),
    ...(target === undefined ? [] : ['--target', target]),
    ...PROXY.filter(name => environment[name]).flatMap(name => ['--build-arg', name]),
    ...Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...secrets.flatMap(secret => ['--secret', secret]),
  ]
}

export const isPattern = (artifact: string): boolean => /[*?]/.test(artifact)

/** The arguments of `docker create`. The container only serves as a source for `docker cp`; for a pattern it runs `ls` to expand it. */
export function createArguments(container: string, image: string, artifact: string, platform?: string): string[] {
  const of = platform === undefined ? [] : ['--platform', platform]
  const args = ['create', '--name', container, '--network', 'none', ...of]
  if (!isPattern(artifact)) return [...args, image, 'true']
  return [...args, '--entrypoint', 'sh', image, '-c', `ls -1d -- ${artifact.replace(/[^\w/.*?+:@-]/g, '\\$&')}`]
}

/**
 * Removes untagged images of an application's earlier builds. Keeps the latest one for the build cache, and those younger than one hour, because a
 * concurrent build may be about to copy from one.
 */
export const pruneArguments = (app: string): string[] => [
  ...['image', 'prune', '--force', '--filter', `label=switchyard.app=${app}`, '--filter', 'until=1h'],
]
