import { homedir, userInfo } from 'node:os'
import { expect, test } from 'vitest'
import { parse, parseJump } from '../../../host/ssh/config.ts'

const printed = (...lines: string[]) =>
  ['host web', 'user deploy', 'hostname web-1.example', 'port 2222', ...lines, ''].join('\n')

test('the output of ssh -G is parsed to a configuration', () => {
  const text = printed(
    'addressfamily inet6',
    'identitiesonly yes',
    'identityfile ~/.ssh/id_ed25519',
    'identityfile /keys/%h-%r-%p-%n',
    'certificatefile ~/.ssh/id-cert.pub',
    'identityagent /run/%u/agent',
    'proxyjump gate,deploy@inner:2200',
    'userknownhostsfile /home/me/known hosts /home/me/.ssh/known_hosts2',
    'globalknownhostsfile /etc/ssh/ssh_known_hosts',
    'hashknownhosts yes',
    'hostkeyalgorithms ssh-ed25519,rsa-sha2-512',
    'stricthostkeychecking accept-new',
    'connecttimeout 7',
    'compression yes',
    'bindaddress none',
  )
  expect(parse('web', text, {})).toEqual({
    target: 'web',
    compression: true,
    user: 'deploy',
    hostname: 'web-1.example',
    port: 2222,
    family: 6,
    bindAddress: undefined,
    identityFiles: [`${homedir()}/.ssh/id_ed25519`, '/keys/web-1.example-deploy-2222-web'],
    certificateFiles: [`${homedir()}/.ssh/id-cert.pub`],
    identitiesOnly: true,
    agent: `/run/${userInfo().username}/agent`,
    jumps: ['gate', 'deploy@inner:2200'],
    proxyCommand: undefined,
    userKnownHosts: ['/home/me/known hosts', '/home/me/.ssh/known_hosts2'],
    globalKnownHosts: ['/etc/ssh/ssh_known_hosts'],
    hashKnownHosts: true,
    knownAs: 'web-1.example',
    aliased: false,
    hostKeyAlgorithms: ['ssh-ed25519', 'rsa-sha2-512'],
    unknownKey: 'accept',
    connectTimeout: 7,
  })
})

test('the ssh agent comes from the environment or the configuration, or is off', () => {
  const env = { SSH_AUTH_SOCK: '/run/agent', MINE: '/run/mine' }
  const agent = (...lines: string[]) => parse('web', printed(...lines), env).agent
  expect(agent()).toBe('/run/agent')
  expect(agent('identityagent SSH_AUTH_SOCK')).toBe('/run/agent')
  expect(agent('identityagent $MINE')).toBe('/run/mine')
  expect(agent(`identityagent $${'{MINE}'}`)).toBe('/run/mine')
  expect(agent('identityagent none')).toBeUndefined()
  expect(parse('web', printed(), {}).agent).toBeUndefined()
})

test('an unknown host key is accepted without a question only with accept-new', () => {
  const unknown = (value: string) => parse('web', printed(`stricthostkeychecking ${value}`), {}).unknownKey
  expect(['true', 'ask', 'false', 'off', 'accept-new'].map(unknown)).toEqual(['refuse', 'ask', 'ask', 'ask', 'accept'])
})

test('the tokens of a proxy command are expanded', () => {
  expect(parse('web', printed('proxycommand nc -X 5 %h %p # %% %r'), {}).proxyCommand).toBe(
    'nc -X 5 web-1.example 2222 # % deploy',
  )
  expect(parse('web', printed('proxycommand none'), {}).proxyCommand).toBeUndefined()
})

test('HostKeyAlias replaces the name of the host key', () => {
  const config = parse('web', printed('hostkeyalias Site.Example'), {})
  expect([config.knownAs, config.aliased]).toEqual(['site.example', true])
})

test.each(['bindinterface eth7', 'proxyusefdpass yes', 'revokedhostkeys /etc/ssh/revoked', 'tunnel point-to-point'])(
  'the unsupported setting "%s" is rejected',
  line => {
    expect(() => parse('web', printed(line), {})).toThrow(`sets "${line}", which is not supported`)
  },
)

test.each([
  ['gate', { host: 'gate' }],
  ['me@gate', { host: 'gate', user: 'me' }],
  ['gate:2200', { host: 'gate', port: 2200 }],
  ['me@[::1]:2200', { host: '::1', user: 'me', port: 2200 }],
  ['ssh://me@gate:2200', { host: 'gate', user: 'me', port: 2200 }],
])('the jump host %s is parsed', (text, expected) => {
  expect(parseJump(text)).toEqual(expected)
})
