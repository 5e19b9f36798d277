/** What a dry run says in sentences. */
import { describe, expect, it } from 'vitest'
import { deploySentences } from '../../../slots/lifecycle/would-deploy.ts'
import { setupSentences, wouldText } from '../../../slots/setup/sentences.ts'
import type { SlotRecord } from '../../../slots/state/slot-record.ts'

const [blue, green] = [
  { name: 'blue', port: 4000, env: {} },
  { name: 'green', port: 5000, env: {} },
]
const base = {
  what: '0.1.1',
  built: true,
  idle: green,
  live: blue,
  record: { release: { name: '0.1.0-3fa9c21' } } as SlotRecord,
  variables: 12,
  health: { path: '/health', passes: 3, within: 60_000 },
  serves: true,
  prepares: false,
  migrate: true,
  promote: true,
  probes: true,
}

describe('a dry run of a deploy', () => {
  it('tells each step of the deploy', () => {
    expect(wouldText('deploy', deploySentences(base))).toBe(`A deploy would:
  1. build 0.1.1, and upload the files that no release on the host has
  2. stop 0.1.0-3fa9c21 in green, after its connections
  3. start 0.1.1 in green, on port 5000, with 12 variables
  4. wait for 3 answers of /health in a row with status 200, at most 60 s, or stop green again
  5. remove old releases, except the newest 5 and those of the slots
  6. run the migrations of the release
  7. move the traffic from blue to green while requests are sent, prove that, and take it back if that fails
--verbose adds each command that it would run.`)
  })

  it('tells the first deploy, one without a build, and one that moves no traffic', () => {
    const first = deploySentences({ ...base, live: undefined, record: undefined, migrate: false, probes: false })
    expect(first).toContain('use green, which has no release yet')
    expect(first.at(-1)).toBe('send the traffic to green, prove that, and take it back if that fails')
    const again = deploySentences({ ...base, what: '0.1.0-3fa9c21', built: false, prepares: true, promote: false })
    expect(again.slice(0, 2)).toEqual([
      'use 0.1.0-3fa9c21, which is on the host',
      'prepare the release, unless that was done',
    ])
    expect(again.at(-1)).toBe('leave the traffic with blue')
    expect(deploySentences({ ...base, serves: false })).toContain('wait until its processes are fit to run')
  })
})

describe('a dry run of a setup', () => {
  const file = (path: string) => ({ path, text: '', mode: 0o644 })
  const planned = { folders: [], files: [], links: [], removed: [], cut: false }

  it('tells which folders, files and links it would change, and how it ends', () => {
    const fresh = '--- /etc/a\n+++ /etc/a\n@@ -0,0 +1,2 @@\n+one\n+two\n'
    const changed = '--- /etc/b\n+++ /etc/b\n@@ -1,2 +1,3 @@\n one\n-two\n+2\n+3\n'
    const files = [
      { file: file('/etc/a'), diff: fresh },
      { file: file('/etc/b'), diff: changed },
    ]
    expect(
      setupSentences({ ...planned, cut: true, folders: ['/srv/life'], files, links: ['/etc/l'], removed: ['/etc/r'] }),
    ).toEqual([
      'restore the files of an earlier setup that was interrupted',
      'create 1 folder, or correct its mode and owner: /srv/life',
      'write /etc/a, which is new, with 2 lines',
      'change /etc/b: 2 lines more, 1 fewer',
      'create the link /etc/l',
      'stop what /etc/r runs, and remove it',
      'check the configuration and put it in force; if that fails, restore every file',
    ])
  })

  it('has nothing to tell if nothing would change', () => {
    expect(setupSentences(planned)).toEqual([])
  })
})
