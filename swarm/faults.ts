/** Errors about a swarm: its managers, nodes and routers, the image, and the tasks of a slot. */

import { catalogue, fault } from '../runner/fault.ts'
import { listed } from '../runner/units.ts'

export const swarmFaults = catalogue({
  SLOT_NAME_TAKEN: fault<{ slot: string }>({
    exitCode: 2,
    message: d => `A slot of a swarm cannot be called ${d.slot}, because one of its own services is.`,
    hint: () => 'Give the slot another name, such as blue or green.',
  }),
  SWARM_SLOTS_NOT_TWO: fault<{ names: readonly string[] }>({
    exitCode: 2,
    message: d => `A swarm has exactly two slots; this one has ${d.names.length}.`,
    hint: () => 'Define two in the Taskfile, such as `slots: { blue: {}, green: {} }`.',
  }),
  REPLICAS_TOO_MANY: fault<{ replicas: number; most: number }>({
    exitCode: 2,
    message: d => `A slot can have at most ${d.most} tasks, not ${d.replicas}.`,
    hint: () => 'Use fewer tasks, and give each of them more of its node with `limits`.',
  }),
  MIGRATE_NOT_DEFINED: fault<object>({
    exitCode: 2,
    message: () => 'The Taskfile has no command that runs the migrations.',
    hint: () => "Set it: `migrate: 'bin/migrate'`.",
  }),
  ENGINE_UNREACHABLE: fault<{ host: string; why: string }>({
    exitCode: 3,
    message: d => `The Docker engine on ${d.host} does not answer: ${d.why}.`,
    hint: () => 'Start it, or add the deploying user to its group: `sudo usermod -aG docker USER`, then log in again.',
  }),
  MANAGERS_UNREACHABLE: fault<{ why: readonly string[] }>({
    exitCode: 3,
    message: () => 'None of the managers in the Taskfile answers.',
    hint: () =>
      'Bring one of them back, or name another one in `manager`. The routers go on with the route that they have.',
    detail: d => d.why.join('\n'),
  }),
  MANAGER_LOST: fault<{ host: string; slot: string }>({
    exitCode: 1,
    message: d => `The connection to ${d.host} was lost during the switch to ${d.slot}.`,
    hint: () =>
      'Check `npx task status`. If it reports a switch that did not end, run `npx task repair`, which moves all routers to the slot of the records.',
  }),
  SWITCH_LEFT: fault<{ slot: string }>({
    exitCode: 1,
    message: d =>
      `Some routers may send the traffic to ${d.slot} and others not, and no manager in the Taskfile answers, so they cannot be moved back.`,
    hint: () => 'Bring a manager back, or name another one in `manager`; then run `npx task repair`.',
  }),
  NOT_A_MANAGER: fault<{ host: string }>({
    exitCode: 3,
    message: d => `${d.host} is not a manager of a swarm.`,
    hint: () => 'Name a manager in the Taskfile, or make a swarm with `docker swarm init` there.',
  }),
  MANAGER_TAKEN_OUT: fault<{ node: string; availability: string }>({
    exitCode: 3,
    message: d =>
      `${d.node} has the availability ${d.availability}, so no container on it can join the network of the routers.`,
    hint: d =>
      `Name another manager in the Taskfile; or run \`docker node update --availability active ${d.node}\`, and keep tasks off it with \`constraints: ['node.role==worker']\`.`,
  }),
  SWARM_WITHOUT_QUORUM: fault<{ host: string; why: string }>({
    exitCode: 3,
    message: d => `${d.host} has lost the other managers, so the swarm accepts no change: ${d.why}.`,
    hint: () =>
      'Bring a majority of the managers back, then run the command again. The routers go on with the route that they have.',
  }),
  SWARM_NOT_SET_UP: fault<{ app: string; host: string }>({
    exitCode: 3,
    message: d => `The swarm of ${d.host} is not set up for ${d.app}.`,
    hint: () => 'Run `npx task setup`, or `npx task setup --dry-run` to see what it would do.',
  }),
  RECORDS_CHANGED: fault<{ app: string; why: string }>({
    exitCode: 1,
    message: d => `Another run has changed the records of ${d.app} since this one read them: ${d.why}.`,
    hint: () => 'Check `npx task status`, then run the command again.',
  }),
  NODE_DOWN: fault<{ nodes: readonly string[] }>({
    exitCode: 3,
    message: d => `The manager has lost ${listed(d.nodes)}, whose router cannot be moved and may still serve the site.`,
    hint: d =>
      `Bring it back; or take it out, if it serves nobody: \`docker node update --availability drain ${d.nodes[0]}\`. Nothing was switched.`,
  }),
  ROUTER_SILENT: fault<{ nodes: readonly string[] }>({
    exitCode: 3,
    message: d => `The router of ${listed(d.nodes)} does not answer.`,
    hint: d =>
      `Look at \`docker service ps\` of the router; take the node out if it serves nobody: \`docker node update --availability drain ${d.nodes[0]}\`. Nothing was switched.`,
  }),
  ROUTERS_NOT_STARTED: fault<{ nodes: readonly (readonly [string, string])[]; paused: boolean }>({
    exitCode: 1,
    message: d =>
      `${d.nodes.length > 0 ? `The router does not start on ${listed(d.nodes.map(([node, why]) => `${node} (${why.replace(/\.$/, '')})`))}` : 'A new router has failed'}${d.paused ? ', so the engine replaces no other one' : ''}.`,
    hint: () =>
      'Check that each node gets the image of `router`, and that the port of the site is free there; then run `npx task setup` again.',
  }),
  ROUTES_DIFFER: fault<{ recorded: string; routes: readonly (readonly [string, string])[] }>({
    exitCode: 3,
    message: d =>
      `It is not certain which slot is live: the records say ${d.recorded}, and the routers ${d.routes.map(([node, route]) => `${node} ${route}`).join(', ')}.`,
    hint: () =>
      'Run `npx task repair`, which moves all routers to the slot of the records; or `npx task repair --force SLOT`. Nothing was changed.',
  }),
  SWITCH_UNFINISHED: fault<{ to: string; by: string; at: string }>({
    exitCode: 3,
    message: d => `The switch to ${d.to} that ${d.by} began at ${d.at} did not end.`,
    hint: () => 'Run `npx task repair`, which moves all routers back to the slot of the records. Nothing was changed.',
  }),
  IMAGE_NOT_LOADED: fault<{ host: string; output: string }>({
    exitCode: 1,
    message: d => `The Docker engine on ${d.host} could not load the image.`,
    hint: () =>
      'Check with `docker system df` whether its disk is full; `docker image prune` removes images that nothing uses.',
    detail: d => d.output || undefined,
  }),
  REGISTRY_FAILED: fault<{ host: string; image: string; why: string }>({
    exitCode: 1,
    message: d => `${d.host} could not send or fetch ${d.image}: ${d.why}.`,
    hint: d =>
      /denied|unauthori[sz]ed|authentication/i.test(d.why)
        ? `Log in there once: \`docker login ${d.image.split('/')[0]}\`. Nothing was changed.`
        : `Check that the registry runs and that ${d.host} reaches it: \`curl ${d.image.split('/')[0]}/v2/\`. Nothing was changed.`,
  }),
  IMAGE_MISSING: fault<{ slot: string; nodes: readonly string[]; image: string; local: boolean; why: string }>({
    exitCode: 1,
    message: d => `${listed(d.nodes)} cannot get the image of ${d.slot}, ${d.image}: ${d.why}.`,
    hint: d =>
      d.local
        ? 'Run `npx task deploy`, which sends the image to each node; or name a `registry`. The live slot is as it was.'
        : 'Check that these nodes reach the registry, then deploy again. The live slot is as it was.',
  }),
  NO_SUITABLE_NODE: fault<{ slot: string; why: string }>({
    exitCode: 1,
    message: d => `No node can take a task of ${d.slot}: ${d.why}.`,
    hint: () =>
      'Lower `limits: { reserve }` or `replicas`, change `constraints`, or add a node. The live slot is as it was.',
  }),
  TASKS_FAIL: fault<{ slot: string; release: string; why: string; log: string }>({
    exitCode: 1,
    message: d => `The tasks of ${d.release} in ${d.slot} end as soon as they start: ${d.why}.`,
    hint: d =>
      /exec format error/.test(d.why + d.log)
        ? "The image is for another architecture than a node: build it for that one too, or name the nodes: `constraints: ['node.platform.arch==x86_64']`. The live slot is as it was."
        : d.log
          ? 'The end of their log is above. Fix the problem, then deploy again. The live slot is as it was.'
          : 'Fix the problem, then deploy again. The live slot is as it was.',
    detail: d => d.log || undefined,
  }),
  TASKS_LATE: fault<{
    slot: string
    release: string
    healthy: number
    replicas: number
    within: number
    seen: string
    log: string
  }>({
    exitCode: 1,
    message: d =>
      `Only ${d.healthy} of ${d.replicas} tasks of ${d.release} in ${d.slot} were healthy after ${d.within / 1000} s${d.seen ? `: ${d.seen}` : ''}.`,
    hint: () =>
      'Check what the health path answers, or set `health: { within }` in the Taskfile. The live slot is as it was.',
    detail: d => d.log || undefined,
  }),
  NEEDED_MISSING: fault<{ secrets: readonly string[]; networks: readonly string[] }>({
    exitCode: 3,
    message: d =>
      `The swarm has ${listed([...d.secrets.map(name => `no secret ${name}`), ...d.networks.map(name => `no network ${name}`)])}.`,
    hint: () =>
      'Create it with `docker secret create` or `docker network create --driver overlay`, or correct `secrets` and `networks` in the Taskfile. Nothing was changed.',
  }),
  SLOT_NOT_READY: fault<{ slot: string; seen: string }>({
    exitCode: 3,
    message: d => `${d.slot} is not ready for the traffic: ${d.seen}.`,
    hint: d => `Look at \`npx task status\`, then deploy to ${d.slot} again. Nothing was switched.`,
  }),
  TASKS_OTHER_VERSION: fault<{ slot: string; node: string; expected: string; reported: string }>({
    exitCode: 3,
    message: d => `${d.slot} should run ${d.expected}, but a task that ${d.node} reaches reports ${d.reported}.`,
    hint: () =>
      "If another field holds the version, set `health: { version: '...' }`; if the application does not report it, set `health: { version: false }`. Nothing was switched.",
  }),
  NODES_NOT_MOVED: fault<{ slot: string; nodes: readonly string[] }>({
    exitCode: 1,
    message: d => `The router of ${listed(d.nodes)} did not move to ${d.slot}.`,
    hint: d => `The previous route was restored on the others. Check ${listed(d.nodes)}, then promote again.`,
  }),
  NODES_UNVERIFIED: fault<{ slot: string; nodes: readonly (readonly [string, string])[] }>({
    exitCode: 1,
    message: d =>
      `Could not verify that the traffic moved to ${d.slot}: ${d.nodes.map(([node, why]) => `${node} ${why}`).join(', ')}.`,
    hint: () => 'The previous route was restored. Check these nodes, then promote again.',
  }),
  NODES_IN_DOUBT: fault<{ slot: string; nodes: readonly string[] }>({
    exitCode: 1,
    message: d => `${listed(d.nodes)} could not be told to go back, and may still send requests to ${d.slot}.`,
    hint: d =>
      `All other nodes were moved back and verified. Once ${listed(d.nodes)} can be reached again, run \`npx task repair\`.`,
  }),
  SLOT_STILL_ROUTED: fault<{ slot: string; nodes: readonly string[] }>({
    exitCode: 1,
    message: d => `The tasks of ${d.slot} run on, because ${listed(d.nodes)} may still send requests to them.`,
    hint: d =>
      `Once ${listed(d.nodes)} can be reached again, run \`npx task repair\`; the next deploy replaces the tasks.`,
  }),
  CONTROL_ENDED: fault<{ app: string; code: number | undefined }>({
    exitCode: 1,
    message: d =>
      `The container that talks to the routers of ${d.app} ended${d.code === undefined ? ' with the connection' : ` with exit code ${d.code}`}.`,
    hint: () =>
      'Check that the manager can run the image of the router: `docker run --rm IMAGE true`. Then run the command again.',
  }),
  NOTHING_TO_GO_BACK_TO: fault<{ why: string }>({
    exitCode: 3,
    message: d => `There is nothing to roll back to: ${d.why}.`,
    hint: () => 'Deploy the release that should be live, then promote it. Nothing was switched.',
  }),
  MIGRATION_FAILED_IN_TASK: fault<{ release: string; code: number | undefined; why: string; log: string }>({
    exitCode: 1,
    message: d =>
      `The migrations of ${d.release} failed${d.code ? ` with exit code ${d.code}` : ''}${d.why ? `: ${d.why}` : ''}.`,
    hint: () => 'Their output is above. Nothing else was changed.',
    detail: d => d.log || undefined,
  }),
  OTHER_MIGRATION_RUNS: fault<{ release: string }>({
    exitCode: 3,
    message: d => `The migrations of ${d.release} are running.`,
    hint: () =>
      'Wait until they have ended: `npx task migrate` of the slot with that release follows them. Nothing was started.',
  }),
  NOTHING_LIVE: fault<object>({
    exitCode: 3,
    message: () => 'There is nothing to restart: no slot is live.',
    hint: () => 'Deploy a release and promote it first. Nothing was changed.',
  }),
  NOT_OF_A_SWARM: fault<{ name: string; why: string; instead: string }>({
    exitCode: 2,
    message: d => `A swarm has no \`${d.name}\`: ${d.why}.`,
    hint: d => d.instead,
  }),
  NO_TASK_RUNS: fault<{ slot: string }>({
    exitCode: 3,
    message: d => `${d.slot} has no running task.`,
    hint: () => 'Look at `npx task status`.',
  }),
  LIVE_TASKS_MISSING: fault<{ slot: string; running: number; replicas: number }>({
    exitCode: 3,
    message: d => `${d.slot} is live with ${d.running} of ${d.replicas} tasks.`,
    hint: d => `Look at \`docker service ps\` of ${d.slot}. The engine starts missing tasks again when it can.`,
  }),
  LIVE_TASKS_UNREACHED: fault<{ slot: string; seen: readonly string[] }>({
    exitCode: 3,
    message: d => `Not every router reaches all tasks of ${d.slot}, which is live: ${d.seen.join(', ')}.`,
    hint: () =>
      'A router finds a new task, and a node that has come back finds all of them, within seconds. If it stays so, the tasks fail their health path, or a firewall is between the nodes: an overlay network needs the ports 7946 (TCP and UDP) and 4789 (UDP).',
  }),
})
