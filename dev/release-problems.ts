/** What speaks against the publication of a commit. Pure. */

export interface ReleaseState {
  readonly manifest: { readonly version: string; readonly repository?: unknown; readonly private?: boolean }
  readonly changelog: string
  /** The tags of the commit. */
  readonly tags: readonly string[]
  /** What `git status --porcelain` prints. */
  readonly changes: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Nobody can make the address up: it has to be the public one of the repository that runs the job. */
const NO_REPOSITORY = [
  '`repository` is missing in package.json, and provenance needs it. Add these lines, with the public address of the repository whose CI publishes:',
  '    "homepage": "https://github.com/OWNER/NAME#readme",',
  '    "bugs": "https://github.com/OWNER/NAME/issues",',
  '    "repository": { "type": "git", "url": "git+https://github.com/OWNER/NAME.git" },',
  '  Without a public repository there is no provenance: `npm pack` makes the tarball, and `npm publish` puts it into a registry of your own.',
].join('\n')

/** One sentence each; empty if the commit can be published. */
export function releaseProblems({ manifest, changelog, tags, changes, environment }: ReleaseState): string[] {
  const { version, repository } = manifest
  const heading = changelog.split('\n').find(line => line.startsWith('## ')) ?? ''
  const dated = new RegExp(`^## ${version.replaceAll('.', '\\.')}, \\d{4}-\\d{2}-\\d{2}$`)
  return [
    ...(manifest.private ? ['package.json says `private`.'] : []),
    ...(changes === '' ? [] : ['The working copy has changes that are not in the commit.']),
    ...(tags.includes(`v${version}`) ? [] : [`The commit has no tag v${version}.`]),
    ...(dated.test(heading) ? [] : [`The first version in CHANGELOG.md is not "## ${version}, <date>".`]),
    ...(repository === undefined ? [NO_REPOSITORY] : []),
    ...(environment.GITHUB_ACTIONS === 'true' || environment.GITLAB_CI === 'true'
      ? []
      : ['Provenance can only be made in GitHub Actions or GitLab CI, and this is neither.']),
  ]
}
