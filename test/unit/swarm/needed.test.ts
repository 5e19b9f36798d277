/** What a slot needs of the swarm before it is replaced. */
import { expect, it } from 'vitest'
import { assertNeeded, neededBy } from '../../../swarm/needed.ts'

const read = (definition: Parameters<typeof assertNeeded>[0]) => {
  const secrets = [{ ID: 's1', Spec: { Name: 'life_key_2' } }]
  const networks = [{ Id: 'n1', Name: 'data' }]
  const stdout = `${JSON.stringify(secrets)}\n200\n${JSON.stringify(networks)}\n200\n`
  return () => assertNeeded(definition)?.read({ code: 0, stdout, stderr: '' }, { name: 'm1' } as never)
}

it('is found by its name, also where the option has more than that', () => {
  const definition = { secrets: ['source=life_key_2,target=life_key'], networks: ['data'] }
  expect(neededBy({ ...definition, networks: ['name=data,alias=db'] })).toEqual({
    secrets: ['life_key_2'],
    networks: ['data'],
  })
  expect(read(definition)).not.toThrow()
  expect(read({ secrets: ['s1'], networks: ['n1'] })).not.toThrow()
})

it('is named if it is missing', () => {
  expect(read({ secrets: ['life_key', 'life_key_2'], networks: ['date'] })).toThrow(
    expect.objectContaining({
      code: 'NEEDED_MISSING',
      message: 'The swarm has no secret life_key and no network date.',
    }),
  )
})

it('is not asked for without an option', () => {
  expect(assertNeeded({})).toBeUndefined()
})
