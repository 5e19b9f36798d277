/** When a server was reloaded, as systemd remembers it. So a promote can tell what somebody else's reload has cost from what the release has. */
import { capture, type Query } from '../../host/query.ts'
import { type Script, sh } from '../../host/script.ts'

/** Prints the seconds since the last reload of a unit, or nothing if there was none since its start. */
export const reloadScript = (unit: string): Script => sh.read`
last=$(TZ=UTC systemctl show --property=ExecReload ${unit} | sed -n 's/.* start_time=\\[\\([^]]*\\)\\].*/\\1/p' | grep -v '^n/a$' | tail -n 1 || :)
if [ -n "$last" ]; then echo $(( $(date +%s) - $(date -d "$last" +%s) )); fi`

/** For `Router.reloaded`. */
export const reloadedQuery = (unit: string): Query<number | undefined> =>
  capture(reloadScript(unit), text => (text.trim() === '' ? undefined : Number(text)))
