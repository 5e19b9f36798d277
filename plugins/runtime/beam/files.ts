/** What an Elixir release wants for a slot: its unit, its environment, its port for the console. Pure. */
import type { HostFacts, Slot } from '../../../slots/contracts.ts'
import type { Layout } from '../../../slots/layout.ts'
import { runtimeFaults } from '../faults.ts'

interface UnitOptions {
  readonly app: string
  readonly layout: Layout
  /** Name of the release's program. */
  readonly release: string
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopLimit: number
}

/** Seconds that a run has to last, so that the pauses begin anew after it; also about the longest pause. */
const CALM = 60

/**
 * Waits before a try, for a shell: not before the first five in a row, then 2, 4, 8, 16, 32 and 59 s. systemd counts the restarts, but can make
 * the pauses grow only from version 254 on. The folder that holds the number stays from restart to restart, and goes with a stop or a reboot.
 */
export const growingPause = [
  'cd "$RUNTIME_DIRECTORY" || exit',
  'now=$(date +%s) n=0',
  `if read tries began 2>/dev/null < tries && [ $((now - began)) -lt ${CALM} ]; then n=$((tries + 1)); fi`,
  `pause=$((n < 5 ? 0 : n > 9 ? ${CALM - 1} : 1 << (n - 4)))`,
  'echo $n $((now + pause)) > tries',
  'exec sleep $pause',
].join('; ')

/** The template unit of all slots. Its words: systemd.unit(5), systemd.service(5), systemd.exec(5). */
export function unitFile({ app, layout, release, stopLimit }: UnitOptions, { user, group }: HostFacts): string {
  const slot = layout.slot('%i')
  return `# Made by \`task setup\`, which also puts it back when it was changed.
[Unit]
Description=${app}, slot %i
Wants=network-online.target
After=network-online.target
# A slot is never given up: what it needs may come up long after it.
StartLimitIntervalSec=0

[Service]
Type=exec
User=${user}
Group=${group}
WorkingDirectory=${slot.current}
EnvironmentFile=${slot.env}
RuntimeDirectory=switchyard-${app}-%i
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=restart
ExecStartPre=-/bin/sh -c '${growingPause.replaceAll('%', '%%').replaceAll('$', '$$$$')}'
ExecStart=${slot.current}/bin/${release} start
Restart=always
RestartSec=2
TimeoutStartSec=2min
KillMode=mixed
TimeoutStopSec=${stopLimit}
LimitNOFILE=65536
UMask=0027
NoNewPrivileges=yes
ProtectSystem=full
ReadOnlyPaths=${layout.releases}
RestrictSUIDSGID=yes

[Install]
WantedBy=multi-user.target
`
}

/** The environment of a slot, read by the release's own script; see `mix help release`. */
export const environment = (
  app: string,
  layout: Layout,
  slot: Slot,
  distributionPort: number,
): Readonly<Record<string, string>> => ({
  PORT: String(slot.port),
  // Without a UTF-8 locale the VM takes each byte of the environment for a character.
  LANG: 'C.UTF-8',
  // Without it a release of Phoenix boots and listens nowhere; its own `bin/server` says the same.
  PHX_SERVER: 'true',
  SWITCHYARD_SLOT: slot.name,
  RELEASE_DISTRIBUTION: 'name',
  RELEASE_NODE: `${app}_${slot.name}@127.0.0.1`,
  RELEASE_TMP: layout.slot(slot.name).tmp,
  // A release's folder never changes; a dump of a crashed VM would otherwise be written there.
  ERL_CRASH_DUMP: `${layout.slot(slot.name).tmp}/erl_crash.dump`,
  ERL_ZFLAGS: distributionFlags(distributionPort),
})

/**
 * Flags of the Erlang VM, erl(1) and kernel(6). Each slot has a port of its own, so there is no epmd that both would need.
 * A release's script passes the cookie as an argument, which every user of the host can read: a second `-setcookie` makes
 * Erlang pass over both and read ~/.erlang.cookie.
 */
export const distributionFlags = (port: number): string =>
  `-start_epmd false -erl_epmd_port ${port} -kernel inet_dist_use_interface {127,0,0,1} -setcookie`

/** Throws `DISTRIBUTION_PORT_INVALID` for a port that is none, or that something else of the project has. */
export function distributionPorts(
  slots: readonly Slot[],
  choose = (slot: Slot) => slot.port + 10_000,
): (slot: Slot) => number {
  const taken = new Map(slots.map(slot => [slot.port, `the application in ${slot.name} has it`]))
  for (const slot of slots) {
    const port = choose(slot)
    const why =
      Number.isInteger(port) && port >= 1024 && port <= 65_535
        ? taken.get(port)
        : 'it is not a whole number from 1024 to 65535'
    if (why) throw runtimeFaults.DISTRIBUTION_PORT_INVALID({ slot: slot.name, port, why })
    taken.set(port, `${slot.name} has it`)
  }
  return choose
}

/** `my_app` is the module `MyApp`. */
export const moduleName = (app: string): string =>
  app
    .split('_')
    .map(part => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
