/** What the pages are called in the menu, and in which order they are read. */
import type { DefaultTheme } from 'vitepress'
import { SAMPLES } from '../generate/samples.ts'

const group = (text: string, ...items: readonly (readonly [string, string])[]): DefaultTheme.SidebarItem => ({
  text,
  collapsed: false,
  items: items.map(([text, link]) => ({ text, link })),
})

export const sidebar: DefaultTheme.SidebarItem[] = [
  group('Begin', ['Overview', '/'], ['Quick start', '/quick-start'], ['How it works', '/how-it-works']),
  group('Quick starts', ...SAMPLES.map(({ name, title }) => [title, `/quick-start-${name}`] as const)),
  group(
    'Every day',
    ['Commands', '/commands'],
    ['Every day', '/every-day'],
    ['Deploys from CI', '/ci'],
    ['Production checklist', '/production'],
    ['Maintenance', '/maintenance'],
    ['Troubleshooting', '/troubleshooting'],
    ['Errors', '/errors'],
    ['All commands and flags', '/reference-commands'],
  ),
  group(
    'Configure',
    ['The application', '/application'],
    ['The host', '/hosts'],
    ['Several hosts', '/fleet'],
    ['Routers and TLS', '/routers'],
    ['Canary', '/canary'],
    ['Docker Swarm', '/swarm'],
    ['Destinations', '/destinations'],
    ['Variables and secrets', '/secrets'],
    ['Hooks and notifications', '/hooks'],
    ['All options', '/reference-options'],
  ),
  group(
    'Understand',
    ['Reliability', '/reliability'],
    ['Performance', '/performance'],
    ['The rehearsal', '/rehearsal'],
    ['Its machine', '/vagrant'],
    ['Compared', '/compared'],
    ['From a shell script', '/migrate-from-script'],
    ['From Kamal', '/migrate-from-kamal'],
    ['Security', '/project/security'],
  ),
  group(
    'Examples',
    ['Phoenix, Elixir', '/examples/life'],
    ['Node.js', '/examples/node'],
    ['Ruby', '/examples/ruby'],
    ['Python', '/examples/python'],
    ['PHP', '/examples/php'],
    ['Go', '/examples/go'],
    ['Containers', '/examples/container'],
    ['Static site', '/examples/static'],
    ['Several hosts', '/examples/fleet'],
    ['Docker Swarm', '/examples/swarm'],
  ),
  group(
    'Extend',
    ['Writing a plugin', '/plugins'],
    ['Architecture', '/architecture'],
    ['Where to begin in the code', '/contributing'],
    ['Contributing', '/project/contributing'],
    ['Changelog', '/project/changelog'],
  ),
]
