import { describe, expect, test } from 'vitest'
import { nginx } from '../../../plugins/router/nginx/nginx.ts'
import type { HostFile } from '../../../slots/contracts.ts'
import { editsIn, verdict } from '../../../slots/edited.ts'
import { pluginKit } from '../../support/plugin-kit.ts'

const site = nginx({ site: 'life.example' }).create(pluginKit()).provision({ user: 'a', group: 'a' })
  .files[1] as HostFile
const diff = (...lines: string[]) => ['--- /etc/x', '+++ /etc/x', '@@ -1,9 +1,9 @@', ...lines].join('\n')

describe('a site file that others have edited', () => {
  test('is compared by its lines, wherever they have moved to', () => {
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
    ['another name beside ours', ['-server_name life.example www.life.example;', '+server_name life.example;'], 'keep'],
    ['no line for IPv6', ['-  # mine', '+    listen [::]:80;'], 'keep'],
    ['an earlier setting of ours', ['-    listen 8080;', '+    listen 80;'], 'write'],
    ['a new file', ['+server {', '+    listen 80;'], 'write'],
    ['a setting that is missing beside what others added', ['-    gzip on;', '+    listen 8080;'], ['listen 8080;']],
  ])('with %s', (_, lines, expected) => {
    expect(verdict(site, diff(...lines))).toEqual(expected)
  })

  test('is ours alone where nobody else may edit it', () => {
    expect(verdict({ path: '/x', text: '', mode: 0o644 }, diff('-theirs'))).toBe('write')
  })
})
