/** F60: which values of an environment are redacted. */
import { describe, expect, it } from 'vitest'
import { redactingEmitter } from '../../../runner/engine/emit.ts'
import { redactor } from '../../../runner/secrets/redact.ts'
import { isEveryday, partsOf, secretsOf } from '../../../slots/environment/secrets.ts'

const hiding = (values: Record<string, string>, known: string[] = [], plain: string[] = []) => {
  const made = redactor()
  made.hide(secretsOf(values, { known, plain }))
  return made
}

describe('F60 the redaction of environment values', () => {
  it.each([
    ...[
      'live',
      'true',
      'TRUE',
      'false',
      'info',
      'prod',
      'production',
      'Production',
      'staging',
      'debug',
      'smtp',
      'postgres',
    ],
    ...['4000', '5432', '0', '127.0.0.1', '0.1.1', '30s', '500ms', '256MB', '80%'],
    // Words of our own output: results, keys, commands, sentences.
    ...[
      'blue',
      'green',
      'idle',
      'slot',
      'release',
      'healthy',
      'stopped',
      'failed',
      'done',
      'deploy',
      'promote',
      'roundTrips',
    ],
    ...['artifact', 'router', 'drain', 'journal', 'start-idle', 'systemd', 'nginx', 'no slot', 'romo'],
  ])('does not redact the everyday value %s', value => {
    expect(isEveryday(value)).toBe(true)
    const sentence = `it is ${value}, and says "${value}"`
    expect(hiding({ SETTING: value }).text(sentence)).toBe(sentence)
  })

  it.each([
    'hunter',
    'monkeywrench',
    'sesame',
    'sk_live_51HxYz',
    '483920',
    'correct-horse-battery',
    'Blue5',
    'a1b2c3',
    'hunter2',
  ])('redacts %s', value => {
    expect(isEveryday(value)).toBe(false)
    expect(hiding({ SETTING: value }).text(`it says "${value}".`)).toBe('it says "[hidden]".')
  })

  it('does not redact the names of application, host and site, or what the Taskfile marks as plain', () => {
    const values = { APP: 'Shop', HOST: 'shop.example', ROOT: '/srv/shop', KEY: 'pk_test_1234', TOKEN: 'tk_1234' }
    const made = hiding(values, ['shop', '/srv/shop', 'shop.example'], ['KEY'])
    expect(made.text(Object.values(values).join(' '))).toBe('Shop shop.example /srv/shop pk_test_1234 [hidden]')
  })

  it('keeps known keys of JSON but redacts every text in it', () => {
    const events: unknown[] = []
    const made = hiding({ A: 'live', B: 'slot', C: 'sk_secret_123', D: 'roundTrips', E: 'connections' })
    const emit = redactingEmitter({ handle: (event: unknown) => void events.push(event) } as never, made)
    const data = {
      slot: 'blue',
      live: true,
      connections: 3,
      roundTrips: 4000,
      said: 'sk_secret_123 is live',
      sk_secret_123: 1,
    }
    emit({ type: 'show', text: 'slot live', data })
    expect(events).toEqual([
      {
        type: 'show',
        text: 'slot live',
        data: { slot: 'blue', live: true, connections: 3, roundTrips: 4000, said: '[hidden] is live', '[hidden]': 1 },
      },
    ])
  })
})

describe('F60 the parts of a secret', () => {
  const pem = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n'
  const account = JSON.stringify({
    type: 'service_account',
    id: 8_675_309,
    private_key: pem,
    nested: { list: ['d33p-s3cret'] },
  })
  it.each<[string, string, string[]]>([
    ['the password of a URL', 'postgres://life:p4ss-w0rd@db.example:5432/life_prod', ['p4ss-w0rd']],
    [
      'a URL password with percent-encoded characters, as written and decoded',
      'ecto://u:p%40ss%2Fw0rd@db/x',
      ['p%40ss%2Fw0rd', 'p@ss/w0rd'],
    ],
    ['a URL password with an @', 'amqp://u:p@ss-w0rd@mq/x', ['p@ss-w0rd']],
    ['a URL password without a user', 'redis://:r3dis-pw@cache:6379/0', ['r3dis-pw']],
    ['a user that is a token', 'https://0123456789abcdef@sentry.example/4', ['0123456789abcdef']],
    ['the passwords of several URLs', 'redis://:one-pw-1@a redis://:two-pw-2@b', ['one-pw-1', 'two-pw-2']],
    ['a parameter in the query of a URL', 'https://s3.example/x?X-Signature=c2lnbmVk&region=eu', ['c2lnbmVk']],
    ['the password of a key=value connection string', "host=db password='qu0ted pw' sslmode=require", ['qu0ted pw']],
    ['the password of a connection string with semicolons', 'Server=db;User Id=sa;Password=s3rver-pw;', ['s3rver-pw']],
    ['the password of user:password', 'admin:b4sic-pw', ['b4sic-pw']],
    ['members of JSON, at any depth', account, ['d33p-s3cret', '8675309']],
    ['the lines of a key in JSON', account, ['MIIEvQIBADANBgkq', 'hkiG9w0BAQEFAASC']],
    ['the content of base64', Buffer.from('{"token":"in-b4se64"}').toString('base64'), ['in-b4se64']],
    ['members of a list', 'k3y-number-one, k3y-number-two', ['k3y-number-one', 'k3y-number-two']],
    ['the decoded form of a URL-encoded value', 'ab%2Bcd%3Def-123', ['ab+cd=ef-123']],
  ])('include %s', (_, value, parts) => {
    const made = hiding({ SECRET: value })
    for (const part of parts) {
      expect(made.text(`before ${part} after`)).toBe('before [hidden] after')
      // As written in JSON and in URLs.
      expect(made.text(JSON.stringify({ said: part }))).not.toContain(JSON.stringify(part).slice(1, -1))
      expect(made.text(encodeURIComponent(part))).toContain('[hidden]')
    }
  })

  it('exclude everyday values', () => {
    const made = hiding(
      { URL: 'postgres://life:life@localhost:5432/life', JSON: '{"mode":"live","port":4000,"debug":"true"}' },
      ['life'],
    )
    const text = 'life is live on localhost, port 4000: true'
    expect(made.text(text)).toBe(text)
  })

  it('are found in under 5 seconds in a very long value', () => {
    const long = `{${'"a":['.repeat(500)}`.concat('x=y;'.repeat(20_000))
    const began = performance.now()
    partsOf(long)
    partsOf(JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, `value-${i}`]))))
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})
