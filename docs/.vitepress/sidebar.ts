/** What the pages are called in the menu, and in which order they are read. */
import type { DefaultTheme } from 'vitepress'

const group = (text: string, ...items: readonly (readonly [string, string])[]): DefaultTheme.SidebarItem => ({
  text,
  collapsed: false,
  items: items.map(([text, link]) => ({ text, link })),
})

export const sidebar: DefaultTheme.SidebarItem[] = [
  group('Begin', ['Overview', '/'], ['Quick start', '/quick-start']),
  group(
    'Every day',
    ['Commands', '/commands'],
    ['Maintenance', '/maintenance'],
    ['Troubleshooting', '/troubleshooting'],
    ['Errors', '/errors'],
    ['All commands and flags', '/reference-commands'],
  ),
  group(
    'Configure',
    ['The application', '/application'],
    ['The host', '/hosts'],
    ['Routers and TLS', '/routers'],
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
    ['Compared', '/compared'],
    ['Security', '/project/security'],
  ),
  group(
    'Examples',
    ['Phoenix, Elixir', '/examples/life'],
    ['Node.js', '/examples/node'],
    ['Ruby', '/examples/ruby'],
    ['Python', '/examples/python'],
    ['Go', '/examples/go'],
    ['Containers', '/examples/container'],
    ['Static site', '/examples/static'],
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
