/** Measures how long it takes to notice a dead lock holder or a dead connection. */
import type { TestHost } from '../../dev/host.ts'
import type { Site } from '../../dev/site.ts'
import { now } from './promoter.ts'

/** Milliseconds from the signal to the task that holds the lock until another process could take it. */
export async function lockFreeAfter(site: Site, signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  const holder = site.start({}, 'hold-lock', '--verbose')
  try {
    await holder.says(/the lock is held/)
    const taken = await site.host.exec('flock -n /srv/life/lock true')
    if (taken.code === 0) throw new Error('The lock could be taken although it is held')
    const free = site.host.exec(`
for i in $(seq 6000); do if flock -n /srv/life/lock date +%s%3N; then exit 0; fi; sleep 0.01; done; exit 1`)
    const sentAt = now()
    holder.kill(signal)
    const { code, stdout } = await free
    if (code !== 0) throw new Error(`The lock was not free a minute after ${signal}`)
    return Math.max(0, Number(stdout) - sentAt)
  } finally {
    holder.kill('SIGKILL')
    await holder.ended
  }
}

/** Milliseconds from the freeze of the host's sshd until the task that uses the connection reports its loss. */
export async function deathNoticedAfter(site: Site): Promise<number> {
  const task = site.start({}, 'wait', '--verbose')
  try {
    await task.says(/connected/)
    const frozenAt = now()
    await signalSessions(site.host, 'STOP')
    await task.says(/connection to .* was lost/)
    return now() - frozenAt
  } finally {
    await signalSessions(site.host, 'KILL')
    task.kill('SIGKILL')
    await task.ended
  }
}

/** Signals the sshd processes that serve the deploying user. */
async function signalSessions(host: TestHost, signal: 'STOP' | 'KILL'): Promise<void> {
  await host.exec(`pkill -${signal} -u ${host.user} -x sshd`)
}
