/** The sentences of the `BuildSource` contract, for any implementation. */
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

const run = promisify(execFile)

/** One implementation to be tested: of a project in a git folder, version 1.2.3, whose tarball holds a file `VERSION`. */
export interface BuildUnderTest extends AsyncDisposable {
  readonly app: string
  readonly folder: string
  readonly plugin: Plugin<BuildSource>
  /** One whose build fails; what it says last. */
  readonly failing: { readonly plugin: Plugin<BuildSource>; readonly says: string }
  /** One that has no end, and the line that it prints when it has begun. */
  readonly endless?: { readonly plugin: Plugin<BuildSource>; readonly begun: string }
  /** All that a build could leave behind beside its artifact: containers, folders, processes. */
  left(): Promise<readonly string[]>
  /** The artifacts that are there. */
  artifacts(): Promise<readonly string[]>
}

/** A kit whose shell is the runner's own, in a folder. */
export async function buildKit(parts: Partial<PluginContext> & Pick<PluginContext, 'folder'>): Promise<PluginContext> {
  const kit = pluginKit(parts)
  const over = new AbortController().signal
  const { $ } = await localShell({ ...kit, cwd: kit.folder, redactor: redactor(), over })
  return { ...kit, $ }
}

/** `works`: a build takes its time, and can be interrupted. */
export function buildSourceContract(name: string, works: boolean, open: () => Promise<BuildUnderTest>): void {
  describe(name, () => {
    let it: BuildUnderTest
    beforeAll(async () => {
      it = await open()
    })
    afterAll(() => it?.[Symbol.asyncDispose]())
    const kit = (parts: Partial<PluginContext> = {}) => buildKit({ app: it.app, folder: it.folder, ...parts })
    const nothingLeft = () => expect.poll(() => it.left(), { timeout: 20_000, interval: 200 }).toEqual([])

    test('a dry run makes nothing, and gives an artifact of the right version', async () => {
      const before = await it.artifacts()
      const artifact = await it.plugin.create(await kit({ dryRun: true })).build()
      expect(artifact.version).toBe('1.2.3')
      expect(artifact.sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(isAbsolute(artifact.path)).toBe(true)
      expect(await it.artifacts()).toEqual(before)
      expect(await it.left()).toEqual([])
    })

    test('a build makes a tarball, tells its version and its hash, and leaves nothing else behind', async () => {
      const artifact = await it.plugin.create(await kit()).build()
      expect(isAbsolute(artifact.path)).toBe(true)
      expect(artifact.version).toBe('1.2.3')
      expect(artifact.sha256).toBe(
        createHash('sha256')
          .update(await readFile(artifact.path))
          .digest('hex'),
      )
      expect((await run('tar', ['-xOzf', artifact.path, 'VERSION'])).stdout).toBe('1.2.3\n')
      expect(await it.artifacts()).toContain(artifact.path)
      await nothingLeft()
    })

    test('the artifact knows the commit that it was made of, and that something else was in the folder', async () => {
      const git = async (...words: string[]) => (await run('git', ['-C', it.folder, ...words])).stdout.trim()
      const head = await git('rev-parse', 'HEAD')
      const clean = await it.plugin.create(await kit()).build()
      expect(clean.revision).toBe(head)
      await run('touch', [`${it.folder}/new-file`])
      try {
        expect((await it.plugin.create(await kit()).build()).revision).toBe(`${head}-dirty`)
      } finally {
        await run('rm', [`${it.folder}/new-file`])
      }
    })

    test('a build that fails is a fault with the end of its output, and leaves nothing behind', async () => {
      const before = await it.artifacts()
      const fault = await faultOf(it.failing.plugin.create(await kit()).build())
      expect(fault.exitCode).toBe(1)
      expect(`${fault.message}\n${fault.detail}`).toContain(it.failing.says)
      expect(await it.artifacts()).toEqual(before)
      await nothingLeft()
    })

    if (!works) return
    test('a build that is interrupted ends, and leaves nothing behind', async () => {
      const { plugin, begun } = it.endless ?? expect.fail('a build that works has one that has no end')
      const before = await it.artifacts()
      const interruption = new AbortController()
      const lines: string[] = []
      const log = (line: string) => {
        lines.push(line)
        if (line.includes(begun)) interruption.abort(new Error('interrupted'))
      }
      const building = plugin.create(await kit({ signal: interruption.signal, log })).build()
      await expect(building).rejects.toThrow('interrupted')
      expect(lines.some(line => line.includes(begun))).toBe(true)
      expect(await it.artifacts()).toEqual(before)
      await nothingLeft()
    })
  })
}
