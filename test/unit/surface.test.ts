import { expect, it } from 'vitest'
import * as surface from '../../index.ts'

it('the public surface is this and no more: a change of it is a decision', () => {
  expect(Object.keys(surface).sort()).toEqual([
    'Fault',
    'arg',
    'beam',
    'catalogue',
    'command',
    'definer',
    'docker',
    'env',
    'fault',
    'local',
    'nginx',
    'project',
    'quote',
    'sh',
    'ssh',
    'tarball',
  ])
})
