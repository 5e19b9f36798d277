import { capture } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'
import { checkTable } from '../../slots/preflight/checks.ts'
import { assertFit } from '../../slots/preflight/preflight.ts'
import { swarmChecks } from '../checks.ts'
import type { SwarmDeps } from '../context.ts'
import { planRouter } from '../router/router-service.ts'

/** Prints the status that a registry answers with, or why it does not answer. With TLS if it has it, as the engine asks. */
export const askRegistry = (name: string): Script =>
  sh.read`for scheme in https http; do
  if said=$(curl -q -sS -m 5 -o /dev/null --write-out '%{http_code}' "$scheme://"${name}/v2/ 2>&1); then break; fi
done
printf '%s\\n' "\${said##*$'\\n'}" | sed 's/^000//'`

export const doctor = ({ task }: SwarmDeps) =>
  task('Examine the swarm', {
    description:
      'Checks the managers, the nodes, the routers, which slot is live, the tasks of both slots, and whether the manager reaches the registry.\n' +
      'Exits with 3 if a check fails. --json prints the checks as data.',
    examples: ['doctor', 'doctor --json'],
    async run({ host, definition, health, slots, routerImage, note, show, ...context }) {
      const { registry } = definition
      const cluster = await context.cluster()
      const there = cluster.records && cluster.router
      const name = registry?.split('/')[0]
      const checks = swarmChecks({
        cluster,
        states: there && (await (await context.control(cluster)).states()),
        planned: planRouter({ ...definition, health, slots, image: routerImage }).digest,
        registry: name === undefined ? undefined : { name, answer: await host.query(capture(askRegistry(name))) },
      })
      const count = (result: string) => checks.filter(check => check.result === result).length
      note(`${count('ok')} passed, ${count('warn')} warnings, ${count('fail')} failed`)
      show(columns => checkTable(checks, columns), { checks })
      assertFit(host, checks, undefined)
    },
  })
