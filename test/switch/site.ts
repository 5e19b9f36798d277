/** A site with a release in each slot, one of them live, and TLS in a server block of the user's own. */
import { type Site, type SiteOptions, startSite } from '../../dev/site.ts'
import { RELOAD_NGINX } from '../support/nginx.ts'

export const TLS = 443

/** The server block of a team with a certificate, which includes the file of the router. */
const OWN_BLOCK = `server {
    listen ${TLS} ssl http2;
    server_name life.example;
    ssl_certificate /etc/nginx/life.crt;
    ssl_certificate_key /etc/nginx/life.key;
    include /etc/nginx/switchyard/life.conf;
}
`

/** Two tasks that keep a connection busy, to measure dead lock holders and dead connections. */
const TASKS = `
export const holdLock = task('Hold the lock', {
  async run({ lock, host, log }) {
    await lock.take()
    log('the lock is held')
    await host.$\`sleep 120\`
  },
})
export const wait = task('Wait on the host', {
  async run({ host, log }) {
    await host.$\`true\`
    log('connected')
    await host.$\`sleep 120\`
  },
})
`

export async function startedSite(options: SiteOptions): Promise<Site> {
  const site = await startSite({ ...options, ports: [TLS], tasks: TASKS })
  try {
    for (const args of [['setup'], ['deploy', '--promote'], ['deploy']]) {
      const { code, stdout, stderr } = await site.task(...args)
      if (code !== 0) throw new Error(`task ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
    }
    return site
  } catch (error) {
    await site[Symbol.asyncDispose]()
    throw error
  }
}

/** Adds the user's own server block; resolves to its URL on this machine. */
export async function addTls({ host }: Site): Promise<string> {
  const { code, stderr } = await host.exec(`set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=life.example \\
  -keyout /etc/nginx/life.key -out /etc/nginx/life.crt 2>/dev/null
cat > /etc/nginx/sites-enabled/life-tls.conf <<'NGINX'
${OWN_BLOCK}NGINX
${RELOAD_NGINX}`)
  if (code !== 0) throw new Error(`nginx refused the server block with TLS: ${stderr}`)
  return `https://127.0.0.1:${host.port(TLS)}`
}
