/** Stops real processes on this machine that the test, like an earlier operator, started outside of any slot. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Host } from '../../../host/host.ts'
import { local } from '../../../host/local.ts'
import { stopAdopted } from '../../../slots/lifecycle/adopt.ts'

let host: Host
let child: ChildProcess
beforeEach(async () => {
  host = await local().open({ signal: new AbortController().signal, confirm: async () => false })
})
afterEach(async () => {
  child.kill('SIGKILL')
  await host[Symbol.asyncDispose]()
})

async function adopted(script: string) {
  child = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  if (child.stdout) await once(child.stdout, 'data')
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
  return { pid: child.pid ?? 0, startTime: stat.replace(/.*\) /, '').split(' ')[19] ?? '' }
}

it('an adopted process ends on SIGTERM', async () => {
  expect(await host.query(stopAdopted(await adopted('echo up; exec sleep 60')))).toEqual({
    was: 'running',
    killed: false,
  })
})

it('an adopted process that ignores SIGTERM is killed, and the result says so', async () => {
  const stubborn = await adopted(`trap '' TERM; echo up; while :; do sleep 0.1; done`)
  expect(await host.query(stopAdopted(stubborn, 1))).toEqual({ was: 'running', killed: true })
})

it('an adopted process counts as stopped when another process has its pid, and that one is left alone', async () => {
  const { pid, startTime } = await adopted('echo up; exec sleep 60')
  expect(await host.query(stopAdopted({ pid, startTime: `${startTime}1` }))).toEqual({ was: 'stopped', killed: false })
  expect(child.exitCode).toBeNull()
})

it('an adopted process counts as stopped when only a zombie is left', async () => {
  const parent = await adopted('sleep 0.1 & echo $!; exec sleep 60')
  const { stdout } = await host.run({
    writes: false,
    text: `pid=$(pgrep -P ${parent.pid}); until grep -q '^State:.Z' /proc/$pid/status; do sleep 0.05; done; sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f20; echo $pid`,
  })
  const [startTime = '', pid] = stdout.split('\n')
  expect(await host.query(stopAdopted({ pid: Number(pid), startTime }))).toEqual({ was: 'stopped', killed: false })
})
