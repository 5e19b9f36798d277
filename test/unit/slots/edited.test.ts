import { describe, expect, test } from 'vitest'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import type { HostFile } from '../../../slots/contracts.ts'
import { editsIn, verdict } from '../../../slots/edited.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const site = nginx({ site: 'life.example' }).create(pluginKit()).provision({ user: 'a', group: 'a' })
  .files[1] as HostFile
const diff = (...lines: string[]) => ['--- /etc/x', '+++ /etc/x', '@@ -1,9 +1,9 @@', ...lines].join('\n')

describe('a site file edited by others', () => {
  test('is compared line by line, ignoring order', () => {
    expect(editsIn(diff('-    listen 80;', '-  mine;', ' kept;', '+listen 80;', '+ours;'))).toEqual({
      more: ['mine;'],
      less: ['ours;'],
    })
  })

  test.each([
    [
      'what certbot adds',
      ['-    listen 443 ssl; # managed by Certbot', '-    return 404; # managed by Certbot'],
      'keep',
    ],
    [
      'an additional server name',
      ['-server_name life.example www.life.example;', '+server_name life.example;'],
      'keep',
    ],
    ['no line for IPv6', ['-  # mine', '+    listen [::]:80;'], 'keep'],
    ['an earlier setting of ours', ['-    listen 8080;', '+    listen 80;'], 'write'],
    ['a new file', ['+server {', '+    listen 80;'], 'write'],
    ['a missing setting beside lines of others', ['-    gzip on;', '+    listen 8080;'], ['listen 8080;']],
  ])('is kept, rewritten or reported when it has %s', (_, lines, expected) => {
    expect(verdict(site, diff(...lines))).toEqual(expected)
  })

  test('is rewritten if it is not one that people may edit', () => {
    expect(verdict({ path: '/x', text: '', mode: 0o644 }, diff('-theirs'))).toBe('write')
  })
})
