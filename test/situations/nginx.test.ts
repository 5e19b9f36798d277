/** What else stands on an nginx that people really have: sites of the same name, broken files of others, passwords, a link that was lost. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assertCleanAfter, faultSite, succeeds, underFault } from '../support/invariant.ts'
import type { Ended, Site } from '../support/site.ts'

const SITES = '/etc/nginx/sites-enabled'

let site: Site
beforeAll(async () => {
  site = await faultSite({
    router: "nginx({ site: 'life.example', ...JSON.parse(env.NGINX ?? '{}') })",
    tasks: 'export const { doctor } = tasks',
  })
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

const root = async (command: string) => {
  const { code, stdout, stderr } = await site.host.exec(command)
  expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
  return stdout
}
const put = (path: string, text: string) => root(`cat > ${path} <<'FILE'\n${text}\nFILE`)
const words = ({ stdout, stderr }: Ended) => stdout + stderr
/** All that a setup can change, and since when nginx runs and what it read. */
const everything = () =>
  root(`find /etc/nginx /etc/sudoers.d /etc/systemd/system -type f -exec sha256sum {} + -o -type l -printf '%p -> %l\\n' | sort
find /srv/life ! -path '*/tmp*' ! -path '*/journal.jsonl' ! -path /srv/life/lock -printf '%p %m %u %s %l\\n' | sort; pgrep -x nginx`)

describe('F56 another site has the same name', () => {
  it.each([
    [
      'before ours, among other names',
      '00-shop',
      'server {\n  listen 80;\n  server_name shop.example\n    life.example;\n  return 204;\n}',
      3,
    ],
    ['after ours', 'zz-shop', 'server { listen 80; server_name life.example; return 204; }', 1],
    ['on IPv6 alone', 'zz-shop', 'server {\n  listen [::]:80;\n  server_name life.example;\n  return 204;\n}', 3],
    [
      'as the default server',
      '00-shop',
      'server { listen 80 default_server; server_name _ life.example; return 204; }',
      1,
    ],
    [
      'at one address of the machine, where a wildcard wins',
      '00-shop',
      'server { listen 127.0.0.1:80; server_name *.example; return 204; }',
      1,
    ],
  ])('%s: setup changes nothing and names the file and the line, and so does doctor', async (_, name, text, line) => {
    // Not loaded: the site that is live is not taken down by the test itself.
    await put(`${SITES}/${name}`, text)
    const before = await everything()
    const where = `${SITES}/${name}:${line}`
    const { output } = await underFault(site, () => site.task('setup'), {
      exit: 3,
      cause: /Another site of nginx on life-test .*\[NGINX_(?:NAME|ADDRESS)_TAKEN\]/,
      next: /server_name|listen/,
      noDeploy: true,
      heal: async () => {
        expect(await everything()).toBe(before)
        const doctor = await site.task('doctor')
        expect(doctor.code).toBe(3)
        expect(words(doctor)).toContain(where)
        await root(`rm ${SITES}/${name}`)
      },
    })
    expect(output).toContain(where)
  })

  it('a default server of another name, a wildcard and another port are none of its business', async () => {
    await put(
      `${SITES}/00-shop`,
      'server { listen 80 default_server; listen 8443; server_name _ *.example; return 204; }\nserver { listen 8443; server_name life.example; return 204; }',
    )
    const ended = [await succeeds(site, 'setup'), await succeeds(site, 'doctor')]
    await root(`rm ${SITES}/00-shop`)
    await assertCleanAfter(site, ...ended)
  })
})
