/** The clock of a host, for scripts that repeat something until a time limit. */
import { sh } from './script.ts'

/** Defines `clock`, which sets `now` to the milliseconds since 1970. `date`, which bash 4 needs, would cost two processes each time. */
export const clock = sh.read`clock() { now=\${EPOCHREALTIME-}; now=\${now//[!0-9]/}; if [ -n "$now" ]; then now=$((now / 1000)); else now=$(date +%s%3N); fi; }`
