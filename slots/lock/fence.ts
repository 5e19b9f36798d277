/**
 * Keeps late writes out. While a run holds the lock, each of its scripts that writes first looks, on the host and in the same
 * script, whether the lock still names this deploy. A client that was frozen, or cut off, and comes back after another has
 * taken over is refused there.
 */
import { posix } from 'node:path'
import { hostFaults } from '../../host/faults.ts'
import type { Host } from '../../host/host.ts'
import { lastLines } from '../../host/run.ts'
import { type Output, type Script, sh } from '../../host/script.ts'
import { slotFaults } from '../faults.ts'
import type { Layout } from '../layout.ts'
import { type Lock, parseOwner } from './lock.ts'

const REFUSED = 97
const MARK = 'switchyard: the lock is not ours, it names '

/** Exits, having done nothing, unless it is this deploy that had the lock last. */
export const fence = (layout: Layout, deploy: string): Script =>
  sh.read`grep -qF ${`"deploy":"${deploy}"`} ${layout.lock} || { printf '%s%s\\n' ${MARK} "$(cat ${layout.lock})" >&2; exit ${REFUSED}; }`

interface Guard {
  readonly layout: Layout
  readonly deploy: string
  /** The lock that this run holds now, if any. */
  lock(): Lock | undefined
  /** The run takes back what it did: it may, also when its lock was lost, as long as nobody had it since. */
  readonly undoing: boolean
}

/** The host as a run sees it that may hold the lock: writing throws `LOCK_LOST` or `OVERTAKEN` when it should not. */
export function fencedHost(host: Host, { layout, deploy, lock, undoing }: Guard): Host {
  const fenced = (script: Script): Script => {
    const held = lock()
    if (!held || !script.writes) return script
    if (!undoing) held.check()
    return sh.lines(fence(layout, deploy), script)
  }
  const run: Host['run'] = async (script, options) => judge(host, await host.run(fenced(script), options))
  const ask: Host['ask'] = async (script, options) => {
    const { code, stdout, stderr } = await run(script, options)
    if (code === 0) return stdout.replace(/\r?\n$/, '')
    throw hostFaults.COMMAND_FAILED({
      host: host.name,
      command: script.text,
      code,
      stderr: lastLines(stderr || stdout),
    })
  }
  return {
    name: host.name,
    $: host.$,
    read: host.read,
    run,
    ask,
    async put(...words) {
      if (!undoing) lock()?.check()
      await host.put(...words)
    },
    async write(path, text, mode) {
      if (!lock()) return host.write(path, text, mode)
      const next = posix.join(posix.dirname(path), `.${posix.basename(path)}.${deploy}`)
      await host.write(next, text, mode)
      try {
        await ask(sh.write`mv -f -T -- ${next} ${path}`)
      } catch (error) {
        await host.run(sh.write`rm -f -- ${next}`).catch(() => undefined)
        throw error
      }
    },
    attach: command => host.attach(command),
    hold: script => host.hold(script),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

function judge(host: Host, output: Output): Output {
  const at = output.code === REFUSED ? output.stderr.lastIndexOf(MARK) : -1
  if (at < 0) return output
  throw slotFaults.OVERTAKEN({
    host: host.name,
    owner: parseOwner(output.stderr.slice(at + MARK.length).split('\n')[0]),
  })
}
