import { expect, it } from 'vitest'
import * as surface from '../../index.ts'

it('the public API has exactly these exports', () => {
  expect(Object.keys(surface).sort()).toEqual([
    'Fault',
    'arg',
    'asRoot',
    'beam',
    'caddy',
    'capture',
    'catalogue',
    'caught',
    'command',
    'commandFailed',
    'definer',
    'docker',
    'env',
    'fault',
    'git',
    'group',
    'haproxy',
    'liveLink',
    'local',
    'nginx',
    'perform',
    'program',
    'project',
    'quote',
    'readAsRoot',
    'service',
    'sh',
    'siteQueries',
    'ssh',
    'succeeds',
    'sudoRefusal',
    'tarball',
  ])
})
