/** Notifications, sent to a server on this machine. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { byCommand, discord, slack, teams, webhook } from '../../../index.ts'
import { type Notification, type Notifier, notifyAll, textOf } from '../../../slots/notify/notifier.ts'

const done: Notification = {
  event: 'promote',
  result: 'done',
  live: true,
  app: 'life',
  host: 'web-1',
  destination: 'production',
  command: 'promote',
  deploy: '20261126T100000Z-0001',
  by: 'ann@desk',
  version: '0.1.1',
  slot: 'green',
  ms: 12_300,
}
const error = { code: 'HEALTH_LATE', message: 'green is not <healthy> & late.' }

interface Got {
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

let got: Got[]
let answer: number | 'none'
let server: Server
let url: string
beforeEach(async () => {
  got = []
  answer = 200
  server = createServer(async (request, response) => {
    got.push({ path: request.url, headers: request.headers, body: JSON.parse(await text(request)) })
    if (answer !== 'none') response.writeHead(answer).end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/services/T00/B00/sesame`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const send = (notifier: Notifier, notification: Notification = done) => notifyAll([notifier], notification)

describe('the text of a notification', () => {
  it.each<[string, Partial<Notification>, string]>([
    ['a promote', {}, 'life 0.1.1 is live in green on production (web-1) (promote), by ann@desk, 12 s.'],
    [
      'a deploy without a promote and without destinations',
      { event: 'deploy', live: false, destination: undefined },
      'life 0.1.1 was deployed in green on web-1 and is not live yet, by ann@desk, 12 s.',
    ],
    [
      'a failure before anything was built',
      { event: 'deploy', result: 'failed', live: false, version: undefined, slot: undefined, error },
      'The deploy of life on production (web-1) failed, by ann@desk, 12 s: green is not <healthy> & late. [HEALTH_LATE]',
    ],
    [
      'a promote that was taken back',
      { result: 'undone', live: false, error },
      'The promote of life 0.1.1 on production (web-1) failed, and what it had changed was undone, by ann@desk, 12 s: green is not <healthy> & late. [HEALTH_LATE]',
    ],
  ])('tells of %s', (_, more, wanted) => {
    expect(textOf({ ...done, ...more })).toBe(wanted)
  })
})

describe('a notification', () => {
  it('for Slack has the text, in which nothing is a mention or a link', async () => {
    expect(await send(slack({ url }), { ...done, result: 'failed', error })).toEqual([])
    expect(got).toHaveLength(1)
    expect(got[0]?.path).toBe('/services/T00/B00/sesame')
    expect(got[0]?.headers['content-type']).toBe('application/json')
    expect(got[0]?.body).toEqual({ text: expect.stringContaining('green is not &lt;healthy&gt; &amp; late.') })
  })

  it('for Discord is cut to the length of a message, and mentions nobody', async () => {
    await send(discord({ url, text: () => `@everyone ${'x'.repeat(3000)}` }))
    expect(got[0]?.body).toEqual({ content: `@everyone ${'x'.repeat(1990)}`, allowed_mentions: { parse: [] } })
  })

  it('for Teams is an adaptive card', async () => {
    await send(teams({ url }))
    expect(got[0]?.body).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: { type: 'AdaptiveCard', body: [{ type: 'TextBlock', text: textOf(done), wrap: true }] },
        },
      ],
    })
  })

  it('for a webhook has everything that is known, and headers of its own', async () => {
    await send(
      webhook({
        url,
        headers: { Authorization: 'Bearer open-sesame' },
        text: ({ app, result }) => `${app}: ${result}`,
      }),
    )
    expect(got[0]?.body).toEqual({ ...done, text: 'life: done' })
    expect(got[0]?.headers.authorization).toBe('Bearer open-sesame')
  })

  it('by a command has the text as input and what is known as variables', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'notify-'))
    const command = `{ cat; echo "$TASK_APP $TASK_EVENT $TASK_RESULT $TASK_SLOT $TASK_DESTINATION"; } > '${folder}/out'`
    expect(await send(byCommand(command))).toEqual([])
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe(`${textOf(done)}\nlife promote done green production\n`)
    await rm(folder, { recursive: true })
  })

  it('without a URL, as where the variable is not set, is not sent', async () => {
    expect(await send(slack({ url: undefined }))).toEqual([])
    expect(got).toEqual([])
  })
})

describe('a notification that fails is a warning without the URL:', () => {
  it('an answer that refuses it', async () => {
    answer = 404
    expect(await send(slack({ url }))).toEqual([
      'warning: the notification by slack was not sent: the answer was status 404.',
    ])
  })

  it('nobody listens', async () => {
    server.close()
    server.closeAllConnections()
    const [warning = ''] = await send(discord({ url }))
    expect(warning).toBe('warning: the notification by discord was not sent: ECONNREFUSED.')
  })

  it('no answer within five seconds, for a server and for a command', async () => {
    answer = 'none'
    const began = performance.now()
    const warnings = await notifyAll([teams({ url }), byCommand('sleep 60')], done)
    expect(performance.now() - began).toBeLessThan(15_000)
    expect(warnings).toEqual([
      'warning: the notification by teams was not sent: it took longer than 5 s.',
      'warning: the notification by `sleep` was not sent: it took longer than 5 s.',
    ])
  })

  it('a command that fails', async () => {
    expect(await send(byCommand('mail-me; exit 3'))).toEqual([
      'warning: the notification by `mail-me;` was not sent: it exited with 3.',
    ])
  })

  it('a text function that throws', async () => {
    const broken = slack({
      url,
      text: () => {
        throw new Error('no such thing')
      },
    })
    expect(await send(broken)).toEqual(['warning: the notification by slack was not sent: no such thing.'])
  })
})

it('the URL of a webhook and the values of its headers are secrets', () => {
  expect(webhook({ url, headers: { Authorization: 'Bearer open-sesame' } }).secrets).toEqual([
    url,
    '/services/T00/B00/sesame',
    'Bearer open-sesame',
  ])
})

it.each<[string, () => unknown, string]>([
  ['a URL that is none', () => slack({ url: 'hooks.slack.com' }), '`url` of slack() cannot be'],
  [
    'an unknown option',
    () => discord({ url: 'https://x', channel: 'y' } as never),
    'discord() has no option `channel`',
  ],
  [
    'a text that is no function',
    () => teams({ url: 'https://x', text: 'done' } as never),
    '`text` of teams() cannot be',
  ],
  ['an empty command', () => byCommand(''), 'byCommand() cannot be'],
])('%s is refused', (_, create, message) => {
  expect(create).toThrowError(message)
})
