/** The `BuildSource` contract as a test suite for any implementation. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { localShell } from '../../runner/engine/local-shell.ts'
import { redactor } from '../../runner/secrets/redact.ts'
import type { BuildSource, Plugin, PluginContext } from '../../slots/contracts.ts'
import { faultOf, pluginKit } from '../support/plugin-kit.ts'
import { PATIENCE } from './patience.ts'

const run = promisify(execFile)

/** The implementation to test. It builds a project in a git folder, version 1.2.3; its tarball contains a file `VERSION`. */
export interface BuildUnderTest extends AsyncDisposable {
  readonly app: string
  readonly folder: string
  readonly plugin: Plugin<BuildSource>
  /**
   * Reads the file `VERSION` in an artifact.
   *
   * @default from the top of the tarball
   */
  readonly versionIn?: (path: string) => Promise<string>
  /** True for a source that builds a revision and never the working copy: its revision is never dirty. */
  readonly exact?: boolean
  /** A plugin whose build fails, and text of its output that the error must contain. */
  readonly failing: { readonly plugin: Plugin<BuildSource>; readonly says: string }
  /** A plugin whose build never ends, and the line that it prints once it has started. Required if `works` is true. */
  readonly endless?: { readonly plugin: Plugin<BuildSource>; readonly begun: string }
  /** Everything that builds have left behind except artifacts: containers, folders, processes. */
  left(): Promise<readonly string[]>
  /** The paths of the artifacts that exist now. */
  artifacts(): Promise<readonly string[]>
}

/** The context of a build source, whose `$` is the runner's shell of this machine, in `folder`. */
export async function buildKit(parts: Partial<PluginContext> & Pick<PluginContext, 'folder'>): Promise<PluginContext> {
  const kit = pluginKit(parts)
  const over = new AbortController().signal
  const { $ } = await localShell({ ...kit, cwd: kit.folder, redactor: redactor(), over })
  return { ...kit, $ }
}

async function versionAtTop(path: string): Promise<string> {
  const version = 'tar -xOzf "$0" VERSION 2> /dev/null || tar -xOzf "$0" ./VERSION'
  return (await run('bash', ['-c', version, path])).stdout
}

/**
 * Defines the suite for a build source.
 *
 * @param works true if a build runs a process that can be interrupted, which needs `endless`; false for a source that only finds a file
 */
export function buildSourceContract(name: string, works: boolean, open: () => Promise<BuildUnderTest>): void {
  describe(name, () => {
    let subject: BuildUnderTest
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(() => subject?.[Symbol.asyncDispose]())
    const kit = (parts: Partial<PluginContext> = {}) => buildKit({ app: subject.app, folder: subject.folder, ...parts })
    const nothingLeft = () => expect.poll(() => subject.left(), { ...PATIENCE, interval: 200 }).toEqual([])

    test('a dry run builds nothing, and returns an artifact of the right version', async () => {
      const before = await subject.artifacts()
      const artifact = await subject.plugin.create(await kit({ dryRun: true })).build()
      expect(artifact.version).toBe('1.2.3')
      expect(artifact.sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(isAbsolute(artifact.path)).toBe(true)
      expect(await subject.artifacts()).toEqual(before)
      expect(await subject.left()).toEqual([])
    })

    test('a build creates a tarball, returns its version and its hash, and leaves nothing else behind', async () => {
      const artifact = await subject.plugin.create(await kit()).build()
      expect(isAbsolute(artifact.path)).toBe(true)
      expect(artifact.version).toBe('1.2.3')
      expect(artifact.sha256).toBe(
        createHash('sha256')
          .update(await readFile(artifact.path))
          .digest('hex'),
      )
      expect(await (subject.versionIn ?? versionAtTop)(artifact.path)).toBe('1.2.3\n')
      expect(await subject.artifacts()).toContain(artifact.path)
      await nothingLeft()
    })

    test('the revision of an artifact is the commit, marked as dirty when the build could see other files', async () => {
      const git = async (...args: string[]) => (await run('git', ['-C', subject.folder, ...args])).stdout.trim()
      const head = await git('rev-parse', 'HEAD')
      const clean = await subject.plugin.create(await kit()).build()
      expect(clean.revision).toBe(head)
      await run('touch', [`${subject.folder}/new-file`])
      try {
        const dirty = await subject.plugin.create(await kit()).build()
        expect(dirty.revision).toBe(subject.exact ? head : `${head}-dirty`)
        if (subject.exact) expect(dirty.sha256).toBe(clean.sha256)
      } finally {
        await run('rm', [`${subject.folder}/new-file`])
      }
    })

    test('a build that fails throws a fault with the end of its output, and leaves nothing behind', async () => {
      const before = await subject.artifacts()
      const fault = await faultOf(subject.failing.plugin.create(await kit()).build())
      expect(fault.exitCode).toBe(1)
      expect(`${fault.message}\n${fault.detail}`).toContain(subject.failing.says)
      expect(await subject.artifacts()).toEqual(before)
      await nothingLeft()
    })

    if (!works) return
    test('an interrupted build ends, and leaves nothing behind', async () => {
      const { plugin, begun } = subject.endless ?? expect.fail('The suite needs `endless` when `works` is true.')
      const before = await subject.artifacts()
      const interruption = new AbortController()
      const lines: string[] = []
      const log = (line: string) => {
        lines.push(line)
        if (line.includes(begun)) interruption.abort(new Error('interrupted'))
      }
      const building = plugin.create(await kit({ signal: interruption.signal, log })).build()
      await expect(building).rejects.toThrow('interrupted')
      expect(lines.some(line => line.includes(begun))).toBe(true)
      expect(await subject.artifacts()).toEqual(before)
      await nothingLeft()
    })
  })
}
