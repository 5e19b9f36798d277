import { programOf, refresh } from '../../plugins/router/nginx/site.ts'

/**
 * A command for root that tests nginx's configuration, reloads it, and ends when nginx answers with it alone: `systemctl reload` ends before, and what a test
 * asks right after it may get the configuration before.
 */
export const RELOAD_NGINX = `(set -eu -o pipefail
${refresh(programOf()).text}
)`
