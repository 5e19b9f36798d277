import { expect, it } from 'vitest'
import * as surface from '../../index.ts'

it('the public surface is this and no more: a change of it is a decision', () => {
  expect(Object.keys(surface).sort()).toEqual([
    'Fault',
    'arg',
    'beam',
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
