/**
 * The kinds of applications, in the order in which a folder is asked for them. Languages with an asset pipeline come before Node.js, because their
 * applications have a package.json too; a Dockerfile or an index.html says least. A further kind is a file in `stacks/` and a line here.
 */
import type { Folder } from './folder.ts'
import type { Stack } from './stack.ts'
import { docker } from './stacks/docker.ts'
import { elixir } from './stacks/elixir.ts'
import { go } from './stacks/go.ts'
import { node } from './stacks/node.ts'
import { other } from './stacks/other.ts'
import { php } from './stacks/php.ts'
import { python } from './stacks/python.ts'
import { ruby } from './stacks/ruby.ts'
import { staticSite } from './stacks/static.ts'

export const STACKS: readonly Stack[] = [elixir, ruby, python, go, php, node, docker, staticSite, other]

export interface Found {
  readonly stack: Stack
  /** The file that decided. */
  readonly by: string
  /** Other kinds that the folder could be as well, the likeliest first. */
  readonly others: readonly string[]
}

/** @param named the name of a kind, instead of the likeliest one */
export function stackOf(folder: Folder, named?: string): Found {
  const fitting = STACKS.flatMap(stack => {
    const by = stack.found(folder)
    return by === undefined ? [] : [{ stack, by }]
  })
  const chosen = fitting.find(({ stack }) => named === undefined || stack.name === named)
  const stack = chosen?.stack ?? STACKS.find(({ name }) => name === named) ?? other
  const others = fitting.flatMap(fit => (fit.stack === stack || fit.stack === other ? [] : [fit.stack.name]))
  return { stack, by: chosen?.by ?? `--stack ${named}`, others }
}
