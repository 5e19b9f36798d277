import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../host/exit-codes.ts'
import { local } from '../../../host/local.ts'
import { sh } from '../../../host/script.ts'
import { report } from '../../../runner/engine/error-report.ts'
import { slotFaults } from '../../../slots/faults.ts'
import { newDeploy } from '../../../slots/journal/journal.ts'
import { type Layout, layout } from '../../../slots/layout.ts'
import { fence, fenceOf } from '../../../slots/lock/fence.ts'
import { type Lock, takeLock } from '../../../slots/lock/lock.ts'
import { close, open, parseMaintenance } from '../../../slots/lock/maintenance.ts'

const exec = promisify(execFile)
let at: Layout
beforeEach(async () => {
  at = layout(await mkdtemp(join(tmpdir(), 'switchyard-fence-')))
})

const here = () => local().open({ signal: new AbortController().signal, confirm: async () => false })
const held: Lock = { check: () => undefined, expired: () => false, [Symbol.asyncDispose]: async () => undefined }
const fault = (code: string, message?: RegExp) =>
  expect.objectContaining(message ? { code, message: expect.stringMatching(message) } : { code })

describe('a fence', () => {
  const passes = async (undoing: boolean) => {
    const { text } = sh.lines(fence(at, 'mine', undoing), sh.write`echo passed`)
    const { stdout } = await exec('bash', ['-c', `set -eu -o pipefail\n${text}`]).catch(error => error)
    return stdout === 'passed\n'
  }
  it.each([
    ['names this deploy', '{"by":"me","deploy":"mine"}\n', true, true],
    ['named this deploy when it was released', '{"by":"me","deploy":"mine"}\nreleased\n', false, true],
    ['names another deploy', '{"by":"ann","deploy":"hers"}\n', false, false],
    ['named another deploy when it was released', '{"by":"ann","deploy":"hers"}\nreleased\n', false, false],
    ['is empty', '', false, false],
  ])('lets a script run, and an undo, only if the lock names this deploy: it %s', async (_, text, open, openToUndo) => {
    await writeFile(at.lock, text)
    expect([await passes(false), await passes(true)]).toEqual([open, openToUndo])
  })
})

describe('a host with a fence', () => {
  const guarded = (lock: Lock | undefined, undoing = false) =>
    local().open({
      signal: new AbortController().signal,
      confirm: async () => false,
      guard: fenceOf({ host: 'web-1', layout: at, deploy: 'mine', lock: () => lock, undoing: () => undoing }),
    })
  const hers = '{"by":"ann@desk","since":"noon","doing":"deploy","deploy":"hers"}\nreleased\n'
  const overtaken = fault('OVERTAKEN', /^web-1 refused a late write.* ann@desk .* at noon \(hers\)/)
  const inside = async () => (await readdir(at.root)).sort()

  it('writes while the lock is ours, and reports the errors of the script itself', async () => {
    await writeFile(at.lock, '{"deploy":"mine"}\n')
    await using ours = await guarded(held)
    await ours.write(join(at.root, 'file'), 'text', 0o600)
    expect(await readFile(join(at.root, 'file'), 'utf8')).toBe('text')
    await ours.put(join(at.root, 'file'), join(at.root, 'copy'))
    expect(await readFile(join(at.root, 'copy'), 'utf8')).toBe('text')
    expect(await ours.$({ env: { A: 'b c' }, cwd: at.root })`echo "$A" > by-hand; cat by-hand`.text()).toBe('b c\n')
    expect(await ours.capture(sh.write`cat`, { input: 'whole\n' })).toBe('whole')
    await expect(ours.capture(sh.write`echo why >&2; exit 3`)).rejects.toThrowError(
      expect.objectContaining({ code: 'COMMAND_FAILED', detail: 'why', message: expect.not.stringContaining('grep') }),
    )
    expect(await ours.run(sh.write`exit ${97}`)).toMatchObject({ code: 97 })
    expect(await ours.run(sh.write`\n\nnone-such`)).toMatchObject({
      stderr: expect.stringContaining('line 3: none-such'),
    })
    expect(await inside()).toEqual(['by-hand', 'copy', 'file', 'lock'])
  })

  it('rejects every write after another deploy took the lock, and names its owner', async () => {
    await writeFile(at.lock, hers)
    await using late = await guarded(held)
    await using undoing = await guarded(held, true)
    await expect(late.run(sh.write`touch ${join(at.root, 'a')}`)).rejects.toThrowError(overtaken)
    await expect(late.capture(sh.write`touch ${join(at.root, 'a')}`)).rejects.toThrowError(overtaken)
    await expect(late.write(join(at.root, 'b'), 'text')).rejects.toThrowError(overtaken)
    await expect(late.put(at.lock, join(at.root, 'c'))).rejects.toThrowError(overtaken)
    await expect(undoing.capture(sh.write`touch ${join(at.root, 'd')}`)).rejects.toThrowError(overtaken)
    expect(await inside()).toEqual(['lock'])
    expect(await late.capture(sh.read`echo looked`)).toBe('looked')
  })

  it('rejects a write of $ with that fault as its cause, but still reads', async () => {
    await writeFile(at.lock, hers)
    await using late = await guarded(held)
    const file = join(at.root, 'e')
    const refused = await late.$`touch ${file}`.catch((reason: unknown) => reason)
    expect(refused).toMatchObject({ exitCode: null, cause: overtaken })
    expect(report(refused, { folder: at.root, files: [] })).toMatchObject({ code: 'OVERTAKEN' })
    expect(await late.$({ nothrow: true })`touch ${file}`).toMatchObject({ ok: false, cause: overtaken })
    expect(await inside()).toEqual(['lock'])
    expect(await late.$readonly`cat ${at.lock}`.text()).toBe(hers)
  })

  it('rejects a file when another deploy takes the lock during the transfer, and leaves no part of it', async () => {
    await writeFile(at.lock, '{"deploy":"mine"}\n')
    await using late = await guarded(held)
    const source = join(at.root, 'source')
    await writeFile(source, 'x'.repeat(3_000_000))
    let overtakenOnce = false
    const onProgress = () => {
      if (!overtakenOnce) writeFileSync(at.lock, hers)
      overtakenOnce = true
    }
    await expect(late.put(source, join(at.root, 'target'), { onProgress })).rejects.toThrowError(overtaken)
    expect(overtakenOnce).toBe(true)
    expect(await inside()).toEqual(['lock', 'source'])
  })

  it('rejects a write that reaches the host after it has released the lock, which the run does not know yet', async () => {
    await writeFile(at.lock, '{"deploy":"mine"}\nreleased\n')
    await using late = await guarded(held)
    await expect(late.capture(sh.write`touch ${join(at.root, 'a')}`)).rejects.toThrowError(fault('LOCK_LOST'))
    expect(await inside()).toEqual(['lock'])
  })

  it('rejects a write that was on its way when the run began to undo, once it has undone something', async () => {
    await writeFile(at.lock, '{"deploy":"mine"}\n')
    let undoing = false
    const guard = fenceOf({ host: 'web-1', layout: at, deploy: 'mine', lock: () => held, undoing: () => undoing })
    const sent = guard.script()?.text ?? expect.fail('there is no guard')
    const arrives = () => exec('bash', ['-c', `set -eu -o pipefail\n${sent}; echo done`])
    expect((await arrives()).stdout).toBe('done\n')
    await using host = await local().open({
      signal: new AbortController().signal,
      confirm: async () => false,
      guard,
    })
    undoing = true
    for (const text of ['once', 'twice']) expect(await host.capture(sh.write`echo ${text}`)).toBe(text)
    await expect(arrives()).rejects.toMatchObject({ code: EXIT.fence.refused })
    expect(await readFile(at.lock, 'utf8')).toBe('{"deploy":"mine"}\nreleased\n')
  })

  it('rejects a write after the lock was lost, but allows an undo while nobody else has it', async () => {
    await writeFile(at.lock, '{"deploy":"mine"}\nreleased\n')
    const lost: Lock = {
      ...held,
      check: () => {
        throw slotFaults.LOCK_LOST({ host: 'web-1', ttl: 15 })
      },
    }
    await using host = await guarded(lost)
    await using undoing = await guarded(lost, true)
    const lock = fault('LOCK_LOST')
    await expect(host.capture(sh.write`true`)).rejects.toThrowError(lock)
    await expect(host.write(join(at.root, 'a'), 'text')).rejects.toThrowError(lock)
    await expect(host.put(at.lock, join(at.root, 'b'))).rejects.toThrowError(lock)
    expect(await host.$`touch ${join(at.root, 'c')}`.catch((reason: unknown) => reason)).toMatchObject({ cause: lock })
    expect(await inside()).toEqual(['lock'])
    expect(await undoing.capture(sh.write`echo back`)).toBe('back')
  })

  it('lets a run without a lock write', async () => {
    await using host = await guarded(undefined)
    expect(await host.capture(sh.write`echo done`)).toBe('done')
    expect(await host.$`echo done`.text()).toBe('done\n')
    await host.write(join(at.root, 'file'), 'text')
    expect(await inside()).toEqual(['file'])
  })
})

describe('the lock', () => {
  const me = newDeploy('me')
  it('is refused to a second deploy, with the name of its owner', async () => {
    await using host = await here()
    await using _ = await takeLock(host, at, newDeploy('ann@desk'), 'deploy')
    await expect(takeLock(host, at, me, 'promote')).rejects.toThrowError(
      fault('LOCK_TAKEN', /ann@desk has held the lock .*: deploy/),
    )
  })

  it('goes to a waiting deploy once released, and onWait gets the owner', async () => {
    await using host = await here()
    const first = await takeLock(host, at, newDeploy('ann@desk'), 'deploy')
    const owners: string[] = []
    const onWait = ({ by }: { by: string }) => {
      owners.push(by)
      void first[Symbol.asyncDispose]()
    }
    await using second = await takeLock(host, at, me, 'promote', { wait: 30_000, onWait })
    expect(owners).toEqual(['ann@desk'])
    second.check()
    expect(await readFile(at.lock, 'utf8')).toContain(me.id)
  })

  it('is not awaited any longer when the run is interrupted', async () => {
    await using host = await here()
    await using _ = await takeLock(host, at, newDeploy('ann@desk'), 'deploy')
    const interruption = new AbortController()
    const onWait = () => interruption.abort(new Error('enough'))
    const waiting = takeLock(host, at, me, 'promote', { wait: 600_000, signal: interruption.signal, onWait })
    await expect(waiting).rejects.toThrowError('enough')
  })

  it('is refused to another destination than that of its last owner, whose name the file keeps', async () => {
    await using host = await here()
    const to = (destination: string) => ({ ...newDeploy('ann@desk'), destination })
    const first = await takeLock(host, at, to('staging'), 'deploy')
    await expect(takeLock(host, at, to('production'), 'promote')).rejects.toThrowError(
      fault('LOCK_TAKEN', /: deploy to staging \(/),
    )
    await first[Symbol.asyncDispose]()
    const wait = { wait: 10_000 }
    await expect(takeLock(host, at, to('production'), 'promote', wait)).rejects.toThrowError(
      fault('DESTINATION_OTHER', /belongs to the destination staging, not to production/),
    )
    expect(JSON.parse((await readFile(at.lock, 'utf8')).split('\n')[0] ?? '')).toMatchObject({ destination: 'staging' })
    await using again = await takeLock(host, at, to('staging'), 'promote', wait)
    again.check()
  })

  it('is granted to any destination after a run without one', async () => {
    await using host = await here()
    const first = await takeLock(host, at, newDeploy('ann@desk'), 'deploy')
    await first[Symbol.asyncDispose]()
    await using second = await takeLock(host, at, { ...me, destination: 'beta' }, 'deploy', { wait: 10_000 })
    second.check()
  })

  it('is refused while the host is closed for deploys, and granted after that', async () => {
    await using host = await here()
    await close(host, at, newDeploy('ann@desk'), 'new disks')
    await expect(takeLock(host, at, me, 'deploy')).rejects.toThrowError(
      fault('CLOSED', /ann@desk closed .*: new disks/),
    )
    expect(await open(host, at)).toMatchObject({ by: 'ann@desk', reason: 'new disks' })
    expect(await open(host, at)).toBeUndefined()
    await using lock = await takeLock(host, at, me, 'deploy')
    lock.check()
  })

  it('is also refused by a file that a person wrote by hand', () => {
    expect(parseMaintenance('keep out\n')).toMatchObject({ by: 'somebody', reason: 'keep out' })
  })
})
