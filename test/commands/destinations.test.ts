/** Two destinations of one Taskfile on one host: deployed and promoted separately, and neither takes what the other has. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from '../../dev/site.ts'

const taskfile = (more = '') => `
import { beam, env, nginx, project, ssh, tarball } from 'switchyard-deploy'
const at = (name: string) => ssh(name, { configFile: env.SSH_CONFIG })
const { tasks } = project({
  app: 'life',
  build: tarball({ path: env.LIFE_TARBALL ?? '', version: env.LIFE_VERSION ?? '' }),
  runtime: beam({ release: 'life', migrate: 'Life.Release.migrate()' }),
  slots: { blue: { port: 4000 }, green: { port: 5000 } },
  destinations: {
    staging: {
      app: 'life_staging',
      host: at('life-test'),
      router: nginx({ site: 'staging.life.example' }),
      env: '.env.staging',
      slots: { blue: { port: 4100 }, green: { port: 5100 } },
    },
    production: { host: at('life-test'), router: nginx({ site: 'life.example' }), env: '.env.production' },
    ${more}
  },
})
export const { setup, deploy, promote, status, history, watch } = tasks
`

let site: Site
const run = async (code: number, version: string, ...args: string[]) => {
  const ended = await site.taskWith({ LIFE_VERSION: version }, ...args)
  expect(ended, `task ${args.join(' ')}:\n${ended.stdout}${ended.stderr}`).toMatchObject({ code })
  return ended.stdout + ended.stderr
}
/** The version that a site answers with, and the variable that its slots have. */
const answer = async (name: string, app: string) => {
  const { stdout } = await site.host.exec(
    `curl -s -H 'Host: ${name}' http://127.0.0.1/health; echo; sed -n 's/^WHERE=//p' /srv/${app}/slots/*/env | sort -u`,
  )
  const [body = '', ...where] = stdout.trim().split('\n')
  return [JSON.parse(body).version, ...where]
}

beforeAll(async () => {
  site = await startSite()
  await writeFile(join(site.folder, 'Taskfile.ts'), taskfile())
  for (const name of ['staging', 'production']) await writeFile(join(site.folder, `.env.${name}`), `WHERE=in-${name}\n`)
  const hooks = join(site.folder, '.task/hooks')
  await mkdir(hooks, { recursive: true })
  await writeFile(
    join(hooks, 'post-promote'),
    '#!/bin/sh\necho "$TASK_COMMAND $TASK_DESTINATION $TASK_VERSION $TASK_PREVIOUS_SLOT-$TASK_SLOT" >> hooks.log\n',
  )
  await chmod(join(hooks, 'post-promote'), 0o755)
  // In this order: nginx reads life.conf first, so production stays the default of the address.
  await run(0, '0.1.0', 'setup', '-d', 'production', '--yes')
  await run(0, '0.1.0', 'setup', '-d', 'staging')
})
afterAll(async () => {
  await site?.[Symbol.asyncDispose]()
})

it('a deploy to staging that migrates and promotes leaves production as it was', async () => {
  const output = await run(0, '0.1.0', 'deploy', '-d', 'staging', '--migrate', '--promote')
  expect(output).toMatch(/ok: Run the migrations of the new release {2}0\.1\.0-\w{7} in blue/)
  expect(output.indexOf('Run the migrations of the new release')).toBeLessThan(output.indexOf('Move the traffic'))
  expect(await answer('staging.life.example', 'life_staging')).toEqual(['0.1.0', '"in-staging"'])
  expect(await run(0, '0.1.0', 'status', '-d', 'production')).toMatch(/^production: life-test$/m)
  expect((await site.host.exec('ls /srv/life/releases')).stdout).toBe('')
})

it('a deploy to production names its destination in the next step and leaves staging as it was', async () => {
  const output = await run(0, '0.1.1', 'deploy', '-d', 'production', '--yes')
  expect(output).toContain('Next: npx task -d production promote blue')
  expect(await run(3, '0.1.1', 'promote', 'blue', '-d', 'production')).toContain('[DESTINATION_NOT_CONFIRMED]')
  await run(0, '0.1.1', 'promote', 'blue', '-d', 'production', '--yes')
  expect(await answer('life.example', 'life')).toEqual(['0.1.1', '"in-production"'])
  expect(await answer('staging.life.example', 'life_staging')).toEqual(['0.1.0', '"in-staging"'])
})

it('the journal, status and their JSON say which destination it was', async () => {
  expect(await run(0, '0.1.0', 'history', '-d', 'staging')).toMatch(/^when +destination +what.*\n.* staging +setup /m)
  const data = async (...args: string[]) =>
    JSON.parse((await run(0, '0.1.0', ...args, '--json')).trim().split('\n').at(-1) ?? '')
  expect(await data('status', '-d', 'staging')).toMatchObject({
    destination: 'staging',
    data: { destination: 'staging', live: 'blue' },
  })
  expect((await site.host.exec('cat /srv/life/lock')).stdout).toContain('"destination":"production"')
})

it('watch shows both slots once, and ends when it is told to', async () => {
  const output = await run(0, '0.1.0', 'watch', '-d', 'staging', '--every', '1s', '--for', '3s')
  expect(output).toMatch(
    /^blue {2}\| \d\d:\d\d:\d\d {2}live {2}0\.1\.0-\w{7} {2}running {2}healthy {2}\d+ connections? {2}process \d+, up /m,
  )
  expect(output.match(/^green \| .*idle {2}no release {2}stopped/gm)).toHaveLength(1)
})

it('the hook after each promote was told what had moved where', async () => {
  expect(await readFile(join(site.folder, 'hooks.log'), 'utf8')).toBe(
    'deploy staging 0.1.0 -blue\npromote production 0.1.1 -blue\n',
  )
})

it('another destination that reaches the same folder by another name of the host is refused, and changes nothing', async () => {
  const config = await readFile(site.host.sshConfigFile, 'utf8')
  await writeFile(site.host.sshConfigFile, config.replace('Host life-test', 'Host life-test other-name'))
  const beta = `beta: { host: at('other-name'), router: nginx({ site: 'beta.life.example' }) },`
  await writeFile(join(site.folder, 'Taskfile.ts'), taskfile(beta))
  const before = await answer('life.example', 'life')
  for (const [command = '', code] of [
    ['setup', 'DESTINATION_OTHER'],
    ['deploy', 'PREFLIGHT_FAILED'],
  ]) {
    const output = await run(3, '0.1.0', command, '-d', 'beta')
    expect(output).toContain(`[${code}]`)
    expect(output).toContain('/srv/life on other-name belongs to the destination production, not to beta')
  }
  expect(await answer('life.example', 'life')).toEqual(before)
  await run(0, '0.1.1', 'status', '-d', 'production')
})
