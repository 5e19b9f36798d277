/** Switches without a reload: nginx reads a symbolic link on each request. A switch needs no root. */
import type { HostFile, PluginContext } from '../../../slots/contracts.ts'
import { liveLink } from '../live-link.ts'
import { enable, forget, refresh } from './site.ts'
import type { Site, SwitchStrategy } from './strategy.ts'
import { maintenanceBlock, plainWord, render, shipped } from './templates.ts'

/** Keeps what certbot or people add to the site file. */
const edits: NonNullable<HostFile['edits']> = {
  ours: line => /^(?:server \{|\}|(?:listen|server_name|include) [^ ;]+;)$/.test(line),
  satisfied: (line, theirs) =>
    /^listen \[::\]:\d+;$/.test(line) ||
    // With an added parameter, such as `default_server`.
    (line.startsWith('listen ') && theirs.some(other => other.startsWith(`${line.slice(0, -1)} `))) ||
    (line.startsWith('server_name ') && theirs.some(other => other.split(/[ ;]+/).includes(line.slice(12, -1)))),
}

export function symlinkStrategy(
  context: PluginContext,
  { paths, program, listening, include, values }: Site,
): SwitchStrategy {
  const { slots } = context
  const router = plainWord('folder', context.layout.router)
  const fill = (name: 'live-link' | 'site') =>
    render(shipped(name), { ...values, router, include: paths.include, maintenance: maintenanceBlock(router) }, slots)
  return {
    files: include ? [[paths.include]] : [[paths.include], paths.enabled],
    texts: [paths.include],
    own: [paths.include, paths.available, ...paths.enabled],
    generations: true,
    ...liveLink(router, slots, slot => slot),
    provision() {
      const lenient = listening.lenient ? [paths.available] : []
      const inner = { path: paths.include, text: fill('live-link'), mode: 0o644 }
      return {
        tools: { [program.path]: program.service, curl: 'curl' },
        files: include ? [inner] : [inner, { path: paths.available, text: fill('site'), mode: 0o644, edits }],
        folders: [{ path: router, mode: 0o755 }],
        sudo: [program.test],
        apply: [
          include ? refresh(program) : enable({ program, target: paths.available, enabled: paths.enabled, lenient }),
        ],
        unapply: [forget(program)],
        ...(!include && { links: [paths.enabled] }),
        ...(include && { notes: [`Add this line to your own nginx server block: include ${paths.include};`] }),
      }
    },
  }
}
