/** The template unit of a slot. Pure text; its words: systemd.unit(5), systemd.service(5), systemd.exec(5). */
import type { HostFacts } from '../../slots/contracts.ts'
import type { Layout } from '../../slots/layout.ts'

export interface UnitOptions {
  readonly app: string
  readonly layout: Layout
  /** The command line of `ExecStart`, as systemd reads it. */
  readonly start: string
  /** Who gets the signal that stops a slot: its main process, or all of its processes. */
  readonly killMode: 'mixed' | 'control-group'
  /** Seconds from that signal to SIGKILL. */
  readonly stopLimit: number
  /** Further lines of the section `[Service]`. */
  readonly settings?: readonly string[]
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

export function unitText(unit: UnitOptions, { user, group }: HostFacts): string {
  const { app, layout, start, killMode, stopLimit, settings = [] } = unit
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
ExecStart=${start}
Restart=always
RestartSec=2
TimeoutStartSec=2min
KillMode=${killMode}
TimeoutStopSec=${stopLimit}
LimitNOFILE=65536
UMask=0027
NoNewPrivileges=yes
ProtectSystem=full
ReadOnlyPaths=${layout.releases}
RestrictSUIDSGID=yes
${settings.map(line => `${line}\n`).join('')}
[Install]
WantedBy=multi-user.target
`
}

/** One word of a command line of systemd's, which expands `%` and `$` and knows the escapes of C. */
export const unitWord = (word: string): string => {
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
  return `"${escaped}"`
}
