import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type AccessoryRequest,
  databaseUrl,
  newPassword,
  packagesOf,
  parseAccessories,
  planAccessories,
} from '../../../slots/bootstrap/accessories.ts'
import { filledIn, fillIn, knownIn } from '../../../slots/environment/fill-in.ts'
import { faultOf } from '../../support/plugin-kit.ts'

const request: AccessoryRequest = {
  database: 'life',
  redis: true,
  file: '.env.production',
  write: false,
  known: [],
  others: [],
}
const writing = { ...request, write: true }
const complete = '@@ postgres\nrole\npassword\ndatabase\nlistens localhost\n@@ redis\n127.0.0.1 -::1\n'

describe('databases on the host', () => {
  it('are packages, a role and a database, and URLs only if somebody wants them', () => {
    expect(packagesOf(request)).toEqual(['postgresql', 'redis-server'])
    const nothing = parseAccessories('@@ postgres\n@@ redis\n')
    const plan = planAccessories(request, nothing)
    expect(plan.done).toEqual(['Create the role and the database life in PostgreSQL.'])
    expect(plan.offered).toEqual([
      '--write-env writes the URLs into .env.production on this machine, with a random password.',
    ])
    expect(planAccessories(writing, nothing).done).toEqual([
      'Create the role and the database life in PostgreSQL.',
      'Give the role life a random password, and write DATABASE_URL into .env.production on this machine.',
      'Write REDIS_URL into .env.production on this machine.',
    ])
  })

  it('are left alone the second time', () => {
    const known = ['DATABASE_URL', 'REDIS_URL']
    const plan = planAccessories({ ...writing, known }, parseAccessories(complete))
    expect(plan.done).toEqual([])
    expect(plan.offered).toEqual([])
    expect(plan.there).toEqual(['PostgreSQL has the database life.', 'Redis runs.'])
  })

  it('are those of one host: the plan says that the other hosts do not reach them', () => {
    const { offered } = planAccessories({ ...request, others: ['web-2', 'web-3'] }, parseAccessories(complete))
    expect(offered).toContain(
      'The databases are on this host alone, and listen on loopback: the application on web-2 and web-3 does not reach them.',
    )
  })

  it('keep a password that others use', () => {
    const plan = planAccessories(writing, parseAccessories(complete))
    expect(plan.password).toBe(false)
    expect(plan.offered.join()).toContain('has a password')
  })

  it('are reported if other machines reach them', () => {
    const open = complete.replace('localhost', '*').replace('127.0.0.1 -::1', '0.0.0.0')
    expect(planAccessories(request, parseAccessories(open)).offered).toEqual(
      expect.arrayContaining([
        'PostgreSQL listens on *, where other machines reach it.',
        'Redis listens on 0.0.0.0, where other machines reach it.',
      ]),
    )
    expect(planAccessories(request, parseAccessories(complete)).offered.join()).not.toContain('listens')
  })

  it('never print a password that was not accepted', async () => {
    const host = { name: 'web-1', query: () => expect.fail('not asked') }
    const read = async (code: number, stdout: string) =>
      newPassword('life').read({ code, stdout, stderr: 'psql: no' }, host)
    const password = 'ab'.repeat(24)
    expect(await read(0, `${password}\n`)).toBe(password)
    expect(databaseUrl('life', password)).toBe(`postgres://life:${password}@127.0.0.1:5432/life`)
    const failed = await faultOf(read(1, password))
    expect(failed.code).toBe('BOOTSTRAP_DATABASE_FAILED')
    expect(`${failed.message}${failed.hint}${failed.detail}`).not.toContain(password)
    expect((await faultOf(read(56, ''))).code).toBe('BOOTSTRAP_PASSWORD_SET')
  })
})

describe('a variable in an environment file', () => {
  it('gets the place of one without a value, else the end, and replaces no value', () => {
    expect(filledIn('A=1\n# comment\nURL=\nB=2\n', 'URL', 'x$&y')).toBe('A=1\n# comment\nURL=x$&y\nB=2\n')
    expect(filledIn('A=1', 'URL', 'x')).toBe('A=1\nURL=x\n')
    expect(filledIn('', 'URL', 'x')).toBe('URL=x\n')
    expect(filledIn('URL=there\n', 'URL', 'x')).toBe('URL=there\n')
    expect(filledIn("URL=''\n", 'URL', 'x')).toBe('URL=x\n')
  })

  it('is written with the mode of the file, or for the owner alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fill-in-'))
    try {
      const path = join(folder, '.env')
      expect(await knownIn(path)).toEqual([])
      await fillIn(path, 'URL', 'x')
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(await readFile(path, 'utf8')).toBe('URL=x\n')
      await writeFile(join(folder, 'open'), 'A=\nB="2"\n', { mode: 0o644 })
      expect(await knownIn(join(folder, 'open'))).toEqual(['B'])
      await fillIn(join(folder, 'open'), 'A', '1')
      expect((await stat(join(folder, 'open'))).mode & 0o777).toBe(0o644)
      expect(await knownIn(join(folder, 'open'))).toEqual(['A', 'B'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
