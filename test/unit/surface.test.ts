import { expect, it } from 'vitest'
import * as surface from '../../index.ts'

it('the public API has exactly these exports', () => {
  expect(Object.keys(surface).sort()).toEqual([
    'Fault',
    'arg',
    'beam',
    'caddy',
    'capture',
    'catalogue',
    'caught',
    'command',
    'definer',
    'docker',
    'env',
    'fault',
    'group',
    'haproxy',
    'local',
    'nginx',
    'perform',
    'project',
    'quote',
    'service',
    'sh',
    'ssh',
    'succeeds',
    'tarball',
  ])
})
