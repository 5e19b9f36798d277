/** Whether a router on a host of its own reaches a slot: nothing on the application's host can tell, such as a firewall between the two. */
import type { Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { slotAt } from '../address.ts'
import type { Router, Slot } from '../contracts.ts'
import { slotFaults } from '../faults.ts'
import { besideRouter } from '../place.ts'

/** Timeout in seconds. */
const PATIENCE = 3

/** Connects to a slot, and prints curl's exit code, or 0 if there was a response. */
export const connect = (slot: Slot): Script => {
  const options = ['-q', '-s', '-o', '/dev/null', '--noproxy', '*', '--max-time', PATIENCE]
  return sh.read`code=0; curl ${options} ${`http://${slotAt(slot)}/`} || code=$?; echo "$code"`
}

/** Codes of curl that mean a connection: any response will do, and so does a connection that the application closes without one. */
const CONNECTED = [0, 1, 52, 56]

/** What an exit code of `connect` says about the connection; undefined if there was one. */
export function connectProblem(code: number): string | undefined {
  if (CONNECTED.includes(code)) return undefined
  if (code === 7) return 'the connection is refused, or there is no route'
  return code === 28 ? `no answer within ${PATIENCE} s` : `curl ${code}`
}

/**
 * For the pipeline of a switch, before it: a query that fails if the router does not reach the slot. None for a router on the application's host.
 *
 * @throws SLOT_UNREACHABLE
 */
export function assertReached(router: Router, slot: Slot): readonly Query<void>[] {
  if (router.machine === undefined) return []
  const script = besideRouter(
    router,
    sh.read`
${connect(slot)} | { read -r code; for connected in ${CONNECTED}; do if [ "$code" = "$connected" ]; then exit 0; fi; done; echo "$code"; exit 1; }`,
  )
  return [
    {
      script,
      read({ code, stdout }, { name: host }) {
        if (code === 0) return
        const why = connectProblem(Number(stdout.trim())) ?? 'no answer'
        throw slotFaults.SLOT_UNREACHABLE({ host, slot: slot.name, at: slotAt(slot), why })
      },
    },
  ]
}
