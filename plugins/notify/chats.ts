/** Notifications by the webhooks of chats, and of anything else that takes JSON. */
import {
  call,
  checked,
  type Fields,
  fields,
  isUrl,
  optional,
  record,
  text,
  thing,
} from '../../runner/taskfile/shape.ts'
import { type Notification, type Notifier, type NotifierOptions, textOf } from '../../slots/notify/notifier.ts'

export interface WebhookOptions extends NotifierOptions {
  /**
   * The URL of the webhook: a secret, so take it from the environment. Without it nothing is sent, as where the variable is not set.
   *
   * @example slack({ url: env.SLACK_URL })
   */
  readonly url: string | undefined
}

export interface JsonWebhookOptions extends WebhookOptions {
  /**
   * Further headers, whose values are redacted.
   *
   * @default none
   */
  readonly headers?: Readonly<Record<string, string>>
}

const url = thing<string | undefined>(
  'a URL that begins with https:// or http://',
  value => value === undefined || isUrl(value),
)
// A URL that is undefined is one that is missing.
const RULES = { url: { ...optional(url) }, text: optional(call<(notification: Notification) => string>('a function')) }
const OPTIONS = fields<Partial<WebhookOptions>>(RULES as Fields<Partial<WebhookOptions>>)
const JSON_OPTIONS = fields<Partial<JsonWebhookOptions>>({
  ...(RULES as Fields<Partial<WebhookOptions>>),
  headers: optional(record(text)),
})

type Body = (text: string, notification: Notification) => object

function notifier(name: string, options: JsonWebhookOptions, body: Body): Notifier {
  const { url, headers = {}, text = textOf } = options
  return {
    name,
    secrets: [...(url === undefined ? [] : [url, new URL(url).pathname]), ...Object.values(headers)],
    async send(notification, signal) {
      if (url === undefined) return
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body(text(notification), notification)),
        signal,
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`the answer was status ${response.status}`)
    },
  }
}

/**
 * A message in Slack, by an incoming webhook.
 *
 * @example notify: [slack({ url: env.SLACK_URL })]
 */
export function slack(options: WebhookOptions): Notifier {
  checked('slack()', OPTIONS, options)
  const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  return notifier('slack', options, text => ({ text: escaped(text) }))
}

/** Discord's limit for a message. */
const DISCORD = 2000

/**
 * A message in Discord, by a webhook of the channel. It mentions nobody.
 *
 * @example notify: [discord({ url: env.DISCORD_URL })]
 */
export function discord(options: WebhookOptions): Notifier {
  checked('discord()', OPTIONS, options)
  return notifier('discord', options, text => ({ content: text.slice(0, DISCORD), allowed_mentions: { parse: [] } }))
}

/**
 * A message in Microsoft Teams, by a workflow that takes webhook requests.
 *
 * @example notify: [teams({ url: env.TEAMS_URL })]
 */
export function teams(options: WebhookOptions): Notifier {
  checked('teams()', OPTIONS, options)
  return notifier('teams', options, text => ({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [{ type: 'TextBlock', text, wrap: true }],
        },
      },
    ],
  }))
}

/**
 * A POST request whose JSON has the text and everything that is known about the run.
 *
 * @example notify: [webhook({ url: env.HOOK_URL, headers: { Authorization: `Bearer ${env.HOOK_TOKEN}` } })]
 */
export function webhook(options: JsonWebhookOptions): Notifier {
  checked('webhook()', JSON_OPTIONS, options)
  return notifier('webhook', options, (text, notification) => ({ text, ...notification }))
}
