import { expect, it } from 'vitest'
import { type ReleaseState, releaseProblems } from '../../dev/release-problems.ts'

const ready: ReleaseState = {
  manifest: { version: '0.2.0', repository: 'github:somebody/switchyard' },
  changelog: '# Changelog\n\n## 0.2.0, 2026-12-01\n\n- new\n\n## 0.1.0, 2026-11-26\n',
  tags: ['v0.2.0'],
  changes: '',
  environment: { GITHUB_ACTIONS: 'true' },
}

it('a tagged commit with a dated changelog is published from CI', () => {
  expect(releaseProblems(ready)).toEqual([])
  expect(releaseProblems({ ...ready, environment: { GITLAB_CI: 'true' } })).toEqual([])
})

it('a commit without a repository is told the lines to add', () => {
  const [problem = ''] = releaseProblems({ ...ready, manifest: { version: '0.2.0' } })
  const lines = problem.split('\n').filter(line => line.startsWith('    "'))
  const added = JSON.parse(`{${lines.join('\n').replace(/,$/, '')}}`)
  expect(Object.keys(added)).toEqual(['homepage', 'bugs', 'repository'])
  expect(releaseProblems({ ...ready, manifest: { version: '0.2.0', ...added } })).toEqual([])
})

it.each<[string, Partial<ReleaseState>, string]>([
  ['with changes', { changes: ' M index.ts' }, 'changes'],
  ['with the tag of another version', { tags: ['v0.1.0', ''] }, 'no tag v0.2.0'],
  ['whose changelog has no date yet', { changelog: '## 0.2.0, not released yet\n' }, 'CHANGELOG.md'],
  [
    'whose changelog begins with another version',
    { changelog: '## 0.3.0, 2026-12-01\n## 0.2.0, 2026-12-01\n' },
    'CHANGELOG.md',
  ],
  ['whose version only looks alike', { manifest: { version: '0.2', repository: 'x' }, tags: ['v0.2'] }, 'CHANGELOG.md'],
  ['without a repository', { manifest: { version: '0.2.0' } }, 'repository'],
  ['that is private', { manifest: { ...ready.manifest, private: true } }, 'private'],
  ['on a laptop', { environment: {} }, 'GitHub Actions'],
])('a commit %s is not published', (_, change, says) => {
  expect(releaseProblems({ ...ready, ...change })).toEqual([expect.stringContaining(says)])
})
