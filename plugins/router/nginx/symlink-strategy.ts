/** Switches without a reload: nginx reads a symbolic link on each request. A switch needs no root. */
import { type HostFile, liveLink, type PluginContext, switchKeeping } from '../shared.ts'
import { assetsBlock } from './assets.ts'
import { idleByLink } from './preview.ts'
import { enable, forget, refresh } from './site.ts'
import type { Site, SwitchStrategy } from './strategy.ts'
import { canaryBlock, maintenanceBlock, plainWord, render, shipped } from './templates.ts'

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
  { paths, program, listening, include, values, added, names, assets, canary }: Site,
): SwitchStrategy {
  const { slots } = context
  const router = plainWord('folder', context.layout.router)
  const fill = (name: 'live-link' | 'site') =>
    render(
      shipped(name),
      {
        ...values,
        ...added.lines,
        app: context.app,
        options: added.options(idleByLink(slots)),
        router,
        include: paths.include,
        maintenance: maintenanceBlock(router),
        assets: assetsBlock({ app: context.app, router }, slots, assets),
        canary: canaryBlock(router, slots, canary),
      },
      slots,
    )
  const link = liveLink(router, slots, slot => slot)
  return {
    files: include ? [[paths.include]] : [[paths.include], paths.enabled, ...added.links],
    texts: [paths.include],
    own: [
      paths.include,
      paths.available,
      ...paths.enabled,
      ...added.files.map(({ path }) => path),
      ...added.links.flat(),
    ],
    generations: true,
    ...link,
    switchTo: switchKeeping(context.layout, assets, link.switchTo),
    provision() {
      const lenient = listening.lenient ? [paths.available, ...added.lenient] : []
      const own = [
        `Add this line to your own nginx server block: include ${paths.include};`,
        ...names.slice(1).map(name => `Add the name of the preview to that block: server_name ${name};`),
      ]
      const notes = include ? own : added.notes
      const inner = { path: paths.include, text: fill('live-link'), mode: 0o644 }
      return {
        tools: { [program.path]: program.service, curl: 'curl' },
        files: include
          ? [inner, ...added.files]
          : [inner, { path: paths.available, text: fill('site'), mode: 0o644, edits }, ...added.files],
        folders: [{ path: router, mode: 0o755 }],
        sudo: [program.test],
        apply: [
          ...added.prepare,
          include
            ? refresh(program)
            : enable({ program, target: paths.available, enabled: paths.enabled, lenient, http2: added.http2 }),
        ],
        unapply: [forget(program), ...added.forget],
        ...(!include && { links: [paths.enabled, ...added.links] }),
        ...(notes.length > 0 && { notes }),
      }
    },
  }
}
