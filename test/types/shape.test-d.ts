import { describe, it } from 'vitest'
import { fields, number, optional, text } from '../../runner/taskfile/shape.ts'

interface One {
  readonly name: string
  readonly size?: number
}
type Both = { readonly site: string } & ({ readonly mode?: 'a'; readonly only?: string } | { readonly mode: 'b' })

const size = number('a size', () => true)

describe('the rules of a factory', () => {
  it('are one for each of its options', () => {
    fields<One>({ name: text, size: optional(size) })
    // @ts-expect-error `size` has no rule
    fields<One>({ name: text })
    // @ts-expect-error there is no `sise`
    fields<One>({ name: text, size: optional(size), sise: optional(size) })
  })

  it('are for its type, and optional exactly where it is', () => {
    // @ts-expect-error a number is no text
    fields<One>({ name: size, size: optional(size) })
    // @ts-expect-error `name` is needed
    fields<One>({ name: optional(text), size: optional(size) })
    // @ts-expect-error `size` may be left out
    fields<One>({ name: text, size })
  })

  it('are those of every member of a union', () => {
    // @ts-expect-error `only` has no rule
    fields<Both>({ site: text, mode: optional(text as never) })
  })
})
