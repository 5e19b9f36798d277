import { describe, expect, test } from 'vitest'
import { type Listen, listenersOf, listening, listenLines } from '../../../plugins/router/listen.ts'
import { conflicts } from '../../../plugins/router/nginx/conflicts.ts'
import { parseDump } from '../../../plugins/router/nginx/dump.ts'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import { Fault } from '../../../runner/fault.ts'

const MAIN = `user www-data;
http {
    include mime.types;
    include /etc/nginx/conf.d/*.conf;
    include sites-enabled/*;
}`
const INCLUDE = '/etc/nginx/switchyard/life.conf'
const OWN = '/etc/nginx/sites-enabled/life.conf'

/** The output of `nginx -T` for these files. */
const dump = (files: Record<string, string>) =>
  Object.entries({ '/etc/nginx/nginx.conf': MAIN, ...files })
    .map(([path, text]) => `# configuration file ${path}:\n${text}\n`)
    .join('\n')

const of = (files: Record<string, string>, listen: Listen = 80, include = false) => {
  const { listeners, requestAt } = listening(listen)
  const enabled = [OWN, '/etc/nginx/conf.d/life.conf']
  const site = { site: 'life.example', include: INCLUDE, requestAt, enabled }
  return conflicts(dump(files), { ...site, listeners: include ? [] : listeners, files: include ? [] : [OWN] })
}
const other = (text: string, path = '/etc/nginx/sites-enabled/bank') => ({ [path]: text })

describe('a conflicting nginx site', () => {
  test.each([
    ['with the same name', 'server {\n  listen 80;\n  server_name life.example;\n}', 'name', '*:80', 3],
    ['with no listen line', 'server { server_name life.example; }', 'name', '*:80', 1],
    ['only on IPv6', 'server { listen [::]:80;\nserver_name life.example; }', 'name', '[::]:80', 2],
    ['as the default server', 'server { listen 80 default_server;server_name life.example; }', 'name', '*:80', 1],
    ['with several names', 'server {\nlisten 80;\nserver_name a.b\n  "Life.Example" c.d;\n}', 'name', '*:80', 3],
    ['with a leading dot in the name', 'server { listen 80; server_name .life.example; }', 'name', '*:80', 1],
    ['on a single address', 'server { listen 10.0.0.5:80; server_name life.example; }', 'name', '10.0.0.5:80', 1],
    [
      'on IPv6 that includes IPv4',
      'server { listen [::]:80 ipv6only=off; server_name life.example; }',
      'name',
      '[::]:80',
      1,
    ],
    [
      'on the address of our requests',
      'server { listen 127.0.0.1:80; server_name stub; }',
      'address',
      '127.0.0.1:80',
      1,
    ],
  ])('%s is reported with file and line', (_, text, kind, listen, line) => {
    expect(of(other(text))).toEqual([{ kind, listen, at: `/etc/nginx/sites-enabled/bank:${line}` }])
  })

  test.each([
    ['a default server of any name', 'server { listen 80 default_server; server_name _; }'],
    ['another port', 'server { listen 443 ssl; server_name life.example; }'],
    ['a wildcard, which has lower priority', 'server { listen 80; server_name *.example; }'],
    ['a regular expression, which has lower priority', 'server { listen 80; server_name "~^life\\.ex{1}ample$"; }'],
    ['another name', 'server { listen 80; server_name www.life.example life.example.org; }'],
    ['a Unix socket', 'server { listen unix:/run/x.sock; server_name life.example; }'],
    ['a comment', '# server { server_name life.example; }\nserver { server_name a; # life.example;\n}'],
    ['another address', 'server { listen 10.0.0.5:80; server_name stub; }'],
  ])('is not reported for %s', (_, text) => {
    expect(of(other(text))).toEqual([])
  })

  test('is reported from any included file, but not from files that nginx does not read', () => {
    const text = 'server { include snippets/names.conf; }'
    const names = { '/etc/nginx/snippets/names.conf': '\nserver_name life.example;' }
    expect(of({ ...other(text, '/etc/nginx/conf.d/a.conf'), ...names })).toMatchObject([
      { at: '/etc/nginx/snippets/names.conf:2' },
    ])
    expect(of({ ...other(text, '/etc/nginx/conf.d/a.off'), ...names })).toEqual([])
    expect(of({ ...other(text, '/etc/nginx/sites-enabled/.hidden'), ...names })).toEqual([])
  })

  test('is never our own site, even after certbot split it in two', () => {
    const text = `server { server_name life.example; include ${INCLUDE}; listen 443 ssl; }
      server { if ($host = life.example) { return 301 https://$host$request_uri; } listen 80; server_name life.example; }`
    expect(of({ ...other(text, OWN), [INCLUDE]: 'location / {}' })).toEqual([])
    expect(of({ ...other(text), [INCLUDE]: 'location / {}' })).toHaveLength(1)
  })

  test("is reported beside a server block of the user's own if it does not include our file", () => {
    const mine = {
      '/etc/nginx/conf.d/mine.conf': `server { listen 80; server_name life.example; include switchyard/*.conf; }`,
    }
    const inner = { [INCLUDE]: 'location / {}' }
    expect(of({ ...mine, ...inner }, 80, true)).toEqual([])
    expect(of({ ...mine, ...inner, ...other('server { server_name life.example; }') }, 80, true)).toHaveLength(1)
    // No block includes our file yet, so the block of the user cannot be told from others.
    expect(of(other('server { server_name life.example; }'), 80, true)).toEqual([])
  })

  test('on another address is reported only if our site listens on all addresses', () => {
    const there = other('server { listen 10.0.0.5:80; server_name life.example; }')
    expect(of(there, '10.0.0.6:80')).toEqual([])
    expect(of(there, '10.0.0.5:80')).toHaveLength(1)
    expect(of(other('server { listen 80; server_name life.example; }'), '10.0.0.6:80')).toHaveLength(1)
    expect(of(other('server { listen 127.0.0.1:80; server_name stub; }'), ['127.0.0.2:80', '*:80'])).toEqual([])
  })

  test('is reported if our site would be read first and become the default server in its place', () => {
    const first = (text: string, path = '/etc/nginx/sites-enabled/shop') => of(other(text, path))
    const shop = 'server { listen 80; server_name shop.example; }'
    expect(first(shop)).toEqual([{ kind: 'default', listen: '*:80', at: '/etc/nginx/sites-enabled/shop:1' }])
    expect(first('server { server_name shop.example; }')).toMatchObject([{ kind: 'default' }])
    expect(first('server { listen [::]:80; server_name shop.example; }')).toMatchObject([{ listen: '[::]:80' }])
    // No conflict: a site read before ours remains the default, as does an explicit default_server; nor another port.
    expect(first(shop, '/etc/nginx/sites-enabled/bank')).toEqual([])
    expect(first(shop, '/etc/nginx/conf.d/shop.conf')).toEqual([])
    expect(first(shop.replace('80', '80 default_server'))).toEqual([])
    // The package of nginx.org does not include sites-enabled.
    const main = 'http { include /etc/nginx/conf.d/*.conf; }'
    const [conf, site] = ['/etc/nginx/conf.d/shop.conf', '/etc/nginx/sites-enabled/shop']
    expect(of({ '/etc/nginx/nginx.conf': main, [conf]: shop })).toEqual([
      { kind: 'default', listen: '*:80', at: `${conf}:1` },
    ])
    expect(of({ '/etc/nginx/nginx.conf': main, [site]: shop })).toEqual([])
    expect(first(shop.replace('80', '8080'))).toEqual([])
    // Our site is already installed, so nothing changes.
    expect(
      of({
        ...other('server { listen 80; server_name life.example; }', OWN),
        ...other(shop, '/etc/nginx/sites-enabled/shop'),
      }),
    ).toEqual([])
  })

  test('is found after Lua blocks, quoted words and braces within words', () => {
    const text = `map $a $b { "~^a;{2}" 'x;y'; default \${a}b; }
server { content_by_lua_block { if x then return { server_name } end } listen 80; server_name life.example; }`
    expect(of(other(text))).toEqual([{ kind: 'name', listen: '*:80', at: '/etc/nginx/sites-enabled/bank:2' }])
    expect(parseDump('')).toEqual([])
  })
})

describe('the listen option', () => {
  test.each([
    [80, 'listen 80;\n    listen [::]:80;', '127.0.0.1', 80],
    ['8080', 'listen 8080;\n    listen [::]:8080;', '127.0.0.1', 8080],
    ['10.0.0.5:8080', 'listen 10.0.0.5:8080;', '10.0.0.5', 8080],
    ['10.0.0.5', 'listen 10.0.0.5:80;', '10.0.0.5', 80],
    ['[::1]:81', 'listen [::1]:81;', '[::1]', 81],
    ['*:80', 'listen 80;', '127.0.0.1', 80],
    ['[::]:80', 'listen [::]:80;', '[::1]', 80],
    [['127.0.0.2:80', '*:80'], 'listen 127.0.0.2:80;\n    listen 80;', '127.0.0.2', 80],
  ])('%j becomes listen lines, and the address for our requests', (given, lines, address, port) => {
    const { listeners, requestAt } = listening(given)
    expect(listenLines(listeners)).toBe(lines)
    expect(requestAt).toEqual({ address, port })
  })

  test.each(['', '80 ssl', '80;', 'a b:80', '0', 70_000, 'unix:/run/x', []])(
    '%j is rejected before anything is contacted',
    given => {
      expect(() => nginx({ site: 'life.example', listen: given })).toThrow(Fault)
    },
  )

  test.each([
    ['80', '*', 80],
    ['0.0.0.0:81', '*', 81],
    ['127.0.0.1', '127.0.0.1', 80],
    ['localhost:8080', '127.0.0.1', 8080],
    ['[::]:80', '[::]', 80],
    ['[2001:DB8::1]', '[2001:db8::1]', 80],
  ])('parses the existing listen line %s like nginx', (word, address, port) => {
    expect(listenersOf([word, 'default_server'])).toEqual([{ address, port }])
  })
})
